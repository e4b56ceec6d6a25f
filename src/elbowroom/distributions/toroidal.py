"""Distributions on the torus, a product of circles: wrapped normal, uniform."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor
from torch.distributions import register_kl

from elbowroom import noise
from elbowroom.distributions.base import UncheckedDistribution
from elbowroom.manifolds.torus import Torus

#: Turns to either side whose densities are summed: enough for standard deviations up to π.
MAX_TURNS = 3
#: Below this standard deviation a wrapped normal has the entropy of a normal, to nine digits.
NARROW_SCALE = 0.5
#: Angles at which a wider density is summed for its entropy; it is periodic and smooth, so that few are exact.
N_ANGLES = 64
_LOG_2PI = math.log(2 * math.pi)


class ToroidalNormal(UncheckedDistribution):
    r"""Wrapped normals of independent angles: the heat kernel of the flat torus, at the time :math:`\sigma^2/2`.

    .. math:: \log p(z) = \sum_i \log \sum_n \mathcal N(z_i + 2 \pi n;\, \mu_i, \sigma_i^2)

    with respect to the product of arc lengths, nats.

    Args:
        loc: angles μ, (..., D).
        scale: standard deviations σ up to π, (..., D); at π it is uniform but for a hundredth.

    >>> q = ToroidalNormal(torch.zeros(1, 2), torch.full((1, 2), 0.1))
    >>> q.log_prob(torch.tensor([0.0, 2 * math.pi])), q.kl_from_uniform
    (tensor([2.7673]), tensor([[2.7215, 2.7215]]))
    """

    has_rsample = True

    def __init__(self, loc: Tensor, scale: Tensor) -> None:
        self.loc, self.scale = loc, scale
        super().__init__(loc.shape[:-1], loc.shape[-1:])

    @property
    def mean(self) -> Tensor:
        """The mean directions of the angles."""
        return self.loc

    def rsample(self, sample_shape: Any = torch.Size()) -> Tensor:
        eps = noise.standard_normal(self._extended_shape(sample_shape), self.loc)
        return Torus().project(self.loc + self.scale * eps)

    def log_prob(self, value: Tensor) -> Tensor:
        return self._log_density(Torus().project(value - self.loc), self.scale).sum(-1)

    @staticmethod
    def _log_density(angle: Tensor, scale: Tensor) -> Tensor:
        """Return the log-density of angles (...) from the mean, summed over turns, nats."""
        turns = 2 * math.pi * torch.arange(-MAX_TURNS, MAX_TURNS + 1, device=angle.device)
        squares = ((angle[..., None] + turns) / scale[..., None]).square()
        return (-0.5 * squares).logsumexp(-1) - scale.log() - 0.5 * _LOG_2PI

    @property
    def kl_from_uniform(self) -> Tensor:
        r"""KL(q || uniform) of each angle, :math:`\log 2\pi - H(\sigma)`, (..., D), nats."""
        narrow, is_narrow = 0.5 * (_LOG_2PI + 1) + self.scale.log(), self.scale < NARROW_SCALE
        angles = torch.linspace(-math.pi, math.pi, N_ANGLES + 1, device=self.scale.device)[1:]
        wide_scale = torch.where(is_narrow, 1.0, self.scale)
        logs = self._log_density(angles.to(self.scale), wide_scale[..., None].expand(*self.scale.shape, N_ANGLES))
        wide = -(logs.exp() * logs).sum(-1) * (2 * math.pi / N_ANGLES)
        return _LOG_2PI - torch.where(is_narrow, narrow, wide)


class ToroidalUniform(UncheckedDistribution):
    r"""The uniform distribution of D independent angles: :math:`\log p(z) = -D \log 2\pi`, nats.

    Args:
        like: zeros (..., D), of the type and device of points.

    >>> ToroidalUniform(torch.zeros(2)).log_prob(torch.zeros(2))
    tensor(-3.6758)
    """

    def __init__(self, like: Tensor) -> None:
        self.like = like
        super().__init__(like.shape[:-1], like.shape[-1:])

    @property
    def mean(self) -> Tensor:
        """The angle 0, as good as any other."""
        return self.like

    @property
    def variance(self) -> Tensor:
        """That of an angle between -π and π."""
        return torch.full_like(self.like, math.pi**2 / 3)

    def sample(self, sample_shape: Any = torch.Size()) -> Tensor:
        eps = noise.standard_normal(self._extended_shape(sample_shape), self.like)
        return 2 * math.pi * (noise.to_uniform(eps) - 0.5)

    def log_prob(self, value: Tensor) -> Tensor:
        return torch.zeros_like(value[..., 0]) - self.like.shape[-1] * _LOG_2PI


@register_kl(ToroidalNormal, ToroidalUniform)  # type: ignore[no-untyped-call, untyped-decorator]
def _kl_uniform(q: ToroidalNormal, p: ToroidalUniform) -> Tensor:
    return q.kl_from_uniform.sum(-1)
