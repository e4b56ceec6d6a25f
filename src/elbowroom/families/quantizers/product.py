"""Product quantization: parts of a vector, each with a codebook of its own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

import torch
from torch import Tensor, nn

from elbowroom.distributions import Quantized
from elbowroom.families.base import Shape
from elbowroom.families.quantizers.base import Quantizer
from elbowroom.families.quantizers.registry import parse_sizes, register_quantizer
from elbowroom.families.quantizers.residual import ResidualQuantizer


class ProductQuantizer(Quantizer):
    r"""Product quantization: a vector in G groups of D/G numbers, each the nearest entry of its own codebook.

    .. math:: z = (c^{(1)}_{i_1}, \dots, c^{(G)}_{i_G})

    Jégou, Douze & Schmid 2011, doi 10.1109/TPAMI.2010.57; with a residual quantizer in each group it is that of Yang et
    al. 2023, arXiv 2305.02765.

    Args:
        positions: P, or the sizes of a map of them.
        dim: D, the length of a code; a multiple of ``groups``.
        codes: the number of entries of a codebook.
        groups: G.
        depth: the number of stages of residual quantization in each group; sub-indices are those of the first group,
            coarse to fine, then of the next.
        decay, gradient: as :class:`~elbowroom.families.Codebook` takes them.

    >>> _ = torch.manual_seed(0)
    >>> quantizer = ProductQuantizer(positions=4, dim=6, codes=8, groups=3)
    >>> quantizer(torch.randn(10, quantizer.size)).indices.shape
    torch.Size([10, 4, 3])
    """

    def __init__(
        self,
        positions: Shape,
        dim: int,
        codes: int = 512,
        groups: int = 4,
        depth: int = 1,
        decay: float = 0.99,
        gradient: str = "straight-through",
    ) -> None:
        if groups < 1 or dim % groups:
            raise ValueError(f"{dim} numbers cannot be parted in {groups} equal groups: give a divisor of {dim}")
        super().__init__(positions, dim, (codes,) * (groups * depth))
        self.parts = nn.ModuleList(
            ResidualQuantizer(positions, dim // groups, codes, depth, decay=decay, gradient=gradient)
            for _ in range(groups)
        )

    def quantize(self, output: Tensor) -> Quantized:
        groups = [part.quantize(vectors) for part, vectors in self._split(output)]
        parts = ((q.codes, q.indices, q.z, q.stages) for q in groups)
        codes, indices, z, stages = (torch.cat(values, -1) for values in zip(*parts, strict=True))
        return Quantized(output, codes, indices, self.index_sizes, z, stages)

    def decode_indices(self, indices: Tensor) -> Tensor:
        return torch.cat([part.decode_indices(index) for part, index in self._split(indices)], -1)

    def find_indices(self, z: Tensor) -> Tensor:
        return torch.cat([part.find_indices(vectors) for part, vectors in self._split(z)], -1)

    def _split(self, values: Tensor) -> Iterator[tuple[ResidualQuantizer, Tensor]]:
        """Iterate over the groups' quantizers with their part of vectors or indices."""
        return zip(cast("list[ResidualQuantizer]", list(self.parts)), values.chunk(len(self.parts), -1), strict=True)


@register_quantizer("product", "CODESxGROUPS", "512x4")
def make_product(positions: Shape, dim: int, setting: str) -> Quantizer:
    """Parts of a vector, each with a codebook of its own."""
    codes, groups = parse_sizes(setting, 2)
    return ProductQuantizer(positions, dim, codes, groups)
