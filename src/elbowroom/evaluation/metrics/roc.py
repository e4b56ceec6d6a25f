"""Area under the ROC curve and average precision of a score, with standard errors."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from elbowroom.evaluation.metric import Metric

if TYPE_CHECKING:
    import numpy as np

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
    from sklearn.metrics import roc_auc_score

    n, m = len(low), len(high)
    ranks = midranks(torch.cat([low, high]))
    above = (ranks[n:] - midranks(high)) / n  # per anomaly: share of normal examples below it
    below = (ranks[:n] - midranks(low)) / m  # per normal example: share of anomalies below it
    error = float((above.var(ddof=1) / m + below.var(ddof=1) / n) ** 0.5) if min(n, m) > 1 else None
    value = float(roc_auc_score([0] * n + [1] * m, ranks))
    return Metric(value, "", "chance that an anomaly scores higher; DeLong's error", error, examples=n + m)


def midranks(x: Tensor) -> np.ndarray:
    """Return ranks from 1, equal values sharing their mean rank; scikit-learn takes them where scores are infinite.

    >>> midranks(torch.tensor([3.0, 1.0, 3.0])).tolist()
    [2.5, 1.0, 2.5]
    """
    from scipy.stats import rankdata

    ranks: np.ndarray = rankdata(x.cpu().double())
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
    from sklearn.metrics import average_precision_score

    n, m = len(low), len(high)
    ranks = midranks(torch.cat([low, high]))
    how = f"average precision; {m / (n + m):.2f} is chance"
    error = _bootstrap_average_precision(torch.from_numpy(ranks), n, m).std().item()
    return Metric(float(average_precision_score([0] * n + [1] * m, ranks)), "", how, error, examples=n + m)


def _bootstrap_average_precision(ranks: Tensor, n: int, m: int) -> Tensor:
    """Return the average precision of bootstrap samples of n normal examples and m anomalies, sorted only once.

    A sample is how often each example is in it, which leaves the order of the scores as it is.
    """
    generator = torch.Generator().manual_seed(0)
    ranks, order = ranks.sort(descending=True)
    is_anomaly, is_threshold = order >= n, torch.cat([ranks.diff() != 0, torch.tensor([True])])
    values = []
    for _ in range(BOOTSTRAP_SAMPLES):
        drawn = [torch.randint(size, (size,), generator=generator).bincount(minlength=size) for size in (n, m)]
        counts = torch.cat(drawn)[order].double()
        found = (counts * is_anomaly).cumsum(0)[is_threshold]
        precision = found / counts.cumsum(0)[is_threshold].clamp_min(1)  # nobody above the first thresholds
        values.append((found.diff(prepend=found.new_zeros(1)) * precision).sum() / m)
    return torch.stack(values)
