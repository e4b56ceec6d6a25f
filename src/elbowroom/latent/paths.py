"""Paths in latent space: traversal of one dimension, linear and spherical interpolation."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from elbowroom import errors
from elbowroom.latent.decode import decode_latents
from elbowroom.models.base import GenerativeModel

#: From two latents (..., D) and t (T,) to the latents between them, (T, ..., D).
LatentPath = Callable[[Tensor, Tensor, Tensor | Sequence[float]], Tensor]


def traversal(
    model: GenerativeModel, z: Tensor, dims: Sequence[int], offsets: Tensor | Sequence[float], c: Tensor | None = None
) -> Tensor:
    r"""Decode a latent with one dimension changed, the others fixed: :math:`\mathrm E[x \mid z + \delta\, e_j]`.

    Higgins et al. 2017, openreview Sy2fzU9gl, set the dimension to fixed values; here it changes by offsets from z, so
    that the offset 0 is z itself.

    Args:
        model: whose decoder.
        z: the latent, (*latent_shape).
        dims: j, indices in the flattened latent.
        offsets: :math:`\delta`, (T,) for all dimensions or (len(dims), T), in the units of z.
        c: its condition, for a conditional model.

    Returns:
        (len(dims), T, *shape)

    Raises:
        ValueError: a dimension that does not exist.

    >>> import elbowroom as er
    >>> model, _ = er.recipes.vae((1, 8, 8), latent=3)
    >>> traversal(model, torch.zeros(3), dims=[2, 0], offsets=[-1, 0, 1]).shape
    torch.Size([2, 3, 1, 8, 8])
    """
    flat = z.flatten().cpu()
    if outside := [dim for dim in dims if not 0 <= dim < len(flat)]:
        raise ValueError(
            f"there is no dimension {outside[0]} in a latent of {len(flat)}: choose from 0 to {len(flat) - 1}"
        )
    return axis_traversal(model, z, torch.eye(len(flat))[list(dims)], offsets, c)


def axis_traversal(
    model: GenerativeModel, z: Tensor, axes: Tensor, offsets: Tensor | Sequence[float], c: Tensor | None = None
) -> Tensor:
    r"""Decode a latent that is moved along axes, one at a time: :math:`\mathrm E[x \mid z + \delta\, u_k]`.

    Args:
        model: whose decoder.
        z: the latent, (*latent_shape).
        axes: u, of the flattened latent, (K, D).
        offsets: :math:`\delta`, (T,) for all axes or (K, T), in lengths of the axes.
        c: its condition, for a conditional model.

    Returns:
        (K, T, *shape)

    >>> import elbowroom as er
    >>> model, _ = er.recipes.vae((1, 8, 8), latent=3)
    >>> axis_traversal(model, torch.zeros(3), torch.ones(1, 3), offsets=[-1, 0, 1]).shape
    torch.Size([1, 3, 1, 8, 8])
    """
    return decode_latents(model, move_latent(model, z, axes, offsets), c)


def move_latent(model: GenerativeModel, z: Tensor, axes: Tensor, offsets: Tensor | Sequence[float]) -> Tensor:
    """Return a latent moved along axes, on the geodesics of the manifold that latents lie on: (K, T, *latent_shape)."""
    steps = torch.as_tensor(offsets, dtype=torch.float32)
    moves = steps.expand(len(axes), steps.shape[-1])[..., None] * axes[:, None]
    return model.manifold.exp(z.cpu(), moves.reshape(*moves.shape[:-1], *z.shape))


def lerp(a: Tensor, b: Tensor, t: Tensor | Sequence[float]) -> Tensor:
    """Interpolate linearly, (1 − t) a + t b: latents (..., D) and t (T,) to (T, ..., D).

    >>> lerp(torch.tensor([0.0, 0.0]), torch.tensor([2.0, 4.0]), [0.5])
    tensor([[1., 2.]])
    """
    t = _broadcast_t(t, a)
    return (1 - t) * a + t * b


def slerp(a: Tensor, b: Tensor, t: Tensor | Sequence[float]) -> Tensor:
    r"""Interpolate on an arc around the origin, which keeps the norms that latents of a normal prior have.

    .. math:: \frac{\sin((1-t)\,\omega)}{\sin\omega}\, a + \frac{\sin(t\,\omega)}{\sin\omega}\, b,
        \quad \cos\omega = \frac{a \cdot b}{\|a\|\,\|b\|}

    Shoemake 1985, doi 10.1145/325334.325242; for latents, White 2016, arXiv 1609.04468. Where the two are parallel or
    opposite, or one is the origin, the arc is undefined and the interpolation is linear.

    Args:
        a: latents at t = 0, (..., D).
        b: latents at t = 1, (..., D).
        t: from 0 to 1, (T,).

    Returns:
        (T, ..., D)

    >>> slerp(torch.tensor([1.0, 0.0]), torch.tensor([0.0, 1.0]), [0.5])
    tensor([[0.7071, 0.7071]])
    """
    t = _broadcast_t(t, a)
    norms = [z.norm(dim=-1, keepdim=True) for z in (a, b)]
    u, v = (z / norm.clamp_min(1e-12) for z, norm in zip((a, b), norms, strict=True))
    # From sine and cosine of the half angle: acos is inaccurate near 0 and π.
    angle = 2 * torch.atan2((u - v).norm(dim=-1, keepdim=True), (u + v).norm(dim=-1, keepdim=True))
    sine = angle.sin()
    arc = (((1 - t) * angle).sin() * a + (t * angle).sin() * b) / sine.clamp_min(1e-12)
    is_defined = (sine > 1e-4) & (norms[0] * norms[1] > 0)
    return torch.where(is_defined, arc, lerp(a, b, t.flatten()))


#: Interpolations by name.
PATHS: dict[str, LatentPath] = {
    "linear": lerp,
    "spherical": slerp,
}


def paths_of(model: GenerativeModel) -> dict[str, LatentPath]:
    """Return the interpolations between latents of a model: on a manifold that is not flat, its geodesic alone.

    >>> import elbowroom as er
    >>> list(paths_of(er.recipes.vae((1, 8, 8))[0])), list(paths_of(er.recipes.hyperspherical_vae((1, 8, 8))[0]))
    (['linear', 'spherical'], ['geodesic'])
    """
    return PATHS if model.manifold.is_flat else {"geodesic": model.manifold.geodesic}


def find_path(model: GenerativeModel, name: str) -> LatentPath:
    """Return the interpolation of this name; on a manifold that is not flat, its geodesic for any.

    Raises:
        ValueError: there is none.
    """
    if name not in PATHS:
        raise errors.unknown_name("path", name[:20], PATHS)
    return PATHS[name] if model.manifold.is_flat else model.manifold.geodesic


def interpolation(
    model: GenerativeModel,
    a: Tensor,
    b: Tensor,
    t: Tensor | Sequence[float],
    path: LatentPath = lerp,
    c: Tensor | None = None,
) -> Tensor:
    """Decode the latents on a path from a to b, (*latent_shape) each: (T, *shape).

    >>> import elbowroom as er
    >>> model, _ = er.recipes.vae((1, 8, 8), latent=3)
    >>> interpolation(model, torch.zeros(3), torch.ones(3), [0, 0.5, 1], PATHS["spherical"]).shape
    torch.Size([3, 1, 8, 8])
    """
    z = path(a.flatten().cpu(), b.flatten().cpu(), t)
    return decode_latents(model, z.reshape(-1, *a.shape), c)


def _broadcast_t(t: Tensor | Sequence[float], like: Tensor) -> Tensor:
    return torch.as_tensor(t, dtype=like.dtype, device=like.device).reshape(-1, *[1] * like.dim())
