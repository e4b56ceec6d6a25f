"""Distributions on the unit sphere: von Mises-Fisher, power spherical, uniform."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.distributions import register_kl

from elbowroom import noise
from elbowroom.distributions.base import UncheckedDistribution
from elbowroom.distributions.radial import RadialDensity
from elbowroom.manifolds.base import norm
from elbowroom.manifolds.poincare_ball import as_precise

#: The largest value of sin²(θ/2) that is scored: the density of a power spherical is zero at the opposite point.
MAX_HALF_SQUARE = 1 - 1e-12


class SphericalAngle(RadialDensity):
    r"""The angle θ from the mean direction: :math:`p(\theta) \propto e^{\kappa\, g(\theta)} \sin^{d-2} \theta`.

    Args:
        concentration: κ, (...).
        size: d, the numbers of a point.
    """

    end = math.pi

    def __init__(self, concentration: Tensor, size: int) -> None:
        super().__init__(concentration)
        self.size = size

    def statistic(self, r: Tensor) -> Tensor:
        return self.score_half_square((r / 2).sin().square())

    def score_half_square(self, s: Tensor) -> Tensor:
        """Return g of :math:`s = \\sin^2(\\theta / 2)`, which is accurate at small angles."""
        raise NotImplementedError

    def log_base(self, r: Tensor) -> Tensor:
        return (self.size - 2) * r.sin().clamp_min(1e-300).log() if self.size > 2 else torch.zeros_like(r)


class VonMisesFisherAngle(SphericalAngle):
    r"""The angle of a von Mises-Fisher: :math:`g = \cos\theta - 1`."""

    def score_half_square(self, s: Tensor) -> Tensor:
        return -2 * s

    def find_mode(self, parameter: Tensor) -> tuple[Tensor, Tensor]:
        k, m = parameter, self.size - 2
        cosine = 2 * k / (m + (m**2 + 4 * k.square()).sqrt()).clamp_min(1e-300)  # the root of κ sin²θ = m cos θ
        sine_square = (1 - cosine.square()).clamp_min(1e-300)
        return cosine.clamp(max=1.0).acos(), _scale_of(k * cosine + m / sine_square)


class PowerSphericalAngle(SphericalAngle):
    r"""The angle of a power spherical: :math:`g = \log \tfrac12 (1 + \cos\theta)`."""

    def score_half_square(self, s: Tensor) -> Tensor:
        return torch.log1p(-s.clamp_max(MAX_HALF_SQUARE))

    def find_mode(self, parameter: Tensor) -> tuple[Tensor, Tensor]:
        k, m = parameter, self.size - 2
        half = torch.atan((m / (2 * k + m).clamp_min(1e-300)).sqrt())
        curvature = k / (2 * half.cos().square()) + m / (2 * half).sin().square().clamp_min(1e-300)
        return 2 * half, _scale_of(curvature)


def _scale_of(curvature: Tensor) -> Tensor:
    """Return the scale of a density: at its mode it falls up to twice as fast, by log p'', as beyond."""
    return (2 / curvature.clamp_min(1e-300)).sqrt().clamp_max(math.pi)


class SphericalDistribution(UncheckedDistribution):
    r"""A distribution on the unit sphere that is symmetric about a direction: base class, by its density of angles.

    .. math:: p(z) = \frac{e^{\kappa\, g(\theta)}}{|S^{d-2}|\, Z(\kappa)}, \quad \cos\theta = \mu \cdot z, \quad
        Z(\kappa) = \int_0^\pi e^{\kappa\, g(\theta)} \sin^{d-2} \theta \, d\theta

    with respect to the area of the sphere, in nats. :math:`\mathrm{KL}(q \,\|\, \mathrm{uniform}) = \kappa E[g] -
    \log Z(\kappa) + \log |S^{d-1}| - \log |S^{d-2}|`. A draw is an angle, by one number of noise, and a direction
    around μ, by d more. ``mean`` is the mean direction μ, which is a point of the sphere; the mean of points is none.

    Args:
        loc: mean direction μ, unit vectors (..., d), d at least 2.
        concentration: κ, (...); 0 is the uniform distribution.
    """

    has_rsample = True
    angle_density: ClassVar[type[SphericalAngle]]

    def __init__(self, loc: Tensor, concentration: Tensor) -> None:
        self.loc, self.concentration = loc, concentration
        self.angle = self.angle_density(concentration, loc.shape[-1])
        super().__init__(loc.shape[:-1], loc.shape[-1:])

    @property
    def mean(self) -> Tensor:
        return self.loc

    def rsample(self, sample_shape: Any = torch.Size()) -> Tensor:
        shape = self._extended_shape(sample_shape)
        if noise.is_zero():
            return self.loc.expand(shape)
        eps = noise.standard_normal(torch.Size((*shape[:-1], shape[-1] + 1)), self.loc)
        angle = self.angle.draw(eps[..., 0], self.batch_shape)
        tangent = eps[..., 1:] - (eps[..., 1:] * self.loc).sum(-1, keepdim=True) * self.loc
        return angle.cos() * self.loc + angle.sin() * tangent / norm(tangent)

    def log_prob(self, value: Tensor) -> Tensor:
        # By the chord: κ (μ·z - 1) would lose the digits of a small angle.
        half_square = (as_precise(value) - as_precise(self.loc)).square().sum(-1) / 4
        log_area = log_sphere_area(self.loc.shape[-1] - 1)
        scores = self.angle.parameter * self.angle.score_half_square(half_square)
        return (scores - self.angle.log_normalizer - log_area).to(value.dtype)

    @property
    def kl_from_uniform(self) -> Tensor:
        """KL(q || uniform), (...), nats."""
        angle, size = self.angle, self.loc.shape[-1]
        kl = angle.parameter * angle.mean_statistic - angle.log_normalizer
        return (kl + log_sphere_area(size) - log_sphere_area(size - 1)).to(self.loc.dtype)


class VonMisesFisher(SphericalDistribution):
    r"""The von Mises-Fisher distribution: :math:`p(z) \propto e^{\kappa\, \mu \cdot z}` on the unit sphere.

    .. math:: \log p(z) = \kappa\, \mu \cdot z + \left(\tfrac d2 - 1\right) \log \kappa - \tfrac d2 \log 2\pi
        - \log I_{d/2-1}(\kappa)

    Davidson et al. 2018, arXiv 1804.00891. Deviations: they draw the cosine by rejection, here its distribution
    function is inverted; and the normalizer is by quadrature, where the Bessel function of their code overflows
    (:class:`~elbowroom.distributions.radial.RadialDensity`).

    >>> q = VonMisesFisher(torch.tensor([[0.0, 0.0, 1.0]]), torch.tensor([10.0]))
    >>> q.log_prob(torch.tensor([0.0, 0.0, 1.0])), q.kl_from_uniform
    (tensor([0.4647]), tensor([1.9957]))
    """

    angle_density = VonMisesFisherAngle


class PowerSpherical(SphericalDistribution):
    r"""The power spherical distribution: :math:`p(z) \propto (1 + \mu \cdot z)^\kappa` on the unit sphere.

    .. math:: \log p(z) = \kappa \log(1 + \mu \cdot z) - (\alpha + \beta) \log 2 - \beta \log \pi
        - \log \Gamma(\alpha) + \log \Gamma(\alpha + \beta), \quad
        \beta = \tfrac{d - 1}{2}, \quad \alpha = \beta + \kappa

    De Cao & Aziz 2020, arXiv 2006.04437. Deviation: they draw the cosine from a beta distribution; here its
    distribution function is inverted, as that of a von Mises-Fisher is, so that a draw takes a fixed number of normals.

    >>> q = PowerSpherical(torch.tensor([[0.0, 0.0, 1.0]]), torch.tensor([10.0]))
    >>> q.log_prob(torch.tensor([0.0, 0.0, 1.0])), q.kl_from_uniform
    (tensor([-0.1331]), tensor([1.4888]))
    """

    angle_density = PowerSphericalAngle


class SphericalUniform(UncheckedDistribution):
    r"""The uniform distribution on the unit sphere: :math:`\log p(z) = -\log |S^{d-1}|`, nats.

    Args:
        like: zeros (d,), or (..., d) for a batch: the numbers of a point, their type and their device.

    >>> SphericalUniform(torch.zeros(3)).log_prob(torch.tensor([0.0, 0.0, 1.0]))
    tensor(-2.5310)
    """

    def __init__(self, like: Tensor) -> None:
        self.like = like
        super().__init__(like.shape[:-1], like.shape[-1:])

    @property
    def mean(self) -> Tensor:
        """The origin, which is no point of the sphere: no direction is the mean."""
        return self.like

    @property
    def variance(self) -> Tensor:
        """That of each number of a point: their squares sum to one."""
        return torch.full_like(self.like, 1 / self.like.shape[-1])

    def sample(self, sample_shape: Any = torch.Size()) -> Tensor:
        eps = noise.standard_normal(self._extended_shape(sample_shape), self.like)
        return eps / norm(eps)

    def log_prob(self, value: Tensor) -> Tensor:
        return torch.zeros_like(value[..., 0]) - log_sphere_area(self.like.shape[-1])


def log_sphere_area(size: int) -> float:
    r"""Return :math:`\log |S^{d-1}|`, the area of the unit sphere of points of d numbers.

    >>> round(log_sphere_area(2), 4), round(log_sphere_area(1), 4)
    (1.8379, 0.6931)
    """
    return math.log(2) + size / 2 * math.log(math.pi) - math.lgamma(size / 2)


@register_kl(SphericalDistribution, SphericalUniform)  # type: ignore[no-untyped-call, untyped-decorator]
def _kl_uniform(q: SphericalDistribution, p: SphericalUniform) -> Tensor:
    return q.kl_from_uniform
