"""Distributions on the Poincaré ball: wrapped normal, Riemannian normal."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from elbowroom import noise
from elbowroom.distributions.base import UncheckedDistribution
from elbowroom.distributions.radial import RadialDensity
from elbowroom.distributions.spherical import log_sphere_area
from elbowroom.manifolds.base import norm
from elbowroom.manifolds.poincare_ball import PoincareBall, as_precise

#: Steps of Newton's method to the mode of a radius, which starts near it.
MODE_STEPS = 20


class PoincareNormal(UncheckedDistribution):
    """A normal on the Poincaré ball: base class of the two that there are, with respect to its hyperbolic volume.

    Args:
        loc: mean μ, a point of the ball, (..., D).
        scale: standard deviation, in hyperbolic distances.
        ball: the space.
    """

    has_rsample = True

    def __init__(self, loc: Tensor, scale: Tensor, ball: PoincareBall) -> None:
        self.loc, self.scale, self.ball = loc, scale, ball
        super().__init__(loc.shape[:-1], loc.shape[-1:])

    @property
    def mean(self) -> Tensor:
        """The Fréchet mean μ."""
        return self.loc


class PoincareWrappedNormal(PoincareNormal):
    r"""The wrapped normal: a normal of tangent vectors at μ, moved along the geodesics.

    .. math:: z = \exp_\mu(\sigma \odot \epsilon), \quad \log p(z) = \log \mathcal N(v; 0, \sigma^2)
        + (D - 1) \log \frac{\sqrt c\, \|v\|}{\sinh(\sqrt c\, \|v\|)}, \quad v = \log_\mu(z)

    Mathieu et al. 2019, arXiv 1901.06033, nats; σ is (..., D).

    >>> p = PoincareWrappedNormal(torch.zeros(2), torch.ones(2), PoincareBall(1.0))
    >>> p.log_prob(torch.tensor([[0.0, 0.0], [0.5, 0.0]]))
    tensor([-1.8379, -2.6350])
    """

    def rsample(self, sample_shape: Any = torch.Size()) -> Tensor:
        eps = noise.standard_normal(self._extended_shape(sample_shape), self.loc)
        return self.ball.exp(self.loc.expand_as(eps), self.scale * eps)

    def log_prob(self, value: Tensor) -> Tensor:
        v, scale = self.ball.log(self.loc, value), as_precise(self.scale)
        normal = -0.5 * ((v / scale).square() + 2 * scale.log() + math.log(2 * math.pi)).sum(-1)
        volume = log_sinh_ratio(self.ball.root * norm(v)[..., 0])
        return (normal - (value.shape[-1] - 1) * volume).to(value.dtype)


class PoincareRadius(RadialDensity):
    r"""The distance of a Riemannian normal's point from its mean, with :math:`a = 1 / \sigma^2`.

    .. math:: p(r) \propto e^{-r^2 / 2\sigma^2} \left( \sinh(\sqrt c\, r) / \sqrt c \right)^{D-1}

    Args:
        precision: a, (...).
        size: D.
        root: the square root of c.
    """

    def __init__(self, precision: Tensor, size: int, root: float) -> None:
        super().__init__(precision)
        self.size, self.root = size, root

    def statistic(self, r: Tensor) -> Tensor:
        return -0.5 * r.square()

    def log_base(self, r: Tensor) -> Tensor:
        return (self.size - 1) * (log_sinh_ratio(self.root * r) + r.clamp_min(1e-300).log())

    def find_mode(self, parameter: Tensor) -> tuple[Tensor, Tensor]:
        m = self.size - 1
        if not m:
            return torch.zeros_like(parameter), parameter.rsqrt()
        # coth x <= 1 + 1/x bounds the mode from above.
        r = (m * self.root + ((m * self.root) ** 2 + 4 * parameter * m).sqrt()) / (2 * parameter)
        for _ in range(MODE_STEPS):
            x = self.root * r
            slope = -parameter * r + m * self.root / x.tanh()
            curvature = parameter + m * self.root**2 / x.clamp_max(300).sinh().square()
            r = (r + slope / curvature).clamp_min(1e-12)
        return r, parameter.rsqrt()


class PoincareRiemannianNormal(PoincareNormal):
    r"""The Riemannian normal, of largest entropy for its variance: :math:`p(z) \propto e^{-d(\mu, z)^2 / 2 \sigma^2}`.

    .. math:: \log p(z) = -\frac{d(\mu, z)^2}{2\sigma^2} - \log |S^{D-1}|
        - \log \int_0^\infty e^{-r^2 / 2\sigma^2} \left( \frac{\sinh \sqrt c\, r}{\sqrt c} \right)^{D-1} dr

    Mathieu et al. 2019, arXiv 1901.06033, nats; σ is (...), the same in all directions. Deviation: they
    draw the radius by rejection, and the integral is a sum of signs that alternate, which loses its digits in many
    dimensions; here both are by quadrature (:class:`~elbowroom.distributions.radial.RadialDensity`).

    >>> p = PoincareRiemannianNormal(torch.zeros(2), torch.tensor(1.0), PoincareBall(1.0))
    >>> p.log_prob(torch.tensor([[0.0, 0.0], [0.5, 0.0]]))
    tensor([-2.1820, -2.7854])
    """

    def __init__(self, loc: Tensor, scale: Tensor, ball: PoincareBall) -> None:
        super().__init__(loc, scale, ball)
        self.radius = PoincareRadius(as_precise(scale).square().reciprocal(), loc.shape[-1], ball.root)

    def rsample(self, sample_shape: Any = torch.Size()) -> Tensor:
        shape = self._extended_shape(sample_shape)
        if noise.is_zero():
            return self.loc.expand(shape)
        eps = noise.standard_normal(torch.Size((*shape[:-1], shape[-1] + 1)), self.loc)
        radius = self.radius.draw(eps[..., 0], self.batch_shape)
        return self.ball.exp(self.loc.expand(shape), radius * eps[..., 1:] / norm(eps[..., 1:]))

    def log_prob(self, value: Tensor) -> Tensor:
        squares = self.ball.distance(self.loc, value, precise=True).square()
        log_normalizer = self.radius.log_normalizer + log_sphere_area(value.shape[-1])
        return (-0.5 * squares * self.radius.parameter - log_normalizer).to(value.dtype)


def log_sinh_ratio(x: Tensor) -> Tensor:
    """Return log(sinh(x) / x) for x of at least 0, without overflow and with digits near 0.

    >>> log_sinh_ratio(torch.tensor([0.0, 1.0, 100.0]))
    tensor([ 0.0000,  0.1614, 94.7017])
    """
    is_small = x < 1e-2
    wide = torch.where(is_small, 1.0, x)
    return torch.where(is_small, x.square() / 6 - x**4 / 180, wide + (-torch.expm1(-2 * wide)).log() - (2 * wide).log())
