"""Vector quantization by a codebook that one linear layer turns as a whole."""

from __future__ import annotations

from types import MappingProxyType
from typing import ClassVar

import torch
from torch import Tensor, nn

from elbowroom.distributions import Quantized, nearest_code_index
from elbowroom.families.base import Shape
from elbowroom.families.quantizers.base import Quantizer
from elbowroom.families.quantizers.gradients import find_gradient
from elbowroom.families.quantizers.registry import parse_sizes, register_quantizer


class SimVQ(Quantizer):
    r"""Vector quantization by the nearest row of :math:`A W`: fixed random vectors A, a learned matrix W.

    Every entry moves with W at each step, used or not, so that none is left behind. W is trained by the loss
    :math:`\| \mathrm{sg}[e] - c \|^2` (:class:`~elbowroom.CodebookLoss`). Zhu et al. 2024, arXiv 2411.02038.

    Args:
        positions: P, or the sizes of a map of them.
        dim: D, the length of a code.
        codes: C, the number of fixed vectors.
        gradient: that of the encoder, as :class:`~elbowroom.families.Codebook` takes it.

    >>> _ = torch.manual_seed(0)
    >>> SimVQ(positions=4, dim=2, codes=8).codes.shape
    torch.Size([8, 2])
    """

    loss_weights: ClassVar = MappingProxyType({"commitment": 0.25, "codebook": 1.0})
    basis: Tensor

    def __init__(self, positions: Shape, dim: int, codes: int = 512, gradient: str = "straight-through") -> None:
        if codes < 2:
            raise ValueError(f"a codebook needs at least 2 codes to choose from, got {codes}")
        super().__init__(positions, dim, (codes,))
        self.pass_gradient = find_gradient(gradient)
        self.register_buffer("basis", torch.randn(codes, dim) / dim**0.5)
        self.transform = nn.Linear(dim, dim, bias=False)

    @property
    def codes(self) -> Tensor:
        """The entries, (C, D)."""
        entries: Tensor = self.transform(self.basis)
        return entries

    def quantize(self, output: Tensor) -> Quantized:
        entries = self.codes
        indices = nearest_code_index(output.detach(), entries.detach())
        codes = entries[indices]
        z = self.pass_gradient(output, codes)
        return Quantized(output, codes, indices[..., None], self.index_sizes, z=z)

    def decode_indices(self, indices: Tensor) -> Tensor:
        return self.codes[indices[..., 0]]

    def find_indices(self, z: Tensor) -> Tensor:
        return nearest_code_index(z, self.codes)[..., None]


@register_quantizer("simvq", "CODES", "512")
def make_simvq(positions: Shape, dim: int, setting: str) -> Quantizer:
    """The nearest of fixed vectors that one learned linear layer moves together."""
    (codes,) = parse_sizes(setting, 1)
    return SimVQ(positions, dim, codes)
