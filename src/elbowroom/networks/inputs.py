"""Inputs of networks: cells of a table's row as numbers, concatenation of several inputs."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from elbowroom.masked_shape import MaskedShape
from elbowroom.table_shape import TableShape
from elbowroom.view_shape import ViewShape

#: The shape of an input without batch: n for a vector of n numbers.
Shape = int | Sequence[int]


class PiecewiseEncoding(nn.Module):
    r"""Piecewise linear encoding of the binned columns of a table's row, a missing value (NaN) as zeros.

    .. math:: e_k(x) = \min(1, \max(0, (x - b_{k-1}) / (b_k - b_{k-1})))

    (..., D) to (..., ``size``). The edges b are those of the column's bins, thinned to ``most`` pieces, so that a
    network sees a threshold within the bulk of a heavy tail as well as one between values far apart, as a tree does
    (Gorishniy, Rubachev & Babenko 2022, arXiv 2203.05556).

    Args:
        shape: of the row.
        most: pieces of a column, at most; by default one for each bin.

    >>> from elbowroom.column_bins import ColumnBins
    >>> shape = TableShape((1, 2), bins=[ColumnBins.parse("0;1;3"), None])
    >>> PiecewiseEncoding(shape)(torch.tensor([[2.0, 1.0], [torch.nan, 0.0]]))
    tensor([[1.0000, 0.5000],
            [0.0000, 0.0000]])
    """

    column: Tensor
    low: Tensor
    width: Tensor

    def __init__(self, shape: TableShape, most: int | None = None) -> None:
        super().__init__()
        edges = [(position, _thin_edges(bins.edges, most)) for position, bins in shape.binned_columns]
        pieces = [(position, low, high - low) for position, own in edges for low, high in itertools.pairwise(own)]
        for name, values in zip(("column", "low", "width"), zip(*pieces, strict=True), strict=True):
            self.register_buffer(name, torch.tensor(values), persistent=False)
        self.size = len(pieces)

    def forward(self, x: Tensor) -> Tensor:
        return ((x.index_select(-1, self.column) - self.low) / self.width).clamp(0, 1).nan_to_num(0.0)


def _thin_edges(edges: Sequence[float], most: int | None) -> list[float]:
    """Return edges at equal distances in a list of them, the first and the last among them."""
    n = min(len(edges) - 1, most or len(edges))
    return [edges[round(piece * (len(edges) - 1) / n)] for piece in range(n + 1)]


class BinRanks(nn.Module):
    """Ranks of binned numbers among the edges of their bins: -1 at the first, 1 at the last; missing (NaN) as 0.

    (..., D) to (..., binned columns), linear between two edges: the share of a number's pieces that lie below it.

    >>> from elbowroom.column_bins import ColumnBins
    >>> BinRanks(TableShape((1, 2), bins=[ColumnBins.parse("0;1;3"), None]))(torch.tensor([[2.0, 1.0], [torch.nan, 0]]))
    tensor([[0.5000],
            [0.0000]])
    """

    position: Tensor
    weight: Tensor

    def __init__(self, shape: TableShape) -> None:
        super().__init__()
        self.pieces = PiecewiseEncoding(shape)
        self.register_buffer("position", torch.tensor([one for one, _ in shape.binned_columns]), persistent=False)
        is_own = (self.pieces.column[:, None] == self.position).float()
        self.register_buffer("weight", 2 * is_own / is_own.sum(0), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        ranks: Tensor = self.pieces(x) @ self.weight - 1
        return ranks.masked_fill(x.index_select(-1, self.position).isnan(), 0.0)


class CellEncoder(nn.Module):
    r"""Encoding of a table's row: numbers unchanged, categories one-hot, missing values (NaN) as 0.

    (..., D) to (..., sum of ``row_shape.sizes``). Zero is the mean of standardised numbers, and no category at all, as
    in Nazábal et al. 2020, arXiv 1807.03653. Between categories, where pseudo-inputs may be, the encoding of category k
    is :math:`\max(0, 1 - |x - k|)`, so that a gradient passes. Behind them stands for each binned column the rank of
    its number among the bins (:class:`BinRanks`).

    >>> CellEncoder(TableShape((1, 3)))(torch.tensor([[0.5, 2.0], [torch.nan, torch.nan]]))
    tensor([[0.5000, 0.0000, 0.0000, 1.0000],
            [0.0000, 0.0000, 0.0000, 0.0000]])
    """

    column: Tensor
    level: Tensor

    def __init__(self, row_shape: TableShape) -> None:
        super().__init__()
        cells = [(column, k if size > 1 else -1) for column, size in enumerate(row_shape.sizes) for k in range(size)]
        column, level = torch.tensor(cells).T
        self.register_buffer("column", column, persistent=False)
        self.register_buffer("level", level, persistent=False)
        self.ranks = BinRanks(row_shape) if row_shape.binned_columns else None

    @property
    def owner(self) -> Tensor:
        """The column that each of the numbers encodes, (numbers,)."""
        return self.column if self.ranks is None else torch.cat([self.column, self.ranks.position])

    def forward(self, x: Tensor) -> Tensor:
        cells = self._encode_cells(x)
        return cells if self.ranks is None else torch.cat([cells, self.ranks(x)], -1)

    def _encode_cells(self, x: Tensor) -> Tensor:
        cells = x.index_select(-1, self.column)
        one_hot = (1 - (cells - self.level).abs()).clamp_min(0)
        return torch.where(self.level < 0, cells, one_hot).nan_to_num(0.0)


class GapFiller(nn.Module):
    """Encoding of examples with missing values: NaN as 0, and a mask (1 observed, 0 missing) as further channels.

    (..., C, *space) to (..., 2 C, *space). Zero is the mean of standardized numbers, and the mask tells it from a
    missing value (Lipton, Kale & Wetzel 2016, arXiv 1606.04130).

    >>> GapFiller(MaskedShape((1, 3)))(torch.tensor([[[2.0, torch.nan, 0.0]]]))
    tensor([[[2., 0., 0.],
             [1., 0., 1.]]])
    """

    def __init__(self, shape: MaskedShape) -> None:
        super().__init__()
        self.channel_dim = -len(shape)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat((x.nan_to_num(0.0), (~x.isnan()).to(x.dtype)), self.channel_dim)


class ViewFiller(nn.Module):
    """Encoding of examples of several views as numbers: (..., D) to (..., numbers), a missing view as 0.

    A view that is a table's row, or a class, is encoded by a :class:`CellEncoder`.

    >>> from elbowroom.view_shape import View
    >>> shape = ViewShape([View("point", (2,), "gaussian"), View("digit", TableShape((3,)), "columns:3")])
    >>> ViewFiller(shape)(torch.tensor([[torch.nan, torch.nan, 2.0]]))
    tensor([[0., 0., 0., 0., 1.]])
    """

    def __init__(self, shape: ViewShape) -> None:
        super().__init__()
        self.shape, self.cells = shape, input_layers([view.shape for view in shape.views])

    def forward(self, x: Tensor) -> Tensor:
        parts = [part.flatten(x.dim() - 1) for part in self.shape.split(x).values()]
        return torch.cat([cells(part) for cells, part in zip(self.cells, parts, strict=True)], -1).nan_to_num(0.0)


def input_layers(shapes: Sequence[Shape]) -> nn.ModuleList:
    """Return the layer that each input passes before a network's first: it encodes rows, views, missing values."""
    return nn.ModuleList(_input_layer(shape) for shape in shapes)


def _input_layer(shape: Shape) -> nn.Module:
    if isinstance(shape, ViewShape):
        return ViewFiller(shape)
    if isinstance(shape, MaskedShape):
        return GapFiller(shape)
    return CellEncoder(shape) if isinstance(shape, TableShape) else nn.Identity()


def as_shape(shape: Shape) -> Sequence[int]:
    """Return the shape of an input: an integer n as (n,)."""
    return (shape,) if isinstance(shape, int) else shape


def normalize_shapes(shapes: Sequence[Shape]) -> list[tuple[int, ...]]:
    """Return shapes as tuples: an integer n as (n,), a table's row, views and missing values as encoded."""
    return [_encoded_shape(shape) for shape in shapes]


def _encoded_shape(shape: Shape) -> tuple[int, ...]:
    if isinstance(shape, ViewShape):
        return (sum(math.prod(_encoded_shape(view.shape)) for view in shape.views),)
    if isinstance(shape, MaskedShape):
        return shape.encoded_shape
    return (sum(shape.sizes) + len(shape.binned_columns),) if isinstance(shape, TableShape) else tuple(as_shape(shape))


def concatenate_inputs(inputs: Sequence[Tensor], shapes: Sequence[tuple[int, ...]]) -> Tensor:
    """Flatten and concatenate inputs of (..., *shape) to (..., numbers); leading dimensions broadcast."""
    flat = [x.flatten(-len(s)) for x, s in zip(inputs, shapes, strict=True)]
    if len(flat) == 1:
        return flat[0]
    lead = torch.broadcast_shapes(*(x.shape[:-1] for x in flat))  # type: ignore[no-untyped-call]
    return torch.cat([x.expand(*lead, -1) for x in flat], -1)


def apply_to_maps(net: Callable[[Tensor], Tensor], x: Tensor, dims: int) -> Tensor:
    """Apply a network of (B, C, *space), with ``dims`` dimensions of space, to (..., C, *space)."""
    lead = x.shape[: x.dim() - dims - 1]
    y = net(x.reshape(-1, *x.shape[len(lead) :]))
    return y.reshape(*lead, *y.shape[1:])


def append_channels(h: Tensor, others: Sequence[Tensor], shapes: Sequence[tuple[int, ...]], dims: int) -> Tensor:
    """Append inputs of (..., *shape) to maps (..., C, *space) as channels that are the same at every position.

    Leading dimensions broadcast.
    """
    if not others:
        return h
    flat = [x.flatten(-len(s)) for x, s in zip(others, shapes, strict=True)]
    lead = torch.broadcast_shapes(h.shape[: -dims - 1], *(x.shape[:-1] for x in flat))  # type: ignore[no-untyped-call]
    space = h.shape[h.dim() - dims :]
    maps = [x.reshape(*x.shape, *[1] * dims).expand(*lead, -1, *space) for x in flat]
    return torch.cat([h.expand(*lead, -1, *space), *maps], -dims - 1)
