"""Recipes with priors other than the standard normal: VampPrior, Exemplar VAE, LARS, δ-VAE."""

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


@recipe("Norouzi, Fleet & Norouzi 2020, arXiv 2004.04795", extends=vae, without=("prior",))
def exemplar_vae(shape: tuple[int, ...], components: int = 500, **rest: Any) -> tuple[er.GenerativeModel, er.Term]:
    """The VAE whose prior is a mixture about the latents of training examples (Exemplar VAE).

    Args:
        components: number of training examples that the prior holds
    """
    return vae(shape, prior=f"exemplar:{components}", **rest)


@recipe("Bauer & Mnih 2019, arXiv 1810.11428", extends=vae, without=("prior",))
def lars_vae(shape: tuple[int, ...], proposals: int = 100, **rest: Any) -> tuple[er.GenerativeModel, er.Term]:
    """The VAE whose prior is a normal resampled by a learned acceptance (LARS).

    Args:
        proposals: of which the last is accepted whatever its acceptance
    """
    return vae(shape, prior=f"resampled:{proposals}", **rest)


@recipe("Razavi et al. 2019, arXiv 1901.03416", extends=vae, without=("prior", "posterior"))
def delta_vae(shape: tuple[int, ...], delta: float = 1.0, **rest: Any) -> tuple[er.GenerativeModel, er.Term]:
    """The δ-VAE: a prior whose latents correlate, so that the KL is never below δ and the posterior cannot collapse.

    Args:
        delta: committed rate, in nats per example
    """
    return vae(shape, prior=f"autocorrelated:{delta}", **rest)
