"""Finite scalar perturbation: numbers in equal bins, with noise of the width of a bin in training."""

from __future__ import annotations

import math
from collections.abc import Sequence
from types import MappingProxyType
from typing import ClassVar

import torch
from torch import Tensor

from elbowroom import noise
from elbowroom.distributions import Quantized, straight_through
from elbowroom.families.base import Shape
from elbowroom.families.quantizers.base import Quantizer
from elbowroom.families.quantizers.registry import parse_sizes, register_quantizer

#: By which numbers uniform in (-1/2, 1/2) have variance one.
UNIT_SCALE = math.sqrt(12)
#: How often a number is rounded in training, where it would be perturbed.
ROUNDED_SHARE = 0.5


class ScalarPerturbation(Quantizer):
    r"""Finite scalar perturbation: each of D numbers is nearly uniform in (0, 1), and takes the middle of a bin.

    .. math:: b_d = \Phi(e_d), \quad z_d = \sqrt{12} \left( \frac{i_d + 1/2}{L_d} - \frac12 \right), \quad
        i_d = \min(\lfloor L_d b_d \rfloor, L_d - 1)

    with the distribution function :math:`\Phi` of standard normals. In training a number is rounded with probability
    1/2, with the straight-through gradient; otherwise it gets noise of the width of a bin, :math:`\mathrm{Unif}(-\eta /
    2 L_d, \eta / 2 L_d)`, or none if that leaves (0, 1). Middles of equal bins are the best levels for uniform numbers,
    and outputs are held near standard normals by a loss (:class:`~elbowroom.CodeMoments`). Zhai et al. 2026, arXiv
    2602.17133 (FSP).

    Reconstructions in training are in part those of moved numbers: the ELBO of its rows is no bound, that of validation
    is.

    Args:
        positions: P, or the sizes of a map of them.
        levels: L_1, ..., L_D.
        scale: :math:`\eta`.

    Raises:
        ValueError: a number has fewer than two levels, or the scale is negative.

    >>> ScalarPerturbation(1, (4, 2)).list_codes()[:3].round(decimals=3)
    tensor([[-1.2990, -0.8660],
            [-1.2990,  0.8660],
            [-0.4330, -0.8660]])
    """

    loss_weights: ClassVar = MappingProxyType({"moments": 10.0})
    counts: Tensor

    def __init__(self, positions: Shape, levels: Sequence[int] = (8, 5, 5, 5), scale: float = 1.0) -> None:
        if not levels or min(levels) < 2:
            raise ValueError(f"finite scalar perturbation needs at least 2 levels for each number, got {tuple(levels)}")
        if scale < 0:
            raise ValueError(f"the scale of the perturbation must be at least 0, got {scale:g}")
        super().__init__(positions, len(levels), tuple(levels))
        self.scale = scale
        self.register_buffer("counts", torch.tensor(levels), persistent=False)

    def quantize(self, output: Tensor) -> Quantized:
        bounded = UNIT_SCALE * (torch.special.ndtr(output) - 0.5)
        indices = self.find_indices(bounded.detach())
        codes = self.decode_indices(indices).to(output)
        z = straight_through(bounded, codes)
        if self.training:
            is_rounded = self._draw_uniform(bounded) < ROUNDED_SHARE
            z = torch.where(is_rounded, z, bounded + self.draw_perturbation(bounded.detach()))
        return Quantized(bounded, codes, indices, self.index_sizes, z=z, unbounded=output)

    def draw_perturbation(self, bounded: Tensor) -> Tensor:
        """Draw noise of the width of a bin for each number, or zero where that would leave the bounds."""
        drawn = UNIT_SCALE * self.scale / self.counts * (self._draw_uniform(bounded) - 0.5)
        return torch.where((bounded + drawn).abs() < UNIT_SCALE / 2, drawn, 0.0)

    def decode_indices(self, indices: Tensor) -> Tensor:
        return UNIT_SCALE * ((indices + 0.5) / self.counts - 0.5)

    def find_indices(self, z: Tensor) -> Tensor:
        level = ((z / UNIT_SCALE + 0.5) * self.counts).floor().long()
        return level.clamp_min(0).minimum(self.counts - 1)

    def _draw_uniform(self, like: Tensor) -> Tensor:
        return noise.to_uniform(noise.standard_normal(like.shape, like))


@register_quantizer("fsp", "LEVELS", "8,5,5,5")
def make_scalar_perturbation(positions: Shape, dim: int, setting: str) -> Quantizer:
    """Each number the middle of an equal bin, with noise in training; no codebook."""
    return ScalarPerturbation(positions, parse_sizes(setting, separator=","))
