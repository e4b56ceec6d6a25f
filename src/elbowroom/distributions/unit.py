"""Distributions of bits, and of grey values in [0, 1]."""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.distributions import Independent

from elbowroom.distributions.own import Unvalidated


class Bernoulli(Independent):
    r"""A coin for every element of an event, from its logit :math:`l`.

    .. math:: \log p(x) = \sum_i x_i l_i - \log(1 + e^{l_i})

    Torch's own, but where no gradient is wanted it is scored as above, in place: an importance bound scores thousands
    of codes for each example, for which torch's cross-entropy takes half as long as the decoder.

    Args:
        logits: (..., *event).
        event_dim: how many trailing dimensions make one event.

    >>> p, x = Bernoulli(torch.tensor([[0.0, 3.0]])), torch.tensor([1.0, 0.5])
    >>> with torch.no_grad():
    ...     print(p.log_prob(x), p.base_dist.log_prob(x).sum(-1))
    tensor([-2.2417]) tensor([-2.2417])
    """

    def __init__(self, logits: Tensor, event_dim: int = 1) -> None:
        coin = torch.distributions.Bernoulli(logits=logits, validate_args=False)
        super().__init__(coin, event_dim, validate_args=False)
        self.logits = logits

    def log_prob(self, value: Tensor) -> Tensor:  # noqa: D102
        fits = torch.broadcast_shapes(value.shape, self.logits.shape) == self.logits.shape
        if torch.is_grad_enabled() or not fits or value.dtype != self.logits.dtype:
            return super().log_prob(value)
        dims = tuple(range(-len(self.event_shape), 0))
        scores = self.logits.exp().add_(1).log_().addcmul_(self.logits, value, value=-1).sum(dims).neg_()
        # In single precision a logit above 88 has no exponential.
        return scores if scores.isfinite().all() else super().log_prob(value)


class ContinuousBernoulli(Unvalidated):
    r"""The Bernoulli's cross-entropy made a density on [0, 1], from its logit :math:`l`.

    .. math:: \log p(x) = x\,l - \mathrm{softplus}(l) + \log\frac{l}{\tanh(l/2)}

    Loaiza-Ganem & Cunningham 2019, arXiv 1907.06845. The normaliser is written in the logit, so it stays exact where
    the probability rounds to 0 or 1; near :math:`l = 0` its series is used.

    >>> x = torch.linspace(0, 1, 10_001)
    >>> round(torch.trapezoid(ContinuousBernoulli(torch.tensor(3.0)).log_prob(x).exp(), x).item(), 4)
    1.0
    """

    def __init__(self, logits: Tensor) -> None:
        self.logits = logits
        super().__init__(logits.shape)

    def _away_from_zero(self) -> tuple[Tensor, Tensor]:
        small = self.logits.abs() < 1e-2
        # A harmless stand-in where the series is used, so that no NaN gradient comes out of the unused branch.
        return small, torch.where(small, torch.ones_like(self.logits), self.logits)

    @property
    def mean(self) -> Tensor:  # noqa: D102
        small, logit = self._away_from_zero()
        return torch.where(small, 0.5 + self.logits / 12, -1 / torch.expm1(-logit) - 1 / logit)

    def log_prob(self, value: Tensor) -> Tensor:  # noqa: D102
        small, logit = self._away_from_zero()
        normaliser = torch.where(small, math.log(2) + self.logits**2 / 12, (logit / torch.tanh(logit / 2)).log())
        return value * self.logits - F.softplus(self.logits) + normaliser

    def sample(self, sample_shape: Any = torch.Size()) -> Tensor:  # noqa: D102
        u = torch.rand(self._extended_shape(sample_shape), dtype=self.logits.dtype, device=self.logits.device)
        small, logit = self._away_from_zero()
        # The inverse distribution function, log(1 + u (e^l - 1)) / l, without the overflow of e^l.
        inverse = 1 + torch.logaddexp(u.log(), torch.log1p(-u) - logit) / logit
        return torch.where(small, u, inverse).clamp(0, 1)
