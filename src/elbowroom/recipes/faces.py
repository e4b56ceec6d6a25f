"""A recipe for portraits, with the settings that gave the best samples in minutes of a CPU."""

from __future__ import annotations

from typing import Any, Literal

import elbowroom as er
from elbowroom.recipes.convolutional import conv_vae
from elbowroom.recipes.registry import recipe

#: Settings of the training: about ten minutes of two cores at 64x64, and options of images in files.
FACES_DEFAULTS: dict[str, Any] = {
    "steps": 12_000,
    "batch_size": 32,
    "lr": 2e-3,
    "schedule": "one-cycle",
    "average": 0.995,
    "final_weights": "best",
    "resize": (64, 64),
    "flip": True,
}


@recipe(
    "Kingma & Welling 2014, arXiv 1312.6114; density of latents: Ghosh et al. 2020, arXiv 1903.12436",
    extends=conv_vae,
    sampler="mixture:10",
    defaults=FACES_DEFAULTS,
)
def faces(
    shape: tuple[int, ...], latent: int = 128, size: Literal["s", "m", "l"] = "s", **rest: Any
) -> tuple[er.GenerativeModel, er.Term]:
    """The convolutional VAE for portraits: a folder of them, ten minutes of two cores, samples from a fitted mixture.

    Minimized: ``−E_q[log p(x|z)] + β KL(q(z|x) ‖ p(z))``; z of samples is from ``Σ_c π_c N(z; μ_c, S_c)``, fitted to
    the latents afterwards.

    Args:
        latent: size of the latent z
        size: of a network of convolutions: channels double from 16 to 128 (s), 32 to 256 (m), 64 to 512 (l)
    """
    return conv_vae(shape, latent=latent, size=size, **rest)
