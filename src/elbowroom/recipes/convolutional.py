"""Recipes with convolutional networks, for images and series of any size."""

from __future__ import annotations

import math
from typing import Any

import elbowroom as er
from elbowroom.argument import NonNegativeFloat
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

    Minimized: ``−E_q[log p(x|z)] + β KL(q(z|x) ‖ p(z))``, with convolutions in q(z|x) and p(x|z).

    Args:
        latent: size of the latent z
        network: of encoder and decoder: mlp, conv, residual, deep, kl, auto, your own: 'elbowroom networks' lists them
        likelihood: p(x|z), as for vae
    """
    return vae(shape, latent=latent, network=network, likelihood=likelihood, **rest)


@recipe(
    "Kingma & Welling 2014, arXiv 1312.6114; network: Subramanian 2020, github.com/AntixK/PyTorch-VAE",
    dimensions=(3,),
)
def strided_vae(
    shape: tuple[int, ...],
    latent: int = 128,
    widths: tuple[int, ...] = (32, 64, 128, 256, 512),
    likelihood: str = "gaussian:optimal",
    beta: NonNegativeFloat = 1.0,
) -> tuple[er.GenerativeModel, er.Term]:
    """The VAE with PyTorch-VAE's strided convolutions, whose checkpoints it takes: 'elbowroom import'.

    Minimized: ``−E_q[log p(x|z)] + β KL(q(z|x) ‖ p(z))``, with strided convolutions in q(z|x) and p(x|z).

    Args:
        latent: size of the latent z
        widths: channels of the levels, the finest first; sides halve at each
        likelihood: p(x|z), as for vae
        beta: weight of the KL
    """
    q, p = er.DiagonalNormal(latent), er.likelihood(likelihood, shape)
    encoder = er.Conditional(er.networks.StridedEncoder(shape, q.size, widths), q)
    decoder = er.Conditional(er.networks.StridedDecoder(latent, shape, p.size // math.prod(shape), widths), p)
    return er.Model(encoder, decoder, er.StandardNormal(latent)), er.ELBO() + (beta - 1) * er.KL()
