"""Recipes with another inference of the latents: a lagging encoder, refined and Hamiltonian posteriors."""

from __future__ import annotations

from typing import Any

import elbowroom as er
from elbowroom.recipes.registry import recipe
from elbowroom.recipes.vae import vae


@recipe("He et al. 2019, arXiv 1901.05534", extends=vae)
def lagging_vae(
    shape: tuple[int, ...], inner: int = 10, aggressive: int = 2000, **rest: Any
) -> tuple[er.GenerativeModel, er.Term]:
    """The VAE whose encoder, lest it lag behind, takes several steps for each of the decoder's at first.

    Deviation from the paper: as many steps of the encoder as are given, and not until its bound or the mutual
    information stops rising.

    Args:
        inner: steps of the encoder for each of the decoder, in the first part of the training
        aggressive: steps of that part, counted on the encoder; both then train alike
    """
    model, elbo = vae(shape, **rest)
    return model, er.Players(elbo, elbo, decoder_interval=er.StepInterval(inner, until=aggressive))
