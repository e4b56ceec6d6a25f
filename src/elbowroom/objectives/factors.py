"""Supervision of latents by labels of factors."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from elbowroom.models.draw import Draw
from elbowroom.objectives.term import LabelSummary, Term


class FactorLabels(Term):
    r"""Supervision of the first latents by the labels of factors, one latent for each, nats per labelled example.

    .. math:: -\sum_j v_j \log \sigma(\mu_j(x)) + (1 - v_j) \log (1 - \sigma(\mu_j(x)))

    Locatello et al. 2020, arXiv 1905.01258: the posterior mean of latent j is the logit of factor j, whose values v
    lie in [0, 1]. Labels are attributes (B, A), or classes, the first A of which are a factor each. Examples whose
    label is unknown (−1, NaN) are left out, so that a few labels are enough; a batch without any adds zero.

    Deviation: the paper has a batch of labelled examples beside each of others, and here they are those of the batch.

    Args:
        factors: A, the number of factors.

    Raises:
        ValueError: the number is below 1; in training, there are no labels, another number, or the latent is smaller.

    >>> FactorLabels(5)
    factor_labels
    """

    name = "factor_labels"

    def __init__(self, factors: int) -> None:
        super().__init__()
        if factors < 1:
            raise ValueError(f"factors, which labels name, must be at least 1, got {factors}")
        self.factors = factors

    def check_labels(self, find_labels: Callable[[], LabelSummary]) -> None:
        data, kind, count = find_labels()
        if kind == "none":
            raise ValueError(f"factor labels are needed, and {data} has none: give data with labels, or train beta_vae")
        if count not in (None, self.factors):
            of = "classes, each of which is a factor" if kind == "classes" else "factors"
            raise ValueError(
                f"the labels of {data} are {count} {of}, and the objective was made for {self.factors}: make it for as "
                f"many, as with --factors {count}"
            )

    def forward(self, draw: Draw, step: Tensor) -> Tensor:
        values = label_values(draw.c, self.factors)
        logits = draw.q.mean.flatten(1)[:, : self.factors]
        if logits.shape[1] < self.factors:
            raise ValueError(f"a latent of {logits.shape[1]} for {self.factors} factors: give a larger latent")
        is_known = ~values.isnan()
        loss = F.binary_cross_entropy_with_logits(logits, values.nan_to_num(0.0), reduction="none")
        return (loss * is_known).sum() / is_known.any(1).sum().clamp_min(1)


def label_values(label: Tensor | None, factors: int) -> Tensor:
    """Return labels as the values of factors in [0, 1], (B, A); NaN where they are unknown.

    Args:
        label: attributes (B, A), or classes (B,), each of which is a factor.
        factors: A.

    Raises:
        ValueError: there are no labels, or another number.

    >>> label_values(torch.tensor([1, -1]), 2)
    tensor([[0., 1.],
            [nan, nan]])
    """
    if label is None:
        raise ValueError("factor labels are needed, and these data have no labels: give some, or train beta_vae")
    if label.dim() == 1 and not label.is_floating_point():
        # One comparison, not one_hot: it waits for the device to know the largest.
        values = (label[:, None] == torch.arange(factors, device=label.device)).float()
        return values.masked_fill((label < 0)[:, None], torch.nan)
    values = label.float().reshape(len(label), -1)
    if values.shape[1] != factors:
        raise ValueError(f"labels of {values.shape[1]} factors, expected {factors}: give factors={values.shape[1]}")
    return values.masked_fill(values < 0, torch.nan)
