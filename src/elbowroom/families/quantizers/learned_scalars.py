"""Latent quantization: every number of a latent is one of a few learned values of its own."""

from __future__ import annotations

from types import MappingProxyType
from typing import ClassVar

import torch
from torch import Tensor, nn

from elbowroom.distributions import Quantized
from elbowroom.families.base import Shape
from elbowroom.families.quantizers.base import Quantizer
from elbowroom.families.quantizers.registry import parse_sizes, register_quantizer

#: The values of a number start at equal distances between minus this and this.
INITIAL_BOUND = 0.5


class LearnedScalarQuantizer(Quantizer):
    r"""Latent quantization: each of D numbers becomes the nearest of L learned values, which are that number's own.

    .. math:: z_d = v_{d i_d}, \quad i_d = \operatorname*{argmin}_i | e_d - v_{di} |

    :math:`L^D` codes are put together from :math:`D L` learned numbers, so that a decoder can give each value one
    meaning. The gradient passes straight through; values follow by the codebook loss, outputs by the commitment. Hsu,
    Dorrell, Whittington, Wu & Finn 2023, arXiv 2305.18378 (NeurIPS 2023), who regularize encoder and decoder by an
    unusually high weight decay as well: ``optimizer="adamw(weight_decay=0.1)"``.

    Deviations: that optimizer decays offsets and values too, which the authors leave out. Losses are sums here, where
    the authors' code weighs means by 0.01: of 28x28 pixels and ten numbers that is 0.78 of the sums, and 1 by default.

    Args:
        positions: P, or the sizes of a map of them, which share their values; the paper has one.
        dim: D, how many numbers a latent has.
        values: L, how many values each takes.

    Raises:
        ValueError: there is no number, or no value.

    >>> quantizer = LearnedScalarQuantizer(1, dim=2, values=3)
    >>> quantizer(torch.tensor([[0.1, -0.4]])).codes.detach()
    tensor([[[ 0.0000, -0.5000]]])
    >>> quantizer.n_codes
    9
    """

    loss_weights: ClassVar = MappingProxyType({"commitment": 1.0, "codebook": 1.0})

    def __init__(self, positions: Shape, dim: int = 10, values: int = 10) -> None:
        if dim < 1 or values < 1:
            raise ValueError(f"latent quantization needs at least 1 number of at least 1 value, got {dim} of {values}")
        super().__init__(positions, dim, (values,) * dim)
        start = torch.linspace(-INITIAL_BOUND, INITIAL_BOUND, values) if values > 1 else torch.zeros(1)
        self.values = nn.Parameter(start.repeat(dim, 1))

    def quantize(self, output: Tensor) -> Quantized:
        indices = self.find_indices(output.detach())
        return Quantized(output, self.decode_indices(indices), indices, self.index_sizes)

    def decode_indices(self, indices: Tensor) -> Tensor:
        values = self.values.expand(*indices.shape, -1)
        return values.gather(-1, indices[..., None]).squeeze(-1)

    def find_indices(self, z: Tensor) -> Tensor:
        return (z[..., None] - self.values).abs().argmin(-1)


@register_quantizer("scalars", "NUMBERSxVALUES", "10x10")
def make_learned_scalars(positions: Shape, dim: int, setting: str) -> Quantizer:
    """Each number the nearest of learned values of its own."""
    numbers, values = parse_sizes(setting, 2)
    if values == 1:
        raise ValueError("a number of 1 value says nothing of an example: give at least 2 values")
    return LearnedScalarQuantizer(positions, numbers, values)
