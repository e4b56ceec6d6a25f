"""Autoencoders for latent diffusion, whose latents are maps: AutoencoderKL."""

from __future__ import annotations

from typing import Any, Literal

import elbowroom as er
from elbowroom.argument import NonNegativeFloat, UnitFloat
from elbowroom.recipes.perceptual import add_image_losses
from elbowroom.recipes.registry import recipe

#: Settings of the training: for two cores at 64x64. The average evens out what the critic pulls to and fro; the best
#: validation loss, which has no critic, would be that of the weights before it.
AUTOENCODER_DEFAULTS: dict[str, Any] = {
    "steps": 6_000,
    "batch_size": 16,
    "lr": 1e-3,
    "average": 0.995,
    "final_weights": "last",
    "resize": (64, 64),
    "flip": True,
}


@recipe(
    "Rombach et al. 2022, arXiv 2112.10752",
    sampler="gaussian",
    defaults=AUTOENCODER_DEFAULTS,
    dimensions=(2, 3),
)
def autoencoder_kl(
    shape: tuple[int, ...],
    channels: int = 4,
    levels: int = 2,
    network: str = "kl",
    size: Literal["s", "m", "l"] = "s",
    widths: tuple[int, ...] | None = None,
    layers: int = 2,
    groups: int | None = None,
    attention: bool = True,
    quant_conv: bool = True,
    likelihood: str = "laplace:0.5",
    beta: NonNegativeFloat = 1e-6,
    features: str = "none",
    perceptual: NonNegativeFloat = 0.5,
    adversarial: NonNegativeFloat = 0.5,
    start: int = 2000,
    critic: int = 32,
) -> tuple[er.GenerativeModel, er.Term]:
    """The autoencoder of latent diffusion: a map of latents, absolute and perceptual error, a critic of patches.

    Minimized: ``−E_q[log p(x|z)] + β KL(q(z|x) ‖ p(z)) + perceptual n ‖f(x) − f(μ(z))‖² − adversarial λ D(μ(z))``, and
    ``½ (max(0, 1 − D(x)) + max(0, 1 + D(μ(z))))`` by the critic D, with n values of x, features f, μ(z) the mean of
    p(x|z), and λ the gradient's norm of the first and the third term by that of D at the decoder's last layer.

    Args:
        channels: of the latent map
        levels: how often the sides of an image halve to those of the map
        network: of encoder and decoder: kl, the structure of diffusers' AutoencoderKL; conv, residual, deep
        size: of the network: channels double from 16 (s), 32 (m), 64 (l)
        widths: channels of its sizes instead, the finest first: for kl one more than levels
        layers: residual blocks at each size, of kl
        groups: in which kl normalises channels; by default up to 32, of at least four channels
        attention: whether kl has self-attention at the coarsest size
        quant_conv: whether kl has convolutions of kernel 1 next to the map
        likelihood: p(x|z); laplace:0.5 is the absolute error of pixels in [-1, 1], the paper's
        beta: weight of the KL
        features: frozen, of the perceptual loss: FILE.safetensors of 'elbowroom fit-features'; lpips, where it is
            installed with its weights; random convolutions; your own in Python; none leaves the loss out
        perceptual: weight of the perceptual loss, for each value of an example; 0 leaves it out
        adversarial: weight of the critic's loss, balanced against the others by gradients; 0 leaves it out
        start: the step from which the critic counts; it trains from half of it on
        critic: channels of its first layer
    """
    blocks: dict[str, Any] = {"layers": layers, "groups": groups, "attention": attention, "quant_conv": quant_conv}
    architecture = er.Architecture(shape, network, size=size, widths=widths, levels=levels, **blocks)
    latent = er.DiagonalNormal(architecture.map_shape(channels))
    encoder, decoder = architecture.encoder(latent), architecture.decoder(latent, er.likelihood(likelihood, shape))
    objective = er.Reconstruction() + beta * er.KL()
    objective = add_image_losses(objective, shape, features, perceptual, adversarial, start, critic)
    return er.Model(encoder, decoder, er.StandardNormal(latent.shape)), objective


@recipe("Kouzelis et al. 2025, arXiv 2502.09509", extends=autoencoder_kl)
def eq_vae(shape: tuple[int, ...], share: UnitFloat = 0.5, **rest: Any) -> tuple[er.GenerativeModel, er.Term]:
    """The autoencoder of latent diffusion with smoother maps: scaled and rotated latents decode to such images.

    Minimized: ``−(1 − share) E_q[log p(x|z)] − share E_q[n/n_τ log p(τx|τz)] + β KL(q(z|x) ‖ p(z))`` and the further
    losses of autoencoder_kl, with τ scaling and rotating, and n and n_τ values of x and τx.

    Args:
        share: of the reconstruction loss that is that of scaled and rotated examples; 0 is autoencoder_kl
    """
    model, objective = autoencoder_kl(shape, **rest)
    return model, objective + share * (er.Equivariance() - er.Reconstruction())
