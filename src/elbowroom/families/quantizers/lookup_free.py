"""Lookup-free quantization: every number of a latent is one bit."""

from __future__ import annotations

from types import MappingProxyType
from typing import ClassVar

import torch
from torch import Tensor

from elbowroom.distributions import Quantized
from elbowroom.families.base import Shape
from elbowroom.families.quantizers.base import Quantizer
from elbowroom.families.quantizers.registry import parse_sizes, register_quantizer


class LookupFreeQuantizer(Quantizer):
    r"""Lookup-free quantization: the sign of each of D numbers, the nearest corner of a cube.

    .. math:: z_d = \mathrm{sign}(e_d), \quad
        q(z_d = 1 \mid e) = \mathrm{softmax}(-\| e_d - z_d \|^2 / T) = \sigma(4 e_d / T)

    There are :math:`2^D` codes. The probabilities q serve the entropy loss alone (:class:`~elbowroom.CodeEntropy`),
    which has each bit sure and all codes used. Yu et al. 2023, arXiv 2310.05737.

    Args:
        positions: P, or the sizes of a map of them.
        bits: D.
        temperature: T of the probabilities.

    >>> q = LookupFreeQuantizer(1, bits=3)(torch.tensor([[0.3, -2.0, 0.1]]))
    >>> q.mean, q.indices
    (tensor([[[ 1., -1.,  1.]]]), tensor([[[1, 0, 1]]]))
    """

    loss_weights: ClassVar = MappingProxyType({"commitment": 0.25, "entropy": 0.1})
    corner: Tensor

    def __init__(self, positions: Shape, bits: int = 10, temperature: float = 1.0) -> None:
        super().__init__(positions, bits, (2,) * bits)
        if temperature <= 0:
            raise ValueError(f"the temperature must be above 0, got {temperature}")
        self.temperature = temperature
        self.register_buffer("corner", torch.tensor(self.corner_size(bits)), persistent=False)

    @staticmethod
    def corner_size(bits: int) -> float:
        """Return the distance of the codes from zero along each axis."""
        return 1.0

    def project(self, output: Tensor) -> Tensor:
        """Return the output in the space of the codes."""
        return output

    def quantize(self, output: Tensor) -> Quantized:
        output = self.project(output)
        indices = self.find_indices(output.detach())
        logits = 4 * output / self.corner / self.temperature
        return Quantized(output, self.decode_indices(indices), indices, self.index_sizes, bit_logits=logits)

    def decode_indices(self, indices: Tensor) -> Tensor:
        return (2 * indices - 1) * self.corner

    def find_indices(self, z: Tensor) -> Tensor:
        return (z > 0).long()


@register_quantizer("lfq", "BITS", "10")
def make_lookup_free(positions: Shape, dim: int, setting: str) -> Quantizer:
    """The sign of each number: one bit; no codebook."""
    (bits,) = parse_sizes(setting, 1)
    return LookupFreeQuantizer(positions, bits)
