"""Distributions of latents: normal, delta, mixtures of normals."""

from __future__ import annotations

import math
from typing import Any, ClassVar, cast

import torch
from torch import Tensor
from torch.distributions import Categorical, Distribution, MixtureSameFamily

from elbowroom import noise
from elbowroom.distributions.base import UncheckedDistribution
from elbowroom.distributions.quantized import Quantized

_LOG_2PI = math.log(2 * math.pi)
MAX_LOG_PRECISION = 80.0
"""Largest log(1 / σ²) whose exponential is taken, nats: that of float32 overflows at 88, and 0 times it is NaN."""


class Normal(UncheckedDistribution):
    r"""A normal with diagonal covariance over an event of any shape.

    .. math:: \log p(x) = -\tfrac12 \sum_i \left[ (x_i-\mu_i)^2 / \sigma_i^2 + \log \sigma_i^2 + \log 2\pi \right]

    Args:
        loc: mean, (..., *event).
        log_var: log of the variance, broadcastable to ``loc``. Neither clamped nor exponentiated twice, since a
            clamped log-variance silently changes the KL.
        event_dim: how many trailing dimensions make one event.

    >>> q = Normal(torch.zeros(3, 2), torch.zeros(3, 2))
    >>> q.batch_shape, q.event_shape, round(q.log_prob(torch.zeros(3, 2))[0].item(), 4)
    (torch.Size([3]), torch.Size([2]), -1.8379)
    """

    has_rsample = True

    def __init__(self, loc: Tensor, log_var: Tensor, event_dim: int = 1) -> None:
        self.loc, self.log_var, self._dims = loc, log_var, tuple(range(-event_dim, 0))
        split = loc.dim() - event_dim
        super().__init__(loc.shape[:split], loc.shape[split:])

    @property
    def mean(self) -> Tensor:
        return self.loc

    @property
    def variance(self) -> Tensor:
        return self.log_var.exp().expand_as(self.loc)

    def rsample(self, sample_shape: Any = torch.Size()) -> Tensor:
        return self.from_noise(noise.standard_normal(self._extended_shape(sample_shape), self.loc))

    def from_noise(self, eps: Tensor) -> Tensor:
        """Return the draw that standard normals make: mean + σ ε, with ε broadcastable to the draws."""
        return self.loc + (0.5 * self.log_var).exp() * eps

    def log_prob(self, value: Tensor) -> Tensor:
        squares = (value - self.loc) ** 2 * (-self.log_var).clamp(max=MAX_LOG_PRECISION).exp()
        return -0.5 * (squares + self.log_var + _LOG_2PI).sum(self._dims)


class Delta(UncheckedDistribution):
    """A delta distribution: all mass on one point, the posterior of an autoencoder. It has no density, so no KL.

    Args:
        value: the point, (..., *event).
        event_dim: how many trailing dimensions make one event.

    >>> Delta(torch.ones(3, 2)).rsample((4,)).shape
    torch.Size([4, 3, 2])
    """

    has_rsample = True
    #: Why there is no density, as reports have it.
    no_density_reason: ClassVar[str] = "a point posterior has no density"

    def __init__(self, value: Tensor, event_dim: int = 1) -> None:
        self.value = value
        split = value.dim() - event_dim
        super().__init__(value.shape[:split], value.shape[split:])

    @property
    def mean(self) -> Tensor:
        return self.value

    def rsample(self, sample_shape: Any = torch.Size()) -> Tensor:
        return self.value.expand(self._extended_shape(sample_shape))


def no_density_reason(q: Distribution) -> str:
    """Return why ``log_prob`` is undefined, in words; empty where it is defined.

    >>> no_density_reason(Delta(torch.ones(3, 2)))
    'a point posterior has no density'
    """
    return q.no_density_reason if isinstance(q, Delta) else ""


def is_deterministic(q: Distribution) -> bool:
    """Whether all mass is on one value, so that every sample is that value: at a point, or at one code."""
    return type(q) in (Delta, Quantized)  # not a subclass, such as a point that a network makes of noise


def mixture(logits: Tensor, components: Distribution) -> MixtureSameFamily:
    """Mix the last batch dimension of ``components`` with the weights of these logits."""
    weights = Categorical(logits=logits, validate_args=False)
    is_single = isinstance(components, Normal) and len(components.batch_shape) == 1
    return (DiagonalNormalMixture if is_single else MixtureSameFamily)(weights, components, validate_args=False)


class DiagonalNormalMixture(MixtureSameFamily):
    r"""A mixture of C diagonal normals over events of any shape, scored by two matrix products.

    .. math:: \sum_i (z_i - \mu_{ci})^2 / \sigma_{ci}^2 = z^2 \cdot \sigma_c^{-2} - 2 z \cdot (\mu_c / \sigma_c^2)
        + \textstyle\sum_i \mu_{ci}^2 / \sigma_{ci}^2

    Scored one by one, 500 components take 500 times the memory of the latents, and a VampPrior's step spends more time
    on the prior than on the networks. The three sums cancel, so they are taken in double precision where supported.

    >>> parts = Normal(torch.tensor([[0.0], [2.0]]), torch.zeros(2, 1))
    >>> mixture(torch.zeros(2), parts).log_prob(torch.tensor([[1.0]]))
    tensor([-1.4189])
    """

    def log_prob(self, z: Tensor) -> Tensor:
        if z.device.type == "mps":  # which has no double precision
            return cast(Tensor, super().log_prob(z))  # type: ignore[no-untyped-call]
        return torch.logsumexp(self.mixture_distribution.logits + self.component_scores(z), -1).to(z.dtype)

    def component_scores(self, z: Tensor) -> Tensor:
        """Return the log-density of each component, in double precision: (..., *event) to (..., C)."""
        components = self.component_distribution
        assert isinstance(components, Normal)
        loc, z64 = components.loc.flatten(1).double(), z.flatten(-len(self.event_shape)).double()
        log_var = components.log_var.expand_as(components.loc).flatten(1).double()
        precision = (-log_var).exp()
        squares = z64.square() @ precision.T - 2 * z64 @ (loc * precision).T
        constant = (loc.square() * precision + log_var + math.log(2 * math.pi)).sum(-1)
        scores: Tensor = -0.5 * (squares + constant)
        return scores
