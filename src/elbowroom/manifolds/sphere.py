"""The unit sphere."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from elbowroom.manifolds.base import Manifold, SquareChart, broadcast_positions, norm

#: Below this square of its length a point has no direction.
MIN_SQUARE = 1e-20


class Sphere(Manifold):
    """The points (..., D) of length one, with great circles as geodesics.

    >>> Sphere().project(torch.tensor([3.0, 4.0])), Sphere().project(torch.zeros(4))
    (tensor([0.6000, 0.8000]), tensor([0.5000, 0.5000, 0.5000, 0.5000]))
    """

    is_flat = False
    has_flat_volume = False
    description = "points of the unit sphere"

    def project(self, z: Tensor) -> Tensor:
        """Divide points by their lengths; the origin, which has no direction, becomes the point of equal numbers."""
        has_direction = z.square().sum(-1, keepdim=True) > MIN_SQUARE
        z = torch.where(has_direction, z, torch.ones_like(z))
        return z / z.square().sum(-1, keepdim=True).sqrt()

    def exp(self, z: Tensor, v: Tensor) -> Tensor:
        """Move along great circles, by the part of v that is tangent to the sphere; its length is the angle."""
        v = v - (v * z).sum(-1, keepdim=True) * z
        length = norm(v)
        return self.project(length.cos() * z + length.sin() * v / length)

    def square_chart(self, size: int) -> SquareChart | None:
        if size != 3:
            return None
        names, ranges = ("longitude, degrees", "sine of the latitude"), ((-180.0, 180.0), (-1.0, 1.0))
        return SquareChart(names, ranges, "left and right edges meet, upper and lower ones are poles.", _unroll)

    def geodesic(self, a: Tensor, b: Tensor, t: Tensor | Sequence[float]) -> Tensor:
        """Return points on the shorter arc; between opposite points it is not unique, and passes any one in between."""
        t, (a, b) = broadcast_positions(t, a), (self.project(a), self.project(b))
        # From sine and cosine of the half angle: acos is inaccurate near 0 and π.
        angle = 2 * torch.atan2((a - b).norm(dim=-1, keepdim=True), (a + b).norm(dim=-1, keepdim=True))
        tangent = b - (a * b).sum(-1, keepdim=True) * a
        return self.project((t * angle).cos() * a + (t * angle).sin() * tangent / norm(tangent))


def _unroll(shares: Tensor) -> Tensor:
    """Map the cylindrical equal-area projection to points, (..., 2) to (..., 3)."""
    longitude, height = 2 * math.pi * (shares[..., 0] - 0.5), 2 * shares[..., 1] - 1
    radius = (1 - height.square()).clamp_min(0).sqrt()
    return torch.stack((radius * longitude.cos(), radius * longitude.sin(), height), -1)
