"""Autoencoders with regularized latents or decoders: WAE-MMD, SWAE, RAE-L2, RAE-GP."""

from __future__ import annotations

from typing import Any

import elbowroom as er
from elbowroom.argument import NonNegativeFloat
from elbowroom.recipes.registry import recipe
from elbowroom.recipes.vae import autoencoder


@recipe("Tolstikhin et al. 2018, arXiv 1711.01558", extends=autoencoder, without=("linear",))
def wae_mmd(
    shape: tuple[int, ...],
    latent: int = 8,
    weight: NonNegativeFloat = 5.0,
    likelihood: str = "gaussian",
    **rest: Any,
) -> tuple[er.GenerativeModel, er.Term]:
    """The Wasserstein autoencoder: a deterministic encoder, whose latents as a whole the MMD draws to the prior.

    Minimized: ``−log p(x|z) + weight MMD(q(z), p(z))``, with ``z = e(x)``, q(z) of the latents of a batch, and MMD the
    squared one.

    Args:
        latent: size of the latent z
        weight: of the MMD: half the paper's lambda of 10, as the gaussian has half the squared error
        likelihood: p(x|z), as for vae; the paper has squared error, which gaussian is
    """
    model, reconstruction = autoencoder(shape, latent=latent, likelihood=likelihood, **rest)
    assert isinstance(model, er.Model)
    return er.Model(model.encoder, model.decoder, er.StandardNormal(latent)), reconstruction + weight * er.MMD()


@recipe("Kolouri et al. 2018, arXiv 1804.01947", extends=autoencoder, without=("linear",))
def swae(
    shape: tuple[int, ...],
    latent: int = 8,
    weight: NonNegativeFloat = 100.0,
    projections: int = 50,
    likelihood: str = "gaussian",
    **rest: Any,
) -> tuple[er.GenerativeModel, er.Term]:
    """The sliced Wasserstein autoencoder: latents as a whole are drawn to the prior along random directions.

    Minimized: ``−log p(x|z) + weight 1/L Σ_l 1/B Σ_i (θ_l·z_(i) − θ_l·z'_(i))²``, with ``z = e(x)``, z' from p(z), both
    of a batch of B in the order along θ_l, and L random directions θ_l.

    Args:
        latent: size of the latent z
        weight: of the squared sliced distance, chosen by us
        projections: directions of each step
        likelihood: p(x|z), as for vae; the paper has cross-entropy and absolute error of pixels
    """
    model, reconstruction = autoencoder(shape, latent=latent, likelihood=likelihood, **rest)
    assert isinstance(model, er.Model)
    prior = er.StandardNormal(latent)
    return er.Model(model.encoder, model.decoder, prior), reconstruction + weight * er.SlicedWasserstein(projections)


@recipe("Ghosh et al. 2020, arXiv 1903.12436", extends=autoencoder, without=("linear",), sampler="mixture:10")
def rae_l2(
    shape: tuple[int, ...],
    latent: int = 16,
    weight: NonNegativeFloat = 5e-3,
    decay: NonNegativeFloat = 4e-5,
    likelihood: str = "gaussian",
    **rest: Any,
) -> tuple[er.GenerativeModel, er.Term]:
    """The regularized autoencoder with weight decay of the decoder; a density is fitted to its latents for sampling.

    Minimized: ``−log p(x|z) + weight ½ ‖z‖² + decay ‖θ‖²``, with ``z = e(x)``, and θ the decoder's parameters.

    Args:
        latent: size of the latent z
        weight: of half the squared norm of the latents: the authors' for MNIST, in our units
        decay: weight of the squared norm of the decoder's parameters: likewise
        likelihood: p(x|z), as for vae; the paper has squared error, which gaussian is
    """
    model, reconstruction = autoencoder(shape, latent=latent, likelihood=likelihood, **rest)
    return model, reconstruction + weight * er.LatentL2() + decay * er.DecoderL2()


@recipe("Ghosh et al. 2020, arXiv 1903.12436", extends=autoencoder, without=("linear",), sampler="mixture:10")
def rae_gp(
    shape: tuple[int, ...],
    latent: int = 16,
    weight: NonNegativeFloat = 5e-3,
    penalty: NonNegativeFloat = 0.01,
    likelihood: str = "gaussian",
    **rest: Any,
) -> tuple[er.GenerativeModel, er.Term]:
    """The regularized autoencoder with a gradient penalty of the decoder; a density is fitted to its latents.

    Minimized: ``−log p(x|z) + weight ½ ‖z‖² + penalty ½ ‖∂μ(z)/∂z‖²``, with ``z = e(x)``, and μ(z) the mean of p(x|z).

    Args:
        latent: size of the latent z
        weight: of half the squared norm of the latents: the authors' for MNIST, in our units
        penalty: weight of half the squared norm of the decoder's Jacobian; the authors penalize another gradient, so
            that this is not theirs
        likelihood: p(x|z), as for vae; the paper has squared error, which gaussian is
    """
    model, reconstruction = autoencoder(shape, latent=latent, likelihood=likelihood, **rest)
    return model, reconstruction + weight * er.LatentL2() + penalty * er.DecoderGradientPenalty()
