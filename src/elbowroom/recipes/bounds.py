"""Recipes with tighter bounds: IWAE, CIWAE."""

from __future__ import annotations

from typing import Any

import elbowroom as er
from elbowroom.recipes.registry import recipe
from elbowroom.recipes.vae import vae


@recipe("Burda, Grosse & Salakhutdinov 2016, arXiv 1509.00519", extends=vae, without=("beta",))
def iwae(shape: tuple[int, ...], k: int = 50, **rest: Any) -> tuple[er.GenerativeModel, er.Term]:
    """The importance-weighted autoencoder: the VAE trained on the k-sample bound.

    Args:
        k: samples per example in the bound
    """
    model, _ = vae(shape, **rest)
    return model, er.ImportanceBound(k)


@recipe("Rainforth et al. 2018, arXiv 1802.04537", extends=vae, without=("beta",))
def ciwae(shape: tuple[int, ...], k: int = 64, mix: float = 0.5, **rest: Any) -> tuple[er.GenerativeModel, er.Term]:
    """The combination importance-weighted autoencoder: a weighted mean of the ELBO and the k-sample bound.

    Args:
        k: samples per example in both bounds
        mix: weight of the ELBO, beta in the paper: 0 is iwae, 1 the vae
    """
    if not 0 <= mix <= 1:
        raise ValueError(f"mix is the weight of the ELBO in a mean, from 0 to 1, got {mix:g}")
    model, _ = vae(shape, **rest)
    return model, mix * er.ELBO(k) + (1 - mix) * er.ImportanceBound(k)
