"""Recipes with a discrete latent: VQ-VAE."""

from __future__ import annotations

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
) -> tuple[er.GenerativeModel, er.Term]:
    """The vector-quantised autoencoder: latents are codebook entries, their learned frequencies the prior.

    The KL to that prior trains only the prior, and defines the ELBO of the discrete latent.

    Args:
        latent: number of positions, each of which takes one codebook entry
        codes: number of codebook entries
        dim: length of an entry
        commitment: weight of the distance from the encoder's output to its entries
        hidden: widths of the encoder's hidden layers; the decoder mirrors them
        activation: of the hidden layers
        likelihood: p(x|z), as for vae
    """
    book = er.Codebook(latent, dim, codes)
    encoder = er.Conditional.mlp(shape, book, hidden, activation)
    decoder = er.Conditional.mlp(book.shape, er.likelihood(likelihood, shape), hidden[::-1], activation)
    return er.Model(encoder, decoder, er.CodePrior(book)), er.ELBO() + commitment * er.Commitment()
