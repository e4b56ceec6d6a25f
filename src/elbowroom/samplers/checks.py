"""Checks of the latents that samplers are fitted to."""

from __future__ import annotations

from torch import Tensor


def require_latents(latents: Tensor, minimum: int, purpose: str) -> None:
    """Raise a ValueError for latents (N, D) that are too few, or not finite; ``purpose`` is what needs them."""
    if len(latents) < minimum:
        raise ValueError(f"{len(latents)} latents: {purpose} needs at least {minimum} examples, or a smaller latent")
    if not latents.isfinite().all():
        raise ValueError("some latents are not finite: the training has diverged ('elbowroom doctor' says where)")
