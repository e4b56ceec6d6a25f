"""Codes of any arrangement, decoded."""

from __future__ import annotations

import math

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


def decode_plane(model: GenerativeModel, z1: Tensor, z2: Tensor, c: Tensor | None = None) -> Tensor:
    """Decode every pair of these values of a two-dimensional code: (len(z2), len(z1), *shape).

    Kingma & Welling 2014, arXiv 1312.6114, figure 4.

    Raises:
        ValueError: the code has not two dimensions.

    >>> import elbowroom as er
    >>> model, _ = er.recipes.vae((1, 8, 8), latent=2)
    >>> decode_plane(model, normal_quantiles(5), normal_quantiles(4)).shape
    torch.Size([4, 5, 1, 8, 8])
    """
    size = math.prod(model.latent_shape)
    if size != 2:
        raise ValueError(f"the code has {size} dimension{'s'[: size != 1]}, not two: there is no plane to decode")
    second, first = torch.meshgrid(z2, z1, indexing="ij")
    return decode_latents(model, torch.stack((first, second), -1).reshape(len(z2), len(z1), *model.latent_shape), c)


def normal_quantiles(n: int) -> Tensor:
    """Values that cut a standard normal into equal shares, each in the middle of its share, (n,).

    >>> normal_quantiles(3)
    tensor([-0.9674,  0.0000,  0.9674])
    """
    return torch.special.ndtri((torch.arange(n) + 0.5) / n)
