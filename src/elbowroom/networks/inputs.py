"""The cells of a table's row as a network takes them."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from elbowroom.table_shape import TableShape


class CellEncoder(nn.Module):
    r"""Numbers as they are, the k-th of K categories as K numbers of which the k-th is 1, and nothing as 0.

    (..., D) to (..., sum of ``row.sizes``). What is missing, NaN, becomes 0: the mean of standardised numbers, and no
    category at all, as in Nazábal et al. 2020, arXiv 1807.03653. Between categories, where pseudo-inputs may be, it is
    :math:`\max(0, 1 - |x - k|)`, so that a gradient passes.

    >>> CellEncoder(TableShape((1, 3)))(torch.tensor([[0.5, 2.0], [torch.nan, torch.nan]]))
    tensor([[0.5000, 0.0000, 0.0000, 1.0000],
            [0.0000, 0.0000, 0.0000, 0.0000]])
    """

    column: Tensor
    level: Tensor

    def __init__(self, row_shape: TableShape) -> None:
        super().__init__()
        places = [
            (place, level if size > 1 else -1) for place, size in enumerate(row_shape.sizes) for level in range(size)
        ]
        column, level = torch.tensor(places).T
        self.register_buffer("column", column, persistent=False)
        self.register_buffer("level", level, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        cells = x.index_select(-1, self.column)
        near = (1 - (cells - self.level).abs()).clamp_min(0)
        return torch.where(self.level < 0, cells, near).nan_to_num(0.0)


def input_layers(shapes: Sequence[int | Sequence[int]]) -> nn.ModuleList:
    """What each input goes through before a network's first layer."""
    return nn.ModuleList(CellEncoder(shape) if isinstance(shape, TableShape) else nn.Identity() for shape in shapes)


def normalize_shapes(shapes: Sequence[int | Sequence[int]]) -> list[tuple[int, ...]]:
    """Shapes as tuples; a number is the shape of a list of that many, a row as many as its cells become."""
    return [(s,) if isinstance(s, int) else (sum(s.sizes),) if isinstance(s, TableShape) else tuple(s) for s in shapes]


def concatenate_inputs(inputs: Sequence[Tensor], shapes: Sequence[tuple[int, ...]]) -> Tensor:
    """(..., *shape) of each input, flattened and put side by side: (..., numbers); leading dimensions broadcast."""
    flat = [x.flatten(-len(s)) for x, s in zip(inputs, shapes, strict=True)]
    if len(flat) == 1:
        return flat[0]
    lead = torch.broadcast_shapes(*(x.shape[:-1] for x in flat))
    return torch.cat([x.expand(*lead, -1) for x in flat], -1)
