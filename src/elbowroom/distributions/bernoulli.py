"""Bernoulli and continuous Bernoulli distributions."""

from __future__ import annotations

import math
from functools import cached_property
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.distributions import Distribution, Independent

from elbowroom.distributions.base import UncheckedDistribution


class IndependentBernoulli(Independent[Any]):
    r"""Independent Bernoulli variables, one for every element of an event, with logit :math:`l`.

    .. math:: \log p(x) = \sum_i x_i l_i - \log(1 + e^{l_i})

    Equal to torch's. Without gradients the formula above is computed in place: an importance bound scores thousands of
    latents for each example, for which torch's cross-entropy takes half as long as the decoder.

    Args:
        logits: (..., *event).
        event_dim: how many trailing dimensions make one event.

    >>> p, x = IndependentBernoulli(torch.tensor([[0.0, 3.0]])), torch.tensor([1.0, 0.5])
    >>> with torch.no_grad():
    ...     print(p.log_prob(x), p.base_dist.log_prob(x).sum(-1))
    tensor([-2.2417]) tensor([-2.2417])
    """

    def __init__(self, logits: Tensor, event_dim: int = 1) -> None:
        split = logits.dim() - event_dim
        self.logits, self.reinterpreted_batch_ndims = logits, event_dim
        Distribution.__init__(self, logits.shape[:split], logits.shape[split:], validate_args=False)

    @cached_property
    def base_dist(self) -> torch.distributions.Bernoulli:
        """The elements as a batch; built on first use, which takes as long as scoring a few hundred images."""
        return torch.distributions.Bernoulli(logits=self.logits, validate_args=False)

    def log_prob(self, value: Tensor) -> Tensor:
        if torch.is_grad_enabled() or not _can_score_in_place(value, self.logits):
            return self._log_prob_by_element(value)
        dims = tuple(range(-len(self.event_shape), 0))
        scores = self.logits.exp().add_(1).log_().addcmul_(self.logits, value, value=-1).sum(dims).neg_()
        # In single precision a logit above 88 has no exponential.
        return scores if math.isfinite(scores.sum().item()) else self._log_prob_by_element(value)

    def _log_prob_by_element(self, value: Tensor) -> Tensor:
        return cast(Tensor, super().log_prob(value))  # type: ignore[no-untyped-call]


def _can_score_in_place(value: Tensor, logits: Tensor) -> bool:
    """Whether an in-place operation on ``logits`` can take ``value``: same dtype, and broadcastable."""
    pairs = zip(reversed(value.shape), reversed(logits.shape), strict=False)
    return value.dtype == logits.dtype and value.dim() <= logits.dim() and all(a in (1, b) for a, b in pairs)


class PixelContinuousBernoulli(UncheckedDistribution):
    r"""Continuous Bernoulli: the Bernoulli cross-entropy normalised to a density on [0, 1], with logit :math:`l`.

    .. math:: \log p(x) = x\,l - \mathrm{softplus}(l) + \log\frac{l}{\tanh(l/2)}

    Loaiza-Ganem & Cunningham 2019, arXiv 1907.06845. The normaliser is written in the logit, so it stays exact where
    the probability rounds to 0 or 1; near :math:`l = 0` its series is used.

    >>> x = torch.linspace(0, 1, 10_001)
    >>> round(torch.trapezoid(PixelContinuousBernoulli(torch.tensor(3.0)).log_prob(x).exp(), x).item(), 4)
    1.0
    """

    def __init__(self, logits: Tensor) -> None:
        self.logits = logits
        super().__init__(logits.shape)

    def _safe_logits(self) -> tuple[Tensor, Tensor]:
        small = self.logits.abs() < 1e-2
        # A dummy value where the series is used, so that the unused branch of where() gives no NaN gradient.
        return small, torch.where(small, torch.ones_like(self.logits), self.logits)

    @property
    def mean(self) -> Tensor:
        small, logit = self._safe_logits()
        return torch.where(small, 0.5 + self.logits / 12, -1 / torch.expm1(-logit) - 1 / logit)

    def log_prob(self, value: Tensor) -> Tensor:
        small, logit = self._safe_logits()
        normaliser = torch.where(small, math.log(2) + self.logits**2 / 12, (logit / torch.tanh(logit / 2)).log())
        return value * self.logits - F.softplus(self.logits) + normaliser

    def sample(self, sample_shape: Any = torch.Size()) -> Tensor:
        u = torch.rand(self._extended_shape(sample_shape), dtype=self.logits.dtype, device=self.logits.device)
        small, logit = self._safe_logits()
        # The inverse distribution function, log(1 + u (e^l - 1)) / l, without the overflow of e^l.
        inverse = 1 + torch.logaddexp(u.log(), torch.log1p(-u) - logit) / logit
        return torch.where(small, u, inverse).clamp(0, 1)
