"""Base class of the manifolds, which is the flat space that most latents lie in."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

#: The largest distance of a point from its projection, in any coordinate, at which it lies on a manifold.
TOLERANCE = 1e-3


@dataclass(frozen=True)
class SquareChart:
    """A map of a two-dimensional manifold, on which equal areas are equal volumes.

    Attributes:
        names: of the coordinates, with their units.
        ranges: of the coordinates.
        description: of the map, a sentence.
        to_points: from coordinates as shares of their ranges, (..., 2), to points (..., D).
    """

    names: tuple[str, str]
    ranges: tuple[tuple[float, float], tuple[float, float]]
    description: str
    to_points: Callable[[Tensor], Tensor]


class Manifold:
    """A set of points (..., D) of a flat space: by default all of it.

    Attributes:
        is_flat: whether it is the whole space, in which sums and means of points are points.
        has_flat_volume: whether densities of its points are of plain numbers, as those of the whole space are; of
            others, as those on a sphere, neither the difference nor the ratio means anything.
        description: what its points are, in words.

    >>> FLAT.geodesic(torch.zeros(2), torch.ones(2), [0.5])
    tensor([[0.5000, 0.5000]])
    """

    is_flat = True
    has_flat_volume = True
    description = "any numbers"

    def project(self, z: Tensor) -> Tensor:
        """Return a nearest point of the manifold: (..., D) to (..., D), by operations that can be exported."""
        return z

    def contains(self, z: Tensor) -> Tensor:
        """Return whether points lie on the manifold, up to :data:`TOLERANCE`: (..., D) to (...)."""
        return (self.project(z) - z).abs().amax(-1) <= TOLERANCE

    def exp(self, z: Tensor, v: Tensor) -> Tensor:
        """Move points (..., D) along the geodesics with these directions and lengths, (..., D), in the units of z."""
        return z + v

    def geodesic(self, a: Tensor, b: Tensor, t: Tensor | Sequence[float]) -> Tensor:
        """Return points on a shortest way from a to b, (..., D), at t (T,): (T, ..., D)."""
        t = broadcast_positions(t, a)
        return (1 - t) * a + t * b

    def square_chart(self, size: int) -> SquareChart | None:
        """Return a map of all of it, where it has two dimensions and points of so many numbers; else ``None``."""
        return None

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


#: The flat space.
FLAT = Manifold()


def broadcast_positions(t: Tensor | Sequence[float], like: Tensor) -> Tensor:
    """Return positions (T,) with as many further dimensions as points have."""
    return torch.as_tensor(t, dtype=like.dtype, device=like.device).reshape(-1, *[1] * like.dim())


def norm(z: Tensor, floor: float = 1e-12) -> Tensor:
    """Return the lengths of vectors (..., D), (..., 1), at least ``floor``, with a gradient at zero, too."""
    return z.square().sum(-1, keepdim=True).clamp_min(floor**2).sqrt()
