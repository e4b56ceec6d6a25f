"""Recipes with latents on manifolds: sphere, Poincaré ball, torus; and latents of positive numbers and of shares."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import elbowroom as er
from elbowroom.argument import PositiveInt
from elbowroom.recipes.registry import recipe
from elbowroom.recipes.vae import vae

if TYPE_CHECKING:
    from torch import Tensor, nn


def _make_vae(
    shape: tuple[int, ...],
    family: er.Family,
    prior: nn.Module,
    chart: er.AngleFeatures | er.Gyroplanes | None = None,
    likelihood: str = "bernoulli",
    k: int = 1,
    beta: float = 1.0,
    **network: Any,
) -> tuple[er.GenerativeModel, er.Term]:
    """Return a VAE with this posterior and prior; the first layer of its decoder may be a chart of the manifold."""
    from torch import nn

    architecture, p = er.Architecture(shape, **network), er.likelihood(likelihood, shape)
    decoder = architecture.decoder(family.shape if chart is None else chart.size, p)
    if chart is not None:
        decoder = er.Conditional(nn.Sequential(chart, decoder.net), p)
    objective = er.ELBO(k) if beta == 1 else er.ELBO(k) + (beta - 1) * er.KL()
    return er.Model(architecture.encoder(family), decoder, prior), objective


@recipe("Davidson et al. 2018, arXiv 1804.00891", extends=vae, without=("prior",))
def hyperspherical_vae(
    shape: tuple[int, ...],
    latent: int = 10,
    posterior: Literal["power-spherical", "vmf"] = "power-spherical",
    **rest: Any,
) -> tuple[er.GenerativeModel, er.Term]:
    """The hyperspherical VAE (S-VAE): latents on the unit sphere, with a uniform prior.

    Minimized: ``−E_q[log p(x|z)] + β KL(q(z|x) ‖ p(z))``, with z of length 1, ``q(z|x) ∝ (1 + μ·z)^κ``, or
    ``∝ exp(κ μ·z)`` for vmf, and p(z) uniform on the sphere.

    Args:
        latent: dimension of the sphere; a point of it has one number more
        posterior: power-spherical (De Cao & Aziz 2020, arXiv 2006.04437), or the paper's vmf, von Mises-Fisher
    """
    family = er.Hyperspherical(latent, posterior)
    return _make_vae(shape, family, er.FixedPrior(er.distributions.SphericalUniform, _constant(latent + 1)), **rest)


@recipe("Mathieu et al. 2019, arXiv 1901.06033", extends=vae, without=("prior",))
def poincare_vae(
    shape: tuple[int, ...],
    latent: int = 10,
    posterior: Literal["wrapped", "riemannian"] = "wrapped",
    curvature: float = 1.0,
    prior_scale: float = 1.0,
    planes: int = 100,
    **rest: Any,
) -> tuple[er.GenerativeModel, er.Term]:
    """The Poincaré VAE: latents in hyperbolic space, and a decoder whose first layer measures distances in it.

    Minimized: ``−E_q[log p(x|z)] + β KL(q(z|x) ‖ p(z))``, with ``z = exp_μ(σ ε)``, ε from N(0, I), exp_μ along the
    geodesics from μ(x), and p(z) the same normal about 0; if riemannian, ``q(z|x) ∝ exp(−d(μ, z)² / 2σ²)`` of
    hyperbolic distances d.

    Args:
        latent: dimensions of the ball
        posterior: wrapped or riemannian, the kind of normal of posterior and prior
        curvature: c of a space of curvature -c; near 0 it is flat
        prior_scale: standard deviation of the prior about the center, in hyperbolic distances
        planes: hyperplanes whose distances are the first layer of the decoder
    """
    family = er.Poincare(latent, curvature, posterior)
    prior = er.FixedPrior(family.make_normal, *family.center_parameters(prior_scale))
    return _make_vae(shape, family, prior, er.Gyroplanes(latent, planes, family.ball), **rest)


@recipe("Perez Rey, Menkovski & Portegies 2019, arXiv 1901.08991", extends=vae, without=("prior", "posterior"))
def toroidal_vae(shape: tuple[int, ...], latent: PositiveInt = 10, **rest: Any) -> tuple[er.GenerativeModel, er.Term]:
    """The diffusion VAE on a torus: angles as latents, the heat kernel as posterior, a uniform prior.

    Minimized: ``−E_q[log p(x|z)] + β KL(q(z|x) ‖ p(z))``, with ``q(z|x) = Π_i Σ_m N(z_i + 2πm; μ_i, σ_i²)`` and
    ``p(z) = Π_i 1/(2π)`` of angles z_i, and p(x|z) of their sines and cosines.

    Deviation: on the flat torus the heat kernel is a product of wrapped normals, so draws and the KL are exact, where
    the paper walks at random and expands the kernel for short times; each angle has a time of its own.

    Args:
        latent: the number of angles
    """
    prior = er.FixedPrior(er.distributions.ToroidalUniform, _constant(latent))
    return _make_vae(shape, er.Toroidal(latent), prior, er.AngleFeatures(latent), **rest)


@recipe("Naesseth et al. 2017, arXiv 1610.05683", extends=vae, without=("prior", "posterior"))
def gamma_vae(
    shape: tuple[int, ...],
    latent: PositiveInt = 20,
    prior_shape: float = 2.0,
    prior_rate: float = 1.0,
    **rest: Any,
) -> tuple[er.GenerativeModel, er.Term]:
    """The VAE with gamma posteriors and a gamma prior: latents of positive numbers.

    Minimized: ``−E_q[log p(x|z)] + β KL(q(z|x) ‖ p(z))``, with ``q(z|x) = Π_i Gamma(z_i; a_i(x), b_i(x))`` and
    ``p(z) = Π_i Gamma(z_i; prior_shape, prior_rate)``.

    Deviation: the gradient of a draw is implicit, torch's, which needs no term for the rejected proposals.

    Args:
        latent: size of the latent z
        prior_shape: of the gamma prior of each number
        prior_rate: of that prior, whose mean is shape by rate
    """
    if not (prior_shape > 0 and prior_rate > 0):
        raise ValueError(f"shape and rate of the prior must be above 0, got {prior_shape:g} and {prior_rate:g}")
    parameters = (_constant(latent, value) for value in (prior_shape, prior_rate))
    prior = er.FixedPrior(er.distributions.IndependentGamma, *parameters)
    return _make_vae(shape, er.GammaLatent(latent), prior, **rest)


@recipe("Joo et al. 2019, arXiv 1901.02739", extends=vae, without=("prior", "posterior"))
def dirichlet_vae(
    shape: tuple[int, ...], latent: PositiveInt = 20, concentration: float = 1.0, **rest: Any
) -> tuple[er.GenerativeModel, er.Term]:
    """The Dirichlet VAE: latents are shares that sum to one, with a Dirichlet prior.

    Minimized: ``−E_q[log p(x|z)] + β KL(q(z|x) ‖ p(z))``, with ``q(z|x) = Dir(z; a(x))`` and
    ``p(z) = Dir(z; concentration)``.

    Deviation: the paper draws gamma variables by an approximation of their inverse distribution function; here they
    are exact, with implicit gradients.

    Args:
        latent: the number of shares
        concentration: of the prior; below 1 it prefers few large shares, 1 is uniform
    """
    if not concentration > 0:
        raise ValueError(f"the concentration of the prior must be above 0, got {concentration:g}")
    prior = er.FixedPrior(er.distributions.KeyedDirichlet, _constant(latent, concentration))
    return _make_vae(shape, er.DirichletLatent(latent), prior, **rest)


def _constant(size: int, value: float = 0.0) -> Tensor:
    """Return a vector of one value."""
    import torch

    return torch.full((size,), value)
