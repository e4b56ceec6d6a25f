"""Binary spherical quantization: bits of a latent on the unit sphere."""

from __future__ import annotations

import math
from types import MappingProxyType
from typing import ClassVar

import torch.nn.functional as F
from torch import Tensor

from elbowroom.families.base import Shape
from elbowroom.families.quantizers.base import Quantizer
from elbowroom.families.quantizers.lookup_free import LookupFreeQuantizer
from elbowroom.families.quantizers.registry import parse_sizes, register_quantizer


class BinarySphericalQuantizer(LookupFreeQuantizer):
    r"""Binary spherical quantization: the output is projected to the unit sphere, and each number takes its sign.

    .. math:: u = e / \| e \|, \quad z_d = \mathrm{sign}(u_d) / \sqrt D, \quad
        q(z_d > 0 \mid u) = \sigma(4 \sqrt D\, u_d / T)

    The distance of u from its code is bounded, so there is no commitment. Zhao, Xiong & Krähenbühl 2024, arXiv
    2406.07548. The temperature is in units of the squared distance of a code's number from zero, 1/D.

    Args:
        positions, bits, temperature: as of lookup-free quantization; at least 2 bits.

    >>> import torch
    >>> BinarySphericalQuantizer(1, bits=4)(torch.tensor([[0.3, -2.0, 0.1, 1.0]])).mean
    tensor([[[ 0.5000, -0.5000,  0.5000,  0.5000]]])
    """

    loss_weights: ClassVar = MappingProxyType({"entropy": 0.1})

    def __init__(self, positions: Shape, bits: int = 10, temperature: float = 1.0) -> None:
        super().__init__(positions, bits, temperature)
        if bits < 2:
            raise ValueError(f"a sphere of {bits} number has two points, which no gradient moves: give 2 bits or more")

    @staticmethod
    def corner_size(bits: int) -> float:
        return 1 / math.sqrt(bits)

    def project(self, output: Tensor) -> Tensor:
        return F.normalize(output, dim=-1)


@register_quantizer("bsq", "BITS", "10")
def make_binary_spherical(positions: Shape, dim: int, setting: str) -> Quantizer:
    """The sign of each number of a vector on the unit sphere; no codebook."""
    (bits,) = parse_sizes(setting, 1)
    return BinarySphericalQuantizer(positions, bits)
