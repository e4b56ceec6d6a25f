"""Families of latents on manifolds: sphere, torus, Poincaré ball, positive numbers, shares."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from elbowroom import errors
from elbowroom.distributions import (
    IndependentGamma,
    KeyedDirichlet,
    PoincareRadius,
    PoincareRiemannianNormal,
    PoincareWrappedNormal,
    PowerSpherical,
    ToroidalNormal,
    VonMisesFisher,
)
from elbowroom.distributions.spherical import SphericalDistribution
from elbowroom.families.base import Family
from elbowroom.manifolds import PoincareBall, PositiveOrthant, Simplex, Sphere, Torus

#: Posteriors on the sphere by name.
SPHERICAL_POSTERIORS: dict[str, type[SphericalDistribution]] = {
    "power-spherical": PowerSpherical,
    "vmf": VonMisesFisher,
}
#: Normals on the Poincaré ball by name.
POINCARE_NORMALS = {"wrapped": PoincareWrappedNormal, "riemannian": PoincareRiemannianNormal}
#: The smallest concentration of a posterior on the sphere, as in the code of Davidson et al. 2018.
MIN_CONCENTRATION = 1.0
#: The smallest standard deviation of a posterior, in the units of its manifold.
MIN_SCALE = 1e-4
#: The share of the largest distance from the center of a ball that means of posteriors reach.
MEAN_SHARE = 0.5
#: The smallest shape of a gamma posterior: of smaller ones most draws are below the smallest float.
MIN_SHAPE = 0.05


class Hyperspherical(Family):
    r"""A distribution on the unit sphere: a mean direction and a concentration from the network.

    .. math:: \mu = \phi_\mu / \|\phi_\mu\|, \quad \kappa = 1 + \operatorname{softplus}(\phi_\kappa)

    as in Davidson et al. 2018, arXiv 1804.00891.

    Args:
        latent: dimension of the sphere, whose points have one number more.
        posterior: power-spherical or vmf.

    Raises:
        ValueError: there is no such posterior.

    >>> Hyperspherical(2, "vmf")(torch.ones(1, 4)).mean
    tensor([[0.5774, 0.5774, 0.5774]])
    """

    def __init__(self, latent: int, posterior: str = "power-spherical") -> None:
        check_size("dimensions of the sphere", latent)
        if posterior not in SPHERICAL_POSTERIORS:
            raise errors.unknown_name("posterior", posterior, SPHERICAL_POSTERIORS)
        super().__init__(latent + 1)
        self.manifold, self.size, self.posterior = Sphere(), latent + 2, SPHERICAL_POSTERIORS[posterior]

    def forward(self, phi: Tensor) -> SphericalDistribution:
        phi = phi.float()
        return self.posterior(Sphere().project(phi[..., :-1]), MIN_CONCENTRATION + F.softplus(phi[..., -1]))


class Toroidal(Family):
    r"""Wrapped normals of angles: of each a point of the plane, whose direction is the mean, and a scale.

    .. math:: \mu_i = \operatorname{atan2}(\phi_{1i}, \phi_{2i}), \quad \sigma_i = \pi \operatorname{sigmoid}(\phi_{3i})

    Args:
        latent: the number of circles.

    >>> Toroidal(1)(torch.tensor([[1.0, 0.0, 0.0]])).mean
    tensor([[1.5708]])
    """

    def __init__(self, latent: int) -> None:
        super().__init__(latent, per_element=3)
        self.manifold = Torus()

    def forward(self, phi: Tensor) -> ToroidalNormal:
        sine, cosine, scale = self.split_parameters(phi.float())
        # The direction of the origin has no gradient.
        cosine = torch.where(sine.square() + cosine.square() > 1e-12, cosine, cosine + 1e-6)
        return ToroidalNormal(torch.atan2(sine, cosine), MIN_SCALE + (math.pi - MIN_SCALE) * scale.sigmoid())


class Poincare(Family):
    r"""A normal on the Poincaré ball: mean and standard deviation from the network.

    .. math:: \mu = \exp_0(\phi_\mu), \quad \sigma = \operatorname{softplus}(\phi_\sigma)

    Mathieu et al. 2019, arXiv 1901.06033. Deviation: means farther from the center than half the distance at which
    float32 has digits are drawn in, smoothly, so that there is room for draws.

    Args:
        latent: dimensions.
        curvature: c, of a space of curvature -c.
        posterior: wrapped, with a standard deviation for each dimension, or riemannian, with one for all.

    Raises:
        ValueError: there is no such posterior, or the curvature is not above zero.

    >>> Poincare(2)(torch.tensor([[2.0, 0.0, 0.0, 0.0]])).mean
    tensor([[0.7468, 0.0000]])
    """

    def __init__(self, latent: int, curvature: float = 1.0, posterior: str = "wrapped") -> None:
        super().__init__(latent)
        if posterior not in POINCARE_NORMALS:
            raise errors.unknown_name("posterior", posterior, POINCARE_NORMALS)
        self.posterior = posterior
        self.manifold = self.ball = PoincareBall(curvature)
        self.size = latent + (latent if posterior == "wrapped" else 1)

    def forward(self, phi: Tensor) -> PoincareWrappedNormal | PoincareRiemannianNormal:
        phi = phi.float()
        mean, raw = phi[..., : self.shape[0]], phi[..., self.shape[0] :]
        limit = MEAN_SHARE * self.ball.max_distance
        length = mean.square().sum(-1, keepdim=True).clamp_min(1e-24).sqrt()
        loc = self.ball.exp(torch.zeros_like(mean), mean * (limit * (length / limit).tanh() / length))
        return self.make_normal(loc, MIN_SCALE + F.softplus(raw))

    def make_normal(self, loc: Tensor, scale: Tensor) -> PoincareWrappedNormal | PoincareRiemannianNormal:
        """Return the normal with this mean (..., D) and these standard deviations, (..., D) or (..., 1)."""
        if self.posterior == "riemannian":
            return PoincareRiemannianNormal(loc, scale[..., 0], self.ball)
        return PoincareWrappedNormal(loc, scale, self.ball)

    def center_parameters(self, scale: float) -> tuple[Tensor, Tensor]:
        """Return mean and standard deviations of a normal about the center, as a prior.

        Raises:
            ValueError: the scale is not above zero, or most of it would lie where float32 has no digits.
        """
        if not 0 < scale < math.inf:
            raise ValueError(f"the scale of a prior must be above 0, got {scale:g}")
        size, scales = self.shape[0], torch.full((self.size - self.shape[0],), scale)
        reach = scale * math.sqrt(size)
        if self.posterior == "riemannian":
            density = PoincareRadius(scales.double().square().reciprocal(), size, self.ball.root)
            reach = float(density.find_mode(density.parameter)[0])
        if reach + 3 * scale > self.ball.max_distance:
            raise ValueError(
                f"a {self.posterior} normal of scale {scale:g} in {size} dimensions of curvature "
                f"{self.ball.curvature:g} lies at distances of {reach:.1f}, and float32 has digits up to "
                f"{self.ball.max_distance:.1f}: give a smaller prior_scale, curvature or latent, or the wrapped normal"
            )
        return torch.zeros(size), scales


class GammaLatent(Family):
    r"""Independent gamma variables: shape and mean of each from the network.

    .. math:: \alpha = \operatorname{softplus}(\phi_\alpha), \quad \alpha / \beta = \operatorname{softplus}(\phi_m)

    Args:
        latent: the number of variables.

    >>> GammaLatent(1)(torch.zeros(1, 2)).mean
    tensor([[0.6932]])
    """

    def __init__(self, latent: int) -> None:
        super().__init__(latent, per_element=2)
        self.manifold = PositiveOrthant()

    def forward(self, phi: Tensor) -> IndependentGamma:
        shape, mean = F.softplus(self.split_parameters(phi.float()))
        shape = MIN_SHAPE + shape
        return IndependentGamma(shape, shape / (MIN_SCALE + mean))


class DirichletLatent(Family):
    r"""A Dirichlet distribution of shares, :math:`\alpha = \operatorname{softplus}(\phi)`.

    Args:
        latent: the number of shares, at least 2: a single one is 1 whatever the data.

    >>> DirichletLatent(2)(torch.zeros(1, 2)).mean
    tensor([[0.5000, 0.5000]])
    """

    def __init__(self, latent: int) -> None:
        super().__init__(latent)
        if latent < 2:
            raise ValueError(f"shares sum to one, so that {latent} of them says nothing: give a latent of 2 or more")
        self.manifold = Simplex()

    def forward(self, phi: Tensor) -> KeyedDirichlet:
        return KeyedDirichlet(MIN_SHAPE + F.softplus(phi.float()))


def check_size(name: str, size: int) -> None:
    """Raise a ValueError for a number of dimensions below 1."""
    if size < 1:
        raise ValueError(f"the {name} must be at least 1, got {size}")
