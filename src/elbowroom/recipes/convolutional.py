"""Recipes with convolutional networks, for images and series of any size."""

from __future__ import annotations

from typing import Literal

import elbowroom as er
from elbowroom.recipes.registry import recipe


@recipe("Kingma & Welling 2014, arXiv 1312.6114; network: Radford, Metz & Chintala 2016, arXiv 1511.06434")
def conv_vae(
    shape: tuple[int, ...],
    latent: int = 64,
    network: Literal["plain", "residual", "deep"] = "plain",
    size: Literal["s", "m", "l"] = "m",
    widths: tuple[int, ...] | None = None,
    likelihood: str = "gaussian",
) -> tuple[er.GenerativeModel, er.Term]:
    """The convolutional VAE, for images and series of any size.

    Args:
        latent: size of the latent z
        network: block at each level: plain has none, residual one residual block, deep four with bottlenecks
        size: of the networks: channels double from 16 to 128 (s), 32 to 256 (m), 64 to 512 (l)
        widths: channels of the levels instead, the finest first; sides halve as often as there are widths
        likelihood: p(x|z), as for vae
    """
    encoder = er.Conditional.down(shape, er.DiagonalNormal(latent), size, widths, network)
    decoder = er.Conditional.up(latent, er.likelihood(likelihood, shape), size, widths, network)
    return er.Model(encoder, decoder, er.StandardNormal(latent)), er.ELBO()
