"""Recipes with tighter bounds: IWAE."""

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
