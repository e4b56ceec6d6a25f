"""The flat torus: a product of circles."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from elbowroom.manifolds.base import Manifold, SquareChart, broadcast_positions


class Torus(Manifold):
    """Angles (..., D) in [-π, π), one for each circle.

    >>> Torus().project(torch.tensor([0.0, 3.0, 4.0]))
    tensor([ 0.0000,  3.0000, -2.2832])
    """

    is_flat = False
    description = "angles, from -π to π"

    def project(self, z: Tensor) -> Tensor:
        """Return the angles without full turns, to which any numbers are equal."""
        return z - 2 * math.pi * ((z + math.pi) / (2 * math.pi)).floor()

    def contains(self, z: Tensor) -> Tensor:
        """Return True: an angle beyond π is an angle, too."""
        return torch.ones(z.shape[:-1], dtype=torch.bool, device=z.device)

    def exp(self, z: Tensor, v: Tensor) -> Tensor:
        return self.project(z + v)

    def square_chart(self, size: int) -> SquareChart | None:
        if size != 2:
            return None
        names, turn = ("z₁, radians", "z₂, radians"), (-math.pi, math.pi)
        return SquareChart(names, (turn, turn), "opposite edges meet.", lambda shares: 2 * math.pi * (shares - 0.5))

    def geodesic(self, a: Tensor, b: Tensor, t: Tensor | Sequence[float]) -> Tensor:
        """Turn each angle the shorter way round."""
        return self.project(a + broadcast_positions(t, a) * self.project(b - a))
