r"""The Poincaré ball: hyperbolic space of constant curvature -c as the points :math:`\sqrt c\,\|z\| < 1`."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from elbowroom.manifolds.base import Manifold, broadcast_positions, norm

#: The largest length of a point, in radii of the ball: nearer to the border float32 has too few digits.
MAX_LENGTH = 1 - 1e-5


class PoincareBall(Manifold):
    r"""Hyperbolic space of curvature -c, as points (..., D) of a ball of radius :math:`1 / \sqrt c`.

    .. math:: d(x, y) = \frac{2}{\sqrt c} \operatorname{asinh} \frac{\sqrt c\, \|x - y\|}
        {\sqrt{(1 - c \|x\|^2)(1 - c \|y\|^2)}}, \quad
        \exp_x(v) = x \oplus \tanh\left(\tfrac{\sqrt c}{2} \|v\|\right) \frac{v}{\sqrt c\, \|v\|}

    Ganea, Bécigneul & Hofmann 2018, arXiv 1805.09112. Tangent vectors are in an orthonormal frame, so that the length
    of v is the distance that it goes: :math:`\lambda_x` times theirs. Points are held off the border by a hundred
    thousandth of the radius, at a distance of :math:`12.2 / \sqrt c` from the center, and distances are computed in
    double precision, where there is one.

    Args:
        curvature: c.

    Raises:
        ValueError: it is not above zero.

    >>> ball = PoincareBall(1.0)
    >>> point = ball.exp(torch.zeros(2), torch.tensor([2.0, 0.0]))
    >>> point, ball.distance(torch.zeros(2), point)
    (tensor([0.7616, 0.0000]), tensor(2.))
    """

    is_flat = False
    has_flat_volume = False

    def __init__(self, curvature: float = 1.0) -> None:
        if not 0 < curvature < math.inf:
            raise ValueError(
                f"curvature is c of a space of curvature -c, above 0, got {curvature:g}: take vae for a flat latent"
            )
        self.curvature, self.root = curvature, math.sqrt(curvature)
        self.max_distance = 2 / self.root * math.atanh(MAX_LENGTH)
        radius = "1" if curvature == 1 else f"{1 / self.root:.3g}"
        self.description = f"points of a ball of radius {radius}"

    def project(self, z: Tensor) -> Tensor:
        """Return points beyond the border, or too near to it, on the largest sphere inside."""
        length = z.square().sum(-1, keepdim=True).clamp_min(1e-30).sqrt()
        return z * (MAX_LENGTH / self.root / length).clamp(max=1.0)

    def add(self, x: Tensor, y: Tensor) -> Tensor:
        r"""Return the Möbius sum :math:`x \oplus y`, which moves y as it moves the center to x."""
        c, xy = self.curvature, (x * y).sum(-1, keepdim=True)
        xx, yy = x.square().sum(-1, keepdim=True), y.square().sum(-1, keepdim=True)
        return ((1 + 2 * c * xy + c * yy) * x + (1 - c * xx) * y) / (1 + 2 * c * xy + c**2 * xx * yy)

    def exp(self, z: Tensor, v: Tensor) -> Tensor:
        precise, length = as_precise(v), norm(as_precise(v))
        step = (self.root * length / 2).tanh() * precise / (self.root * length)
        return self.project(self.add(as_precise(z), step).to(z.dtype))

    def log(self, x: Tensor, y: Tensor) -> Tensor:
        """Return the tangent vector at x, in double precision, that goes to y: the inverse of :meth:`exp`."""
        difference = self.add(-as_precise(x), as_precise(y))
        return self.distance(x, y, precise=True)[..., None] * difference / norm(difference)

    def distance(self, x: Tensor, y: Tensor, precise: bool = False) -> Tensor:
        """Return hyperbolic distances: (..., D) and (..., D) to (...), of y's type, or in double precision."""
        x64, y64 = as_precise(x), as_precise(y)
        borders = (1 - self.curvature * x64.square().sum(-1)) * (1 - self.curvature * y64.square().sum(-1))
        distance = 2 / self.root * torch.asinh(self.root * norm(x64 - y64)[..., 0] / borders.sqrt())
        return distance if precise else distance.to(y.dtype)

    def geodesic(self, a: Tensor, b: Tensor, t: Tensor | Sequence[float]) -> Tensor:
        a, b = self.project(a), self.project(b)
        return self.exp(a.expand_as(broadcast_positions(t, a) * a), broadcast_positions(t, a) * self.log(a, b))

    def __repr__(self) -> str:
        return f"PoincareBall({self.curvature:g})"


def as_precise(z: Tensor) -> Tensor:
    """Return numbers in double precision, where the device has it."""
    return z if z.device.type == "mps" else z.double()
