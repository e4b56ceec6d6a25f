"""Context of missing values: what is there of an example, as numbers, and a mask of it."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from elbowroom.networks.inputs import PiecewiseEncoding, Shape, as_shape, input_layers, normalize_shapes
from elbowroom.table_shape import TableShape

#: Pieces of a column of numbers, at most.
MAX_PIECES = 16


class GapContext(nn.Module):
    """An example with missing values (NaN) as one vector: its values as networks take them, 0 for NaN, and a mask.

    (..., *shape) to (..., ``size``). The mask is 1 for what is there and 0 for what is missing, which tells a gap from
    the mean of a standardized number (Ivanov, Figurnov & Vetrov 2019, arXiv 1806.02382). Binned columns follow, in
    pieces: :class:`PiecewiseEncoding`.

    Args:
        shape: of an example, or a table's row.

    >>> from elbowroom.table_shape import TableShape
    >>> GapContext(TableShape((1, 2)))(torch.tensor([[torch.nan, 1.0]]))
    tensor([[0., 0., 1., 0., 1.]])
    """

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.depth = len(as_shape(shape))
        self.cells = input_layers([shape])[0]
        self.size = math.prod(normalize_shapes([shape])[0]) + math.prod(as_shape(shape))
        columns = shape if isinstance(shape, TableShape) and shape.binned_columns else None
        self.pieces = PiecewiseEncoding(columns, MAX_PIECES) if columns else None
        self.size += self.pieces.size if self.pieces else 0

    def forward(self, x: Tensor) -> Tensor:
        values = self.cells(x).nan_to_num(0.0).flatten(-self.depth)
        parts = (values, (~x.isnan()).to(x.dtype).flatten(-self.depth))
        return torch.cat((*parts, self.pieces(x)) if self.pieces else parts, -1)
