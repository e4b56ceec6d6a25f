"""Decode latents of any batch shape, and grids of two-dimensional latents."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from elbowroom.models.base import GenerativeModel

#: Latents decoded at once.
BATCH_SIZE = 512


def decode_latents(model: GenerativeModel, z: Tensor, c: Tensor | None = None) -> Tensor:
    """Return the mean of p(x|z) for latents of any batch shape: (..., *latent_shape) to (..., *shape), on the CPU.

    In a hierarchical model z is the uppermost latent, and the lower ones take their means.

    Args:
        model: whose decoder.
        z: the latents.
        c: one condition for all of them, without a batch dimension.

    Raises:
        ValueError: latents of another shape than the model's.

    >>> import elbowroom as er
    >>> model, _ = er.recipes.vae((1, 8, 8), latent=3)
    >>> decode_latents(model, torch.zeros(2, 5, 3)).shape
    torch.Size([2, 5, 1, 8, 8])
    """
    depth = len(model.latent_shape)
    batch_shape, latent_shape = z.shape[: z.dim() - depth], z.shape[z.dim() - depth :]
    device = next(model.parameters()).device
    flat = z.reshape(-1, *latent_shape).to(device)
    means = [
        model.sample(c=None if c is None else c.to(device).expand(len(chunk), *c.shape), z=chunk, draw=False).cpu()
        for chunk in torch.split(flat, BATCH_SIZE)
    ]
    return torch.cat(means).reshape(*batch_shape, *model.shape)


def decode_plane(model: GenerativeModel, z1: Tensor, z2: Tensor, c: Tensor | None = None) -> Tensor:
    """Decode a grid of two-dimensional latents: (len(z2), len(z1), *shape).

    Kingma & Welling 2014, arXiv 1312.6114, figure 4.

    Raises:
        ValueError: the latent is not two-dimensional.

    >>> import elbowroom as er
    >>> model, _ = er.recipes.vae((1, 8, 8), latent=2)
    >>> decode_plane(model, normal_quantiles(5), normal_quantiles(4)).shape
    torch.Size([4, 5, 1, 8, 8])
    """
    size = math.prod(model.latent_shape)
    if size != 2:
        raise ValueError(f"the latent has {size} dimension{'s'[: size != 1]}, not two: there is no plane to decode")
    second, first = torch.meshgrid(z2, z1, indexing="ij")
    return decode_latents(model, torch.stack((first, second), -1).reshape(len(z2), len(z1), *model.latent_shape), c)


def normal_quantiles(n: int) -> Tensor:
    """Return the standard normal quantiles of (i + ½) / n, (n,): the medians of n intervals of equal probability.

    >>> normal_quantiles(3)
    tensor([-0.9674,  0.0000,  0.9674])
    """
    quantiles: Tensor = torch.special.ndtri((torch.arange(n) + 0.5) / n)
    return quantiles
