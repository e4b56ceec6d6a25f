"""Recipes with a learned prior: VampPrior."""

from __future__ import annotations

from typing import Any

import elbowroom as er
from elbowroom.recipes.registry import recipe
from elbowroom.recipes.vae import vae


@recipe("Tomczak & Welling 2018, arXiv 1705.07120", extends=vae, without=("prior",))
def vamp_vae(shape: tuple[int, ...], components: int = 500, **rest: Any) -> tuple[er.GenerativeModel, er.Term]:
    """The VAE whose prior is a mixture of its posteriors at learned pseudo-inputs.

    Args:
        components: number of pseudo-inputs
    """
    return vae(shape, prior=f"vamp:{components}", **rest)
