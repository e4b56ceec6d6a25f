"""Finite scalar quantization: every number of a latent is rounded to one of a few levels."""

from __future__ import annotations

from collections.abc import Sequence
from types import MappingProxyType
from typing import ClassVar

import torch
from torch import Tensor

from elbowroom.distributions import Quantized
from elbowroom.families.base import Shape
from elbowroom.families.quantizers.base import Quantizer
from elbowroom.families.quantizers.registry import parse_sizes, register_quantizer

#: Share of the width of a level by which the bound is wider than the outer levels, so that these are reached.
MARGIN = 1e-3


class FiniteScalarQuantizer(Quantizer):
    r"""Finite scalar quantization: each of D numbers is bounded by tanh, and rounded to one of :math:`L_d` levels.

    .. math:: z_d = \mathrm{round}\left( \tfrac{L_d - 1}{2} \tanh(e_d + s_d) - o_d \right) / \lfloor L_d / 2 \rfloor

    with the offset o = 1/2 for an even number of levels, and s such that 0 stays 0. There are :math:`\prod_d L_d`
    codes, and no codebook to train; the gradient passes straight through the rounding. Mentzer et al. 2023, arXiv
    2309.15505.

    Deviation from the paper's code: s is an inverse hyperbolic tangent in place of a tangent, which leaves 0 where it
    is, and the bound is a thousandth wider in place of narrower, so that two levels are both reached.

    Args:
        positions: P, or the sizes of a map of them.
        levels: L_1, ..., L_D, at least 2 each; the paper advises at least 5.

    >>> FiniteScalarQuantizer(4, (8, 5, 5, 5)).n_codes
    1000
    """

    loss_weights: ClassVar = MappingProxyType({})
    half_range: Tensor
    offset: Tensor
    half_width: Tensor

    def __init__(self, positions: Shape, levels: Sequence[int] = (8, 5, 5, 5)) -> None:
        if not levels or min(levels) < 2:
            raise ValueError(f"finite scalar quantization needs at least 2 levels for each number, got {tuple(levels)}")
        super().__init__(positions, len(levels), tuple(levels))
        counts = torch.tensor(levels)
        self.register_buffer("half_range", (counts - 1) * (1 + MARGIN) / 2, persistent=False)
        self.register_buffer("offset", (counts % 2 == 0) / 2, persistent=False)
        self.register_buffer("half_width", counts // 2, persistent=False)

    def quantize(self, output: Tensor) -> Quantized:
        shift = (self.offset / self.half_range).atanh()
        bounded = ((output + shift).tanh() * self.half_range - self.offset) / self.half_width
        indices = self.find_indices(bounded.detach())
        return Quantized(bounded, self.decode_indices(indices), indices, self.index_sizes)

    def decode_indices(self, indices: Tensor) -> Tensor:
        return (indices - self.half_width) / self.half_width

    def find_indices(self, z: Tensor) -> Tensor:
        level = (z * self.half_width).round().long() + self.half_width
        return level.clamp_min(0).minimum((2 * self.half_range).long())


@register_quantizer("fsq", "LEVELS", "8,5,5,5")
def make_finite_scalar(positions: Shape, dim: int, setting: str) -> Quantizer:
    """Each number rounded to one of a few levels; no codebook."""
    return FiniteScalarQuantizer(positions, parse_sizes(setting, separator=","))
