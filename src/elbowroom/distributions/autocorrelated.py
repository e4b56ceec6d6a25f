"""A stationary autoregressive normal: each number of an event correlates with the one before."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor
from torch.distributions import register_kl

from elbowroom import noise
from elbowroom.distributions.base import UncheckedDistribution
from elbowroom.distributions.latent import Normal


class AutocorrelatedNormal(UncheckedDistribution):
    r"""A stationary autoregressive normal of order one along a vector, each number standard normal.

    .. math:: z_1 \sim \mathcal N(0, 1), \quad z_i = \alpha z_{i-1} + \sqrt{1 - \alpha^2}\, \epsilon_i

    Args:
        alpha: the correlation of neighbors, in [0, 1), a scalar.
        size: of the vector.

    >>> AutocorrelatedNormal(torch.tensor(0.5), 3).log_prob(torch.zeros(3))
    tensor(-2.4691)
    """

    has_rsample = True

    def __init__(self, alpha: Tensor, size: int) -> None:
        self.alpha, self.residual = alpha, 1 - alpha.square()
        super().__init__(torch.Size(), torch.Size((size,)))

    @property
    def mean(self) -> Tensor:
        return self.alpha.new_zeros(self.event_shape)

    @property
    def variance(self) -> Tensor:
        return self.alpha.new_ones(self.event_shape)

    def rsample(self, sample_shape: Any = torch.Size()) -> Tensor:
        eps = noise.standard_normal(self._extended_shape(sample_shape), self.alpha)
        z = [eps[..., 0]]
        for i in range(1, eps.shape[-1]):
            z.append(self.alpha * z[-1] + self.residual.sqrt() * eps[..., i])
        return torch.stack(z, -1)

    def log_prob(self, value: Tensor) -> Tensor:
        return self.expected_log_prob(value, torch.zeros_like(value))

    def expected_log_prob(self, loc: Tensor, variance: Tensor) -> Tensor:
        """Return the mean of log p(z), nats, over independent numbers of these means and variances, (..., D)."""
        steps = (loc[..., 1:] - self.alpha * loc[..., :-1]).square()
        steps = steps + variance[..., 1:] + self.alpha.square() * variance[..., :-1]
        squares = loc[..., 0].square() + variance[..., 0] + steps.sum(-1) / self.residual
        size = self.event_shape[0]
        return -0.5 * (squares + (size - 1) * self.residual.log() + size * math.log(2 * math.pi))


def committed_rate(alpha: float, size: int) -> float:
    r"""Return the smallest KL of any diagonal normal from an :class:`AutocorrelatedNormal`, in nats.

    .. math:: \delta = \tfrac12 \left( (n - 2) \log(1 + \alpha^2) - \log(1 - \alpha^2) \right)

    >>> round(committed_rate(0.9, 20), 2)
    6.17
    """
    return 0.5 * ((size - 2) * math.log1p(alpha**2) - math.log1p(-(alpha**2)))


@register_kl(Normal, AutocorrelatedNormal)  # type: ignore[no-untyped-call, untyped-decorator]
def _kl_autocorrelated(q: Normal, p: AutocorrelatedNormal) -> Tensor:
    entropy = 0.5 * (q.log_var.expand_as(q.loc) + 1 + math.log(2 * math.pi)).sum(-1)
    return -entropy - p.expected_log_prob(q.loc, q.variance)
