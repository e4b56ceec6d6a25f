"""A network from the positions of a coarse map to those of a finer one."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from elbowroom.networks.blocks import convolution, upsample
from elbowroom.networks.inputs import apply_to_maps


class LiftPositions(nn.Module):
    """A network from the positions of a coarse map to numbers at those of a finer one: two convolutions.

    Args:
        coarse: sides of the map that is given, (h,) or (h, w).
        fine: sides of the map that is made.
        dim: numbers at each position of the coarse map.
        numbers: at each position of the fine one.
        width: channels between the two convolutions.

    >>> LiftPositions((2, 3), (4, 5), dim=8, numbers=6)(torch.zeros(10, 6, 8)).shape
    torch.Size([10, 20, 6])
    """

    def __init__(
        self, coarse: Sequence[int], fine: Sequence[int], dim: int, numbers: int, width: int | None = None
    ) -> None:
        super().__init__()
        self.coarse, self.fine, self.dims = tuple(coarse), tuple(fine), len(coarse)
        self.start = nn.Sequential(convolution(dim, width or dim, self.dims), nn.SiLU())
        self.out = convolution(width or dim, numbers, self.dims)

    def forward(self, z: Tensor) -> Tensor:
        """Map positions in raster order, (..., P, dim), to (..., P', numbers)."""
        maps = torch.unflatten(z.mT, -1, self.coarse)
        lifted = apply_to_maps(lambda h: self.out(upsample(self.start(h), self.fine)), maps, self.dims)
        return lifted.flatten(-self.dims).mT
