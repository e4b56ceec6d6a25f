"""Recipes that say how much the latent may know of an example: InfoVAE, capacity, denoising."""

from __future__ import annotations

from typing import Any

import elbowroom as er
from elbowroom.argument import NonNegativeFloat
from elbowroom.recipes.registry import recipe
from elbowroom.recipes.vae import vae


@recipe("Zhao, Song & Ermon 2019, arXiv 1706.02262", extends=vae, without=("beta", "k"))
def info_vae(
    shape: tuple[int, ...], alpha: float = 1.0, weight: NonNegativeFloat = 100.0, **rest: Any
) -> tuple[er.GenerativeModel, er.Term]:
    """The InfoVAE: the KL of each example is traded for the MMD between all latents and the prior.

    Minimized: ``−E_q[log p(x|z)] + (1 − α) KL(q(z|x) ‖ p(z)) + (α + weight − 1) MMD(q(z), p(z))``, with q(z) of the
    latents of a batch, and MMD the squared one.

    Args:
        alpha: weight of the mutual information of example and latent: 0 leaves the KL whole, 1 takes it away
        weight: lambda, the weight of the divergence of all latents from the prior; with alpha 0, 1 is the vae
    """
    if alpha > 1 or alpha + weight < 1:
        raise ValueError(f"alpha is at most 1, and alpha + weight at least 1, got {alpha:g} and {weight:g}")
    model, _ = vae(shape, **rest)
    return model, er.Reconstruction() + (1 - alpha) * er.KL() + (alpha + weight - 1) * er.MMD()


@recipe("Burgess et al. 2018, arXiv 1804.03599", extends=vae, without=("beta", "k"))
def capacity_vae(
    shape: tuple[int, ...],
    latent: int = 10,
    gamma: NonNegativeFloat = 1000.0,
    capacity: NonNegativeFloat = 25.0,
    warmup: int = 100_000,
    **rest: Any,
) -> tuple[er.GenerativeModel, er.Term]:
    """The beta-VAE of controlled capacity: the KL is held at a capacity that grows with the steps.

    Minimized: ``−E_q[log p(x|z)] + γ |KL(q(z|x) ‖ p(z)) − C_t|``, with the mean KL of the batch, and C_t growing from 0
    to the capacity.

    Args:
        latent: size of the latent z
        gamma: weight of the distance of the KL from the capacity
        capacity: that the KL is held at in the end, nats
        warmup: steps over which the capacity grows from 0
    """
    model, _ = vae(shape, latent=latent, **rest)
    return model, er.Reconstruction() + gamma * abs(er.KL() - er.ramp(0, capacity, warmup))


@recipe("Im et al. 2017, arXiv 1511.06406", extends=vae)
def denoising_vae(
    shape: tuple[int, ...], masking: float = 0.05, noise: float = 0.0, **rest: Any
) -> tuple[er.GenerativeModel, er.Term]:
    """The denoising VAE: in training its encoder sees a corrupted example, and its decoder is scored by the whole one.

    Minimized: ``−E[log p(x|z)] + β KL(q(z|x') ‖ p(z))``, with x' the corrupted example and z from q(z|x').

    For every corruption the loss is minus an ELBO of the whole example, whose posterior has seen less.

    Args:
        masking: share of the encoder's inputs that are set to 0 in training
        noise: standard deviation of normal noise on the encoder's inputs in training
    """
    model, elbo = vae(shape, **rest)
    assert isinstance(model, er.Model)
    model.encoder.net = er.CorruptedInput(model.encoder.net, masking, noise)
    return model, elbo
