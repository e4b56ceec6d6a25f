"""The two-stage VAE."""

from __future__ import annotations

from typing import Any

import elbowroom as er
from elbowroom.recipes.registry import recipe
from elbowroom.recipes.vae import vae


@recipe("Dai & Wipf 2019, arXiv 1903.05789", extends=vae, sampler="two-stage")
def two_stage_vae(
    shape: tuple[int, ...], latent: int = 64, likelihood: str = "gaussian:learned", **rest: Any
) -> tuple[er.GenerativeModel, er.Term]:
    """The two-stage VAE: one with a learned variance of the decoder, then a second one of its latents to sample from.

    Minimized: ``−E_q[log N(x; μ(z), σ² I)] + β KL(q(z|x) ‖ p(z))``, with σ learned; then, for samples,
    ``−E[log p(z|u)] + KL(q(u|z) ‖ N(0, I))`` of the latents, whitened.

    Args:
        latent: size of the latent z
        likelihood: p(x|z), as for vae; the paper learns one variance
    """
    return vae(shape, latent=latent, likelihood=likelihood, **rest)
