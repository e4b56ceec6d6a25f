"""Base class of the quantizers: from the output of a network to one of finitely many codes at each position."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar

import torch
from torch import Tensor

from elbowroom.distributions import Quantized, join_index, split_index
from elbowroom.families.base import Family, Shape

#: Codes that are listed one by one, at most; of more there is no table.
MAX_LISTED_CODES = 65_536


class Quantizer(Family, ABC):
    r"""A deterministic posterior over codes: each of P positions takes one of :math:`C = \prod_h C_h` vectors.

    The index of a code is a tuple of H sub-indices: one for a codebook, one for each stage of a residual quantizer, for
    each number of a finite scalar one, for each bit.

    Args:
        positions: P, the number of positions of a latent; or (h, w), (t,), the sizes of a map of them in raster order.
        dim: D, the length of a code.
        index_sizes: the number of values of each sub-index, :math:`C_1, \dots, C_H`.

    Attributes:
        space: the sizes of the map of positions; ``None`` where they have no neighborhood.
        loss_weights: of the losses that train it and its encoder, by name
            (:func:`~elbowroom.objectives.quantization.add_code_losses`).
    """

    loss_weights: ClassVar[Mapping[str, float]] = MappingProxyType({"commitment": 0.25})

    def __init__(self, positions: Shape, dim: int, index_sizes: tuple[int, ...]) -> None:
        super().__init__((positions if isinstance(positions, int) else math.prod(positions), dim))
        self.space: tuple[int, ...] | None = None if isinstance(positions, int) else tuple(positions)
        self.index_sizes = index_sizes

    @property
    def map_shape(self) -> tuple[int, ...] | None:
        return None if self.space is None else (self.shape[-1], *self.space)

    def forward(self, phi: Tensor) -> Quantized:
        output = torch.unflatten(phi, -1, self.shape)
        if not torch.is_autocast_enabled(phi.device.type):
            return self.quantize(output)
        # Distances rounded to 8 bits would choose other codes than the nearest.
        with torch.autocast(phi.device.type, enabled=False):
            return self.quantize(output.float())

    @abstractmethod
    def quantize(self, output: Tensor) -> Quantized:
        """Choose the codes of the output of a network, (..., P, D)."""

    @abstractmethod
    def decode_indices(self, indices: Tensor) -> Tensor:
        """Return the codes with these indices: (..., P, H) to (..., P, D)."""

    @abstractmethod
    def find_indices(self, z: Tensor) -> Tensor:
        """Return the indices of the codes nearest to these vectors: (..., P, D) to (..., P, H)."""

    @property
    def n_codes(self) -> int:
        """The number of codes of a position."""
        return math.prod(self.index_sizes)

    @property
    def is_scalar(self) -> bool:
        """Whether each number of a code takes its values by itself, chosen by a sub-index of its own."""
        return len(self.index_sizes) == self.shape[-1]

    def join_index(self, indices: Tensor) -> Tensor:
        """Return one number below :attr:`n_codes` for the sub-indices of each position: (..., P, H) to (..., P)."""
        return join_index(indices, self.index_sizes)

    def list_codes(self) -> Tensor | None:
        """Return all codes by their joint index, (n_codes, D); ``None`` if there are more than 65,536."""
        if self.n_codes > MAX_LISTED_CODES:
            return None
        indices = split_index(torch.arange(self.n_codes, device=self.device), self.index_sizes)
        return self.decode_indices(indices[:, None])[:, 0]

    @property
    def device(self) -> torch.device:
        """The device of its tensors."""
        return next(iter([*self.parameters(), *self.buffers()]), torch.empty(0)).device

    def extra_repr(self) -> str:
        sizes = "x".join(map(str, self.index_sizes))
        return f"{super().extra_repr()}, codes={sizes}"
