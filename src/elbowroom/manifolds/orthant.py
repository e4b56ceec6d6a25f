"""Positive numbers, and positive numbers of sum one."""

from __future__ import annotations

import torch
from torch import Tensor

from elbowroom.manifolds.base import Manifold

#: The smallest number of a point, above zero, where densities may be infinite.
MIN_POSITIVE = 1e-30


class PositiveOrthant(Manifold):
    """The points (..., D) whose numbers are above zero.

    >>> PositiveOrthant().exp(torch.tensor([1.0, 2.0]), torch.tensor([-3.0, 1.0]))
    tensor([1.0000e-30, 3.0000e+00])
    """

    is_flat = False
    description = "numbers above zero"

    def project(self, z: Tensor) -> Tensor:
        return z.clamp_min(MIN_POSITIVE)

    def exp(self, z: Tensor, v: Tensor) -> Tensor:
        """Move straight, and stop at the border."""
        return self.project(z + v)


class Simplex(PositiveOrthant):
    """The points (..., D) of shares: numbers above zero whose sum is one.

    >>> Simplex().exp(torch.tensor([0.5, 0.5]), torch.tensor([0.5, 0.0]))
    tensor([0.6667, 0.3333])
    """

    has_flat_volume = False
    description = "shares, which are above zero and sum to one"

    def project(self, z: Tensor) -> Tensor:
        z = z.clamp_min(MIN_POSITIVE)
        z = torch.where(z.sum(-1, keepdim=True) > 1e-12, z, torch.ones_like(z))
        return z / z.sum(-1, keepdim=True)
