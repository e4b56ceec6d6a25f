"""Codes of any arrangement, decoded."""

from __future__ import annotations

import torch
from torch import Tensor

from elbowroom.models.base import GenerativeModel

#: Codes that go through the decoder at once.
BATCH_SIZE = 512


def decode_latents(model: GenerativeModel, z: Tensor, c: Tensor | None = None) -> Tensor:
    """The means of p(x|z) for codes in any arrangement: (..., *latent_shape) to (..., *shape), on the CPU.

    In a hierarchy z is the uppermost latent, and those below take their means.

    Args:
        model: whose decoder.
        z: the codes.
        c: one condition for all of them, without a batch dimension.

    Raises:
        ValueError: codes of another shape than the model's.

    >>> import elbowroom as er
    >>> model, _ = er.recipes.vae((1, 8, 8), latent=3)
    >>> decode_latents(model, torch.zeros(2, 5, 3)).shape
    torch.Size([2, 5, 1, 8, 8])
    """
    depth = len(model.latent_shape)
    arrangement, shape = z.shape[: z.dim() - depth], z.shape[z.dim() - depth :]
    place = next(model.parameters()).device
    flat = z.reshape(-1, *shape).to(place)
    parts = [
        model.sample(len(part), None if c is None else c.to(place).expand(len(part), *c.shape), part).cpu()
        for part in flat.split(BATCH_SIZE)
    ]
    return torch.cat(parts).reshape(*arrangement, *model.shape)
