"""One dimension of a code at a time."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from elbowroom.latent.decode import decode_latents
from elbowroom.models.base import GenerativeModel


def traversal(
    model: GenerativeModel, z: Tensor, dims: Sequence[int], offsets: Tensor | Sequence[float], c: Tensor | None = None
) -> Tensor:
    r"""Decode a code with one dimension moved, the others held: :math:`\mathrm E[x \mid z + \delta\, e_j]`.

    Higgins et al. 2017, openreview Sy2fzU9gl, set the dimension to fixed values; here it moves by offsets from the
    code, so that the offset 0 is the code itself.

    Args:
        model: whose decoder.
        z: the code, (*latent_shape).
        dims: j, positions in the flattened code.
        offsets: :math:`\delta`, (T,) for all dimensions or (len(dims), T), in the units of z.
        c: its condition, if the model has one.

    Returns:
        (len(dims), T, *shape)

    Raises:
        ValueError: a dimension that the code has not.

    >>> import elbowroom as er
    >>> model, _ = er.recipes.vae((1, 8, 8), latent=3)
    >>> traversal(model, torch.zeros(3), dims=[2, 0], offsets=[-1, 0, 1]).shape
    torch.Size([2, 3, 1, 8, 8])
    """
    flat = z.flatten().cpu()
    if outside := [dim for dim in dims if not 0 <= dim < len(flat)]:
        raise ValueError(
            f"there is no dimension {outside[0]} in a code of {len(flat)}: choose from 0 to {len(flat) - 1}"
        )
    steps = torch.as_tensor(offsets, dtype=flat.dtype)
    steps = steps.expand(len(dims), steps.shape[-1])
    moved = flat.repeat(*steps.shape, 1)
    for row, dim in enumerate(dims):
        moved[row, :, dim] += steps[row]
    return decode_latents(model, moved.unflatten(-1, z.shape), c)
