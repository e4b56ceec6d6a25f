"""Context of missing values: what is there of an example, as numbers, and a mask of it."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from elbowroom.networks.inputs import Shape, as_shape, input_layers, normalize_shapes
from elbowroom.table_shape import TableShape

#: Pieces of a column of numbers, at most.
MAX_PIECES = 16


class PiecewiseEncoding(nn.Module):
    r"""Piecewise linear encoding of the binned columns of a table's row, a missing value (NaN) as zeros.

    .. math:: e_k(x) = \min(1, \max(0, (x - b_{k-1}) / (b_k - b_{k-1})))

    (..., D) to (..., ``size``). The edges b are those of the column's bins, thinned to ``MAX_PIECES`` pieces, so that a
    network sees a threshold within the bulk of a heavy tail as well as one between values far apart, as a tree does
    (Gorishniy, Rubachev & Babenko 2022, arXiv 2203.05556).

    >>> from elbowroom.column_bins import ColumnBins
    >>> shape = TableShape((1, 2), bins=[ColumnBins.parse("0;1;3"), None])
    >>> PiecewiseEncoding(shape)(torch.tensor([[2.0, 1.0], [torch.nan, 0.0]]))
    tensor([[1.0000, 0.5000],
            [0.0000, 0.0000]])
    """

    column: Tensor
    low: Tensor
    width: Tensor

    def __init__(self, shape: TableShape) -> None:
        super().__init__()
        edges = [(position, _thin_edges(bins.edges)) for position, bins in shape.binned_columns]
        pieces = [(position, low, high - low) for position, own in edges for low, high in itertools.pairwise(own)]
        for name, values in zip(("column", "low", "width"), zip(*pieces, strict=True), strict=True):
            self.register_buffer(name, torch.tensor(values), persistent=False)
        self.size = len(pieces)

    def forward(self, x: Tensor) -> Tensor:
        return ((x.index_select(-1, self.column) - self.low) / self.width).clamp(0, 1).nan_to_num(0.0)


def _thin_edges(edges: Sequence[float]) -> list[float]:
    """Return edges at equal distances in a list of them, the first and the last among them."""
    n = min(len(edges) - 1, MAX_PIECES)
    return [edges[round(piece * (len(edges) - 1) / n)] for piece in range(n + 1)]


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
        self.pieces = PiecewiseEncoding(shape) if isinstance(shape, TableShape) and shape.binned_columns else None
        self.size += self.pieces.size if self.pieces else 0

    def forward(self, x: Tensor) -> Tensor:
        values = self.cells(x).nan_to_num(0.0).flatten(-self.depth)
        parts = (values, (~x.isnan()).to(x.dtype).flatten(-self.depth))
        return torch.cat((*parts, self.pieces(x)) if self.pieces else parts, -1)
