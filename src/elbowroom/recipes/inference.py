"""Recipes with another inference of the latents: a lagging encoder, refined, Hamiltonian, Riemannian posteriors."""

from __future__ import annotations

from typing import Any, cast

import elbowroom as er
from elbowroom.argument import NonNegativeInt
from elbowroom.recipes.registry import recipe
from elbowroom.recipes.vae import vae


@recipe("He et al. 2019, arXiv 1901.05534", extends=vae)
def lagging_vae(
    shape: tuple[int, ...], inner: int = 10, aggressive: NonNegativeInt = 2000, **rest: Any
) -> tuple[er.GenerativeModel, er.Term]:
    """The VAE whose encoder, lest it lag behind, takes several steps for each of the decoder's at first.

    Minimized: ``−E_q[log p(x|z)] + β KL(q(z|x) ‖ p(z))``, by the encoder at each step, and by the decoder at every
    inner-th of the first part.

    Deviation from the paper: as many steps of the encoder as are given, and not until its bound or the mutual
    information stops rising.

    Args:
        inner: steps of the encoder for each of the decoder, in the first part of the training
        aggressive: steps of that part, counted on the encoder; both then train alike
    """
    model, elbo = vae(shape, **rest)
    return model, er.Players(elbo, elbo, decoder_interval=er.StepInterval(inner, until=aggressive), prior="decoder")


@recipe("Kim et al. 2018, arXiv 1802.02550", extends=vae, without=("posterior",))
def semi_amortized_vae(
    shape: tuple[int, ...], refinements: int = 5, rate: float = 0.5, **rest: Any
) -> tuple[er.GenerativeModel, er.Term]:
    """The semi-amortized VAE: the encoder's posterior is refined for each example by steps up its ELBO.

    Minimized: ``−E_q[log p(x|z)] + β KL(q(z|x) ‖ p(z))``, with ``q = N(μ, σ²)`` the encoder's after steps
    ``μ ← μ + rate σ² ∇_μ ELBO`` and ``log σ² ← log σ² + rate ∇_(log σ²) ELBO``, none longer than σ or 1.

    Args:
        refinements: steps of each example, in training and in use; 0 is the vae
        rate: of the steps, in units of the posterior's variance
    """
    model, objective = vae(shape, **rest)
    plain = cast(er.Model, model)
    return er.SemiAmortizedModel(plain.encoder, plain.decoder, plain.prior, refinements, rate), objective


@recipe("Caterini, Doucet & Sejdinovic 2018, arXiv 1805.11328", extends=vae)
def hamiltonian_vae(
    shape: tuple[int, ...], leapfrog: int = 4, step_size: float = 0.05, temper: float = 0.7, **rest: Any
) -> tuple[er.GenerativeModel, er.Term]:
    """The Hamiltonian VAE: posterior draws follow the gradient of log p(x, z) for a few leapfrog steps.

    Minimized: ``E[−log p(x|z_K) + β (log q(z_0|x) − ½ ‖g‖² + ½ ‖ρ_K‖² − log p(z_K))]``, with z_K and ρ_K by leapfrog
    steps from z_0 of q(z|x) and ``ρ_0 = g / √temper``, g from N(0, I), which cool ρ by √temper in all.

    Args:
        leapfrog: steps, each of which takes a gradient through the decoder; 0 is the vae
        step_size: of a leapfrog step at first; it is learned for each dimension
        temper: inverse temperature of the first momentum, learned if below 1; at 1 the steps gain next to nothing
    """
    model, objective = vae(shape, **rest)
    plain = cast(er.Model, model)
    return er.HamiltonianModel(plain.encoder, plain.decoder, plain.prior, leapfrog, step_size, temper), objective


@recipe("Chadebec, Mantoux & Allassonnière 2020, arXiv 2010.11518", extends=vae, sampler="riemannian")
def riemannian_vae(
    shape: tuple[int, ...],
    centroids: int = 100,
    temperature: float = 1.5,
    regularization: float = 0.01,
    leapfrog: int = 3,
    step_size: float = 0.05,
    temper: float = 0.7,
    **rest: Any,
) -> tuple[er.GenerativeModel, er.Term]:
    """The Riemannian Hamiltonian VAE: momenta follow a learned metric of latents, by which it is sampled too (RHVAE).

    Minimized: ``E[−log p(x|z_K) + β (log q(z_0|x) − h_0 + h_K − log p(z_K))]``, with
    ``h = ½ ρᵀ G⁻¹(z) ρ + ½ log det G(z)`` before the leapfrog steps, and before ρ is heated by 1/√temper, and after
    them; and ``G⁻¹(z) = Σ_i L_i L_iᵀ exp(−‖z − μ(x_i)‖² / temperature²) + regularization I`` of centroids x_i.

    Args:
        centroids: training examples about whose latents the metric is small
        temperature: reach of a centroid, in units of latents
        regularization: the inverse metric far from all centroids
        leapfrog: steps, each of which takes a gradient through the decoder; 0 is the vae
        step_size: of a leapfrog step at first; it is learned for each dimension
        temper: inverse temperature of the first momentum, learned if below 1; at 1 the steps gain next to nothing
    """
    model, objective = vae(shape, **rest)
    parts, metric = cast(er.Model, model), (centroids, temperature, regularization)
    steps = (leapfrog, step_size, temper)
    return er.RiemannianModel(parts.encoder, parts.decoder, parts.prior, shape, *metric, *steps), objective
