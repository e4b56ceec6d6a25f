"""Recipes for images whose decoder reads x: PixelVAE."""

from __future__ import annotations

from typing import Any

import elbowroom as er
from elbowroom.recipes.registry import recipe
from elbowroom.recipes.vae import vae

#: Arguments of ``vae`` that say how large a network is.
NETWORK_SIZES = ("hidden", "activation", "size", "widths")


@recipe("Gulrajani et al. 2017, arXiv 1611.05013", extends=vae, dimensions=(2, 3))
def pixel_vae(
    shape: tuple[int, ...],
    latent: int = 64,
    likelihood: str = "bernoulli",
    network: str = "auto",
    layers: int = 3,
    channels: int = 16,
    k: int = 1,
    beta: float = 1.0,
    warmup: int = 2000,
    **rest: Any,
) -> tuple[er.GenerativeModel, er.Term]:
    """The PixelVAE: each pixel is given the latent and the pixels above and to the left, by causal convolutions.

    Args:
        latent: size of the latent z
        likelihood: p(x|z), as for vae, of any kind but columns and views
        network: of encoder and decoder, as for vae; the causal convolutions are on top of the decoder
        layers: of causal convolutions: the more, the further a pixel sees, and the less z has to tell
        channels: of the causal convolutions
        k: samples per example in the ELBO
        beta: weight of the KL
        warmup: steps over which the weight of the KL grows from 0, so that z is used before the pixels are
    """
    model, _ = vae(shape, latent=latent, likelihood=likelihood, network=network, **rest)
    sizes = {name: rest[name] for name in NETWORK_SIZES if name in rest}
    architecture = er.Architecture(shape, network, **sizes)
    model.decoder = er.pixel_decoder(architecture, latent, er.likelihood(likelihood, shape), layers, channels)
    return model, er.Reconstruction(k) + er.ramp(0, beta, warmup) * er.KL()
