"""Products of simplexes, and of any manifolds side by side."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from elbowroom.manifolds.base import TOLERANCE, Manifold
from elbowroom.manifolds.orthant import Simplex


class Simplices(Simplex):
    """Shares of C classes at each of P positions: vectors (..., P·C), or maps (..., C, *space) with P places.

    The corners are the classes: 1 for one of them, and 0 for the others.

    Args:
        classes: C.
        space: of a map; none for vectors.

    >>> Simplices(2).project(torch.tensor([3.0, 1.0, 0.0, -1.0]))
    tensor([0.7500, 0.2500, 0.5000, 0.5000])
    >>> Simplices(2, (1, 3)).split(torch.zeros(5, 2, 1, 3)).shape
    torch.Size([5, 3, 2])
    """

    def __init__(self, classes: int, space: Sequence[int] = ()) -> None:
        self.classes, self.space = classes, tuple(space)
        self.description = f"shares of {classes} classes, which are above zero and sum to one at each position"

    def split(self, z: Tensor) -> Tensor:
        """Return the classes of each position last: (..., P·C) or (..., C, *space) to (..., P, C)."""
        if not self.space:
            return torch.unflatten(z, -1, (-1, self.classes))
        return z.flatten(-len(self.space)).transpose(-1, -2)

    def join(self, shares: Tensor) -> Tensor:
        """Undo :meth:`split`."""
        return torch.unflatten(shares.transpose(-1, -2), -1, self.space) if self.space else shares.flatten(-2)

    def project(self, z: Tensor) -> Tensor:
        return self.join(super().project(self.split(z)))

    def contains(self, z: Tensor) -> Tensor:
        distance = (self.project(z) - z).abs()
        return distance.flatten(-1 - len(self.space)).amax(-1) <= TOLERANCE


class ProductManifold(Manifold):
    """Manifolds side by side: the points (..., D_1 + D_2 + ...).

    Args:
        parts: the manifolds, each with how many numbers its points have.

    >>> from elbowroom.manifolds import FLAT
    >>> ProductManifold([(FLAT, 1), (Simplices(2), 2)]).project(torch.tensor([-5.0, 1.0, 1.0]))
    tensor([-5.0000,  0.5000,  0.5000])
    """

    is_flat = False
    has_flat_volume = False

    def __init__(self, parts: Sequence[tuple[Manifold, int]]) -> None:
        self.manifolds, self.sizes = [part for part, _ in parts], [size for _, size in parts]
        self.description = ", then ".join(f"{size} of {part.description}" for part, size in parts)

    def project(self, z: Tensor) -> Tensor:
        return self._join([part.project(values) for part, values in self._split(z)])

    def exp(self, z: Tensor, v: Tensor) -> Tensor:
        moves = zip(self._split(z), torch.split(v, self.sizes, -1), strict=True)
        return self._join([part.exp(values, move) for (part, values), move in moves])

    def geodesic(self, a: Tensor, b: Tensor, t: Tensor | Sequence[float]) -> Tensor:
        ends = zip(self._split(a), torch.split(b, self.sizes, -1), strict=True)
        return self._join([part.geodesic(start, end, t) for (part, start), end in ends])

    def _split(self, z: Tensor) -> list[tuple[Manifold, Tensor]]:
        return list(zip(self.manifolds, torch.split(z, self.sizes, -1), strict=True))

    @staticmethod
    def _join(values: Sequence[Tensor]) -> Tensor:
        return torch.cat(list(values), -1)
