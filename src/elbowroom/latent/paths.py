"""One dimension of a code at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence

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


def lerp(a: Tensor, b: Tensor, t: Tensor | Sequence[float]) -> Tensor:
    """The straight way, (1 − t) a + t b: codes (..., D) at places t (T,) to (T, ..., D).

    >>> lerp(torch.tensor([0.0, 0.0]), torch.tensor([2.0, 4.0]), [0.5])
    tensor([[1., 2.]])
    """
    t = _broadcast_t(t, a)
    return (1 - t) * a + t * b


def slerp(a: Tensor, b: Tensor, t: Tensor | Sequence[float]) -> Tensor:
    r"""The way around the origin, which keeps to the lengths that a prior's codes have.

    .. math:: \frac{\sin((1-t)\,\omega)}{\sin\omega}\, a + \frac{\sin(t\,\omega)}{\sin\omega}\, b,
        \quad \cos\omega = \frac{a \cdot b}{\|a\|\,\|b\|}

    Shoemake 1985, doi 10.1145/325334.325242; for codes, White 2016, arXiv 1609.04468. Where the two point the same
    way or in opposite ones, or one is the origin, there is no such arc, and the way is the straight one.

    Args:
        a: codes to start from, (..., D).
        b: codes to end at, (..., D).
        t: places from 0 to 1, (T,).

    Returns:
        (T, ..., D)

    >>> slerp(torch.tensor([1.0, 0.0]), torch.tensor([0.0, 1.0]), [0.5])
    tensor([[0.7071, 0.7071]])
    """
    t = _broadcast_t(t, a)
    lengths = [code.norm(dim=-1, keepdim=True) for code in (a, b)]
    u, v = (code / length.clamp_min(1e-12) for code, length in zip((a, b), lengths, strict=True))
    # By the half angle's sine and cosine together: the arc cosine alone loses its digits near 0 and π.
    angle = 2 * torch.atan2((u - v).norm(dim=-1, keepdim=True), (u + v).norm(dim=-1, keepdim=True))
    sine = angle.sin()
    around = (((1 - t) * angle).sin() * a + (t * angle).sin() * b) / sine.clamp_min(1e-12)
    bent = (sine > 1e-4) & (lengths[0] * lengths[1] > 0)
    return torch.where(bent, around, lerp(a, b, t.flatten()))


#: The ways from one code to another, by name.
PATHS: dict[str, Callable[[Tensor, Tensor, Tensor | Sequence[float]], Tensor]] = {
    "linear": lerp,
    "spherical": slerp,
}


def interpolation(
    model: GenerativeModel,
    a: Tensor,
    b: Tensor,
    t: Tensor | Sequence[float],
    path: Callable[[Tensor, Tensor, Tensor | Sequence[float]], Tensor] = lerp,
    c: Tensor | None = None,
) -> Tensor:
    """Decode the codes on the way from a to b, (*latent_shape) each: (T, *shape).

    >>> import elbowroom as er
    >>> model, _ = er.recipes.vae((1, 8, 8), latent=3)
    >>> interpolation(model, torch.zeros(3), torch.ones(3), [0, 0.5, 1], PATHS["spherical"]).shape
    torch.Size([3, 1, 8, 8])
    """
    way = path(a.flatten().cpu(), b.flatten().cpu(), t)
    return decode_latents(model, way.unflatten(-1, a.shape), c)


def _broadcast_t(t: Tensor | Sequence[float], like: Tensor) -> Tensor:
    return torch.as_tensor(t, dtype=like.dtype, device=like.device).reshape(-1, *[1] * like.dim())
