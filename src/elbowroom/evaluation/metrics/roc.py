"""Area under the ROC curve and average precision of a score, with standard errors."""

from __future__ import annotations

import torch
from torch import Tensor

from elbowroom.evaluation.metric import Metric

#: Bootstrap samples of the sets for the standard error of the average precision.
BOOTSTRAP_SAMPLES = 100


def auroc(low: Tensor, high: Tensor) -> Metric:
    r"""Return the area under the ROC curve: the probability that an anomaly scores higher than a normal example.

    .. math:: P(s > t) + \tfrac12 P(s = t)

    Its standard error is DeLong's (DeLong, DeLong & Clarke-Pearson 1988), by midranks (Sun & Xu 2014).

    Args:
        low: (N,), scores of normal examples.
        high: (M,), scores of anomalies.

    >>> auroc(torch.tensor([1.0, 2.0, 3.0]), torch.tensor([2.0, 4.0])).value
    0.75
    """
    n, m = len(low), len(high)
    ranks = midranks(torch.cat([low, high]).double())
    above = (ranks[n:] - midranks(high.double())) / n  # per anomaly: share of normal examples below it
    below = 1 - (ranks[:n] - midranks(low.double())) / m  # per normal example: share of anomalies above it
    error = (above.var() / m + below.var() / n).sqrt().item() if min(n, m) > 1 else None
    return Metric(
        above.mean().item(), "", "chance that an anomaly scores higher; DeLong's error", error, examples=n + m
    )


def midranks(x: Tensor) -> Tensor:
    """Return ranks from 1, equal values sharing their mean rank.

    >>> midranks(torch.tensor([3.0, 1.0, 3.0]))
    tensor([2.5000, 1.0000, 2.5000], dtype=torch.float64)
    """
    _, group, counts = torch.unique(x, return_inverse=True, return_counts=True)
    last = counts.cumsum(0).double()
    ranks: Tensor = (last - (counts - 1) / 2)[group]
    return ranks


def auprc(low: Tensor, high: Tensor) -> Metric:
    r"""Return the area under the precision-recall curve, as average precision :math:`\sum_i (R_i - R_{i-1}) P_i`.

    It depends on the share of anomalies: an uninformative score gets M / (N + M). Its standard error is the standard
    deviation over bootstrap samples of both sets.

    Args:
        low: (N,), scores of normal examples.
        high: (M,), scores of anomalies.

    >>> round(auprc(torch.tensor([1.0, 3.0]), torch.tensor([2.0, 4.0])).value, 4)
    0.8333
    """
    generator = torch.Generator().manual_seed(0)

    def resample(x: Tensor) -> Tensor:
        return x[torch.randint(len(x), (len(x),), generator=generator).to(x.device)]

    values = [average_precision(resample(low), resample(high)) for _ in range(BOOTSTRAP_SAMPLES)]
    error = torch.tensor(values).std().item()
    share = len(high) / (len(low) + len(high))
    how = f"average precision; {share:.2f} is chance"
    return Metric(average_precision(low, high), "", how, error, examples=len(low) + len(high))


def average_precision(low: Tensor, high: Tensor) -> float:
    """Return the sum over thresholds of precision times the gain in recall; equal scores are one threshold."""
    scores = torch.cat([low, high]).double()
    _, group, counts = torch.unique(scores, return_inverse=True, return_counts=True)
    positives = torch.zeros_like(counts).index_add_(0, group[len(low) :], torch.ones_like(group[len(low) :]))
    true_positives, predicted = positives.flip(0).cumsum(0), counts.flip(0).cumsum(0)
    return float(((true_positives / predicted).double() * positives.flip(0)).sum()) / len(high)
