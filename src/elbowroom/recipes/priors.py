"""Recipes with priors other than the standard normal: VampPrior, Exemplar VAE, LARS, energy, δ-VAE, HVAE, GMVAE."""

from __future__ import annotations

from typing import Any

import elbowroom as er
from elbowroom.argument import NonNegativeFloat
from elbowroom.recipes.registry import recipe
from elbowroom.recipes.vae import vae


@recipe("Tomczak & Welling 2018, arXiv 1705.07120", extends=vae, without=("prior",))
def vamp_vae(shape: tuple[int, ...], components: int = 500, **rest: Any) -> tuple[er.GenerativeModel, er.Term]:
    """The VAE whose prior is a mixture of its posteriors at learned pseudo-inputs.

    Minimized: ``−E_q[log p(x|z)] + β E_q[log q(z|x) − log p(z)]``, with ``p(z) = 1/C Σ_c q(z|u_c)`` and pseudo-inputs
    u_c.

    Args:
        components: number of pseudo-inputs
    """
    return vae(shape, prior=f"vamp:{components}", **rest)


@recipe("Norouzi, Fleet & Norouzi 2020, arXiv 2004.04795", extends=vae, without=("prior",))
def exemplar_vae(shape: tuple[int, ...], components: int = 500, **rest: Any) -> tuple[er.GenerativeModel, er.Term]:
    """The VAE whose prior is a mixture about the latents of training examples (Exemplar VAE).

    Minimized: ``−E_q[log p(x|z)] + β E_q[log q(z|x) − log p(z)]``, with ``p(z) = 1/C Σ_c N(z; μ(x_c), σ² I)``, examples
    x_c but x itself, and one learned σ.

    Args:
        components: number of training examples that the prior holds, at most all of them
    """
    return vae(shape, prior=f"exemplar:{components}", **rest)


@recipe("Bauer & Mnih 2019, arXiv 1810.11428", extends=vae, without=("prior",))
def lars_vae(shape: tuple[int, ...], proposals: int = 100, **rest: Any) -> tuple[er.GenerativeModel, er.Term]:
    """The VAE whose prior is a normal resampled by a learned acceptance (LARS).

    Minimized: ``−E_q[log p(x|z)] + β E_q[log q(z|x) − log p(z)]``, with
    ``p(z) = (a(z)/Z (1 − (1 − Z)^(T−1)) + (1 − Z)^(T−1)) π(z)``, ``Z = E_π[a(z)]``, the acceptance a, the standard
    normal π and T proposals.

    Args:
        proposals: of which the last is accepted whatever its acceptance
    """
    return vae(shape, prior=f"resampled:{proposals}", **rest)


@recipe("Pang, Han, Nijkamp, Zhu & Wu 2020, arXiv 2006.08205", extends=vae, without=("prior",))
def energy_vae(shape: tuple[int, ...], langevin_steps: int = 60, **rest: Any) -> tuple[er.GenerativeModel, er.Term]:
    """The VAE whose prior is a normal tilted by a learned energy (latent-space EBM).

    Minimized: ``−E_q[log p(x|z)] + β E_q[log q(z|x) − log p(z)]``, with ``p(z) = exp(f(z)) N(z; 0, I) / Z``, by which f
    climbs along ``β (E_q[∇f] − E_p[∇f])``.

    Args:
        langevin_steps: of the chains that draw from the prior
    """
    return vae(shape, prior=f"energy:{langevin_steps}", **rest)


@recipe("Razavi et al. 2019, arXiv 1901.03416", extends=vae, without=("prior", "posterior"))
def delta_vae(shape: tuple[int, ...], delta: float = 1.0, **rest: Any) -> tuple[er.GenerativeModel, er.Term]:
    """The δ-VAE: a prior whose latents correlate, so that the KL is never below δ and the posterior cannot collapse.

    Minimized: ``−E_q[log p(x|z)] + β KL(q(z|x) ‖ p(z))``, with the prior of ``z_i = a z_(i−1) + √(1 − a²) ε_i``, by
    which ``KL ≥ δ = ½ ((n − 2) log(1 + a²) − log(1 − a²))`` of n numbers.

    Args:
        delta: committed rate, in nats per example
    """
    return vae(shape, prior=f"autocorrelated:{delta}", **rest)


@recipe("Tomczak & Welling 2018, arXiv 1705.07120", extends=vae, without=("posterior",))
def hvamp_vae(
    shape: tuple[int, ...],
    latent: int = 40,
    prior: str = "vamp:500",
    likelihood: str = "bernoulli",
    k: int = 1,
    beta: NonNegativeFloat = 1.0,
    **network: Any,
) -> tuple[er.GenerativeModel, er.Term]:
    """The hierarchical VAE of two latents, the upper one with a VampPrior (HVAE).

    Minimized: ``E_q[−log p(x|z_1, z_2) + β (log q(z_2|x) − log p(z_2) + KL(q(z_1|x, z_2) ‖ p(z_1|z_2)))]``, with
    ``p(z_2) = 1/C Σ_c q(z_2|u_c)`` and pseudo-inputs u_c.

    Args:
        latent: size of each of the two latents
        prior: of the upper latent, as for vae; standard gives the paper's HVAE without VampPrior
        likelihood: p(x|z), as for vae
        k: samples per example in the ELBO
        beta: weight of the KL
    """
    architecture, p = er.Architecture(shape, **network), er.likelihood(likelihood, shape)
    encoder = architecture.encoder(er.DiagonalNormal(latent))
    lower_encoder = architecture.encoder(er.DiagonalNormal(latent), latent)
    lower_prior = er.Conditional.mlp(latent, er.DiagonalNormal(latent), (300, 300))
    decoder = architecture.decoder(latent, p, latent)
    p_z = er.make_prior(prior, encoder, shape, bounded=p.support == (0.0, 1.0))
    return er.TwoLevel(encoder, lower_encoder, lower_prior, decoder, p_z), er.Reconstruction(k) + beta * er.KL()


@recipe("Dilokthanakul et al. 2016, arXiv 1611.02648", extends=vae, without=("posterior", "prior"))
def gm_vae(
    shape: tuple[int, ...],
    latent: int = 20,
    context: int = 10,
    clusters: int = 10,
    likelihood: str = "bernoulli",
    k: int = 1,
    beta: NonNegativeFloat = 1.0,
    **network: Any,
) -> tuple[er.GenerativeModel, er.Term]:
    """The Gaussian mixture VAE (GMVAE): each component of its prior, shaped by a second latent, is a cluster.

    Minimized: ``E_q[−log p(x|z) + β (log q(z|x) − log p(z|w) + KL(q(w|x) ‖ p(w)))]``, with
    ``p(z|w) = 1/C Σ_y N(z; μ_y(w), σ_y²(w))``, and z from q(z|x), w from q(w|x).

    Args:
        latent: size of the latent z
        context: size of the latent w, which shapes the components
        clusters: number of components of the prior
        likelihood: p(x|z), as for vae
        k: samples per example in the ELBO
        beta: weight of the KL
    """
    architecture = er.Architecture(shape, **network)
    encoder, shaper = (architecture.encoder(er.DiagonalNormal(n)) for n in (latent, context))
    decoder = architecture.decoder(latent, er.likelihood(likelihood, shape))
    return er.GaussianMixtureModel(encoder, shaper, decoder, clusters), er.Reconstruction(k) + beta * er.KL()
