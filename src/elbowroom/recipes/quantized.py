"""Recipes with a discrete latent: VQ-VAE."""

from __future__ import annotations

from typing import Literal

import elbowroom as er
from elbowroom.recipes.registry import recipe


@recipe("van den Oord, Vinyals & Kavukcuoglu 2017, arXiv 1711.00937")
def vq_vae(
    shape: tuple[int, ...],
    latent: int = 20,
    codes: int = 512,
    dim: int = 64,
    commitment: float = 0.25,
    hidden: tuple[int, ...] = (400,),
    activation: str = "relu",
    likelihood: str = "bernoulli",
    network: str = "mlp",
    size: Literal["s", "m", "l"] = "m",
    widths: tuple[int, ...] | None = None,
) -> tuple[er.GenerativeModel, er.Term]:
    """The vector-quantised autoencoder: latents are codebook entries, their learned frequencies the prior.

    The KL to that prior trains only the prior, and defines the ELBO of the discrete latent.

    Args:
        latent: number of positions, each of which takes one codebook entry
        codes: number of codebook entries
        dim: length of an entry
        commitment: weight of the distance from the encoder's output to its entries
        hidden: widths of the encoder's hidden layers (mlp); the decoder mirrors them
        activation: of the hidden layers (mlp)
        likelihood: p(x|z), as for vae
        network: of encoder and decoder: mlp, conv, residual, deep, kl, auto, your own: 'elbowroom networks' lists them
        size: of a network of convolutions: channels double from 16 to 128 (s), 32 to 256 (m), 64 to 512 (l)
        widths: channels of its levels instead, the finest first; sides halve as often as there are widths
    """
    book = er.Codebook(latent, dim, codes)
    architecture = er.Architecture(shape, network, hidden, activation, size, widths)
    encoder = architecture.encoder(book)
    decoder = architecture.decoder(book.shape, er.likelihood(likelihood, shape))
    return er.Model(encoder, decoder, er.CodePrior(book)), er.ELBO() + commitment * er.Commitment()
