"""Recipes with convolutional networks, for images and series of any size."""

from __future__ import annotations

from typing import Any

import elbowroom as er
from elbowroom.recipes.registry import recipe
from elbowroom.recipes.vae import vae


@recipe(
    "Kingma & Welling 2014, arXiv 1312.6114; network: Radford, Metz & Chintala 2016, arXiv 1511.06434",
    extends=vae,
    without=("hidden", "activation"),
)
def conv_vae(
    shape: tuple[int, ...], latent: int = 64, network: str = "conv", likelihood: str = "gaussian", **rest: Any
) -> tuple[er.GenerativeModel, er.Term]:
    """The convolutional VAE, for images and series of any size: vae with convolutions and other defaults.

    Args:
        latent: size of the latent z
        network: of encoder and decoder: mlp, conv, residual, deep, kl, auto, your own: 'elbowroom networks' lists them
        likelihood: p(x|z), as for vae
    """
    return vae(shape, latent=latent, network=network, likelihood=likelihood, **rest)
