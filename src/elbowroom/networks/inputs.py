"""Inputs of networks: cells of a table's row as numbers, concatenation of several inputs."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from elbowroom.masked_shape import MaskedShape
from elbowroom.table_shape import TableShape
from elbowroom.view_shape import ViewShape

#: The shape of an input without batch: n for a vector of n numbers.
Shape = int | Sequence[int]


class CellEncoder(nn.Module):
    r"""Encoding of a table's row: numbers unchanged, categories one-hot, missing values (NaN) as 0.

    (..., D) to (..., sum of ``row_shape.sizes``). Zero is the mean of standardised numbers, and no category at all, as
    in Nazábal et al. 2020, arXiv 1807.03653. Between categories, where pseudo-inputs may be, the encoding of category k
    is :math:`\max(0, 1 - |x - k|)`, so that a gradient passes. Behind them stands for each binned column the rank of
    its number among the bins, from -1 to 1.

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
        self.binned = [position for position, _ in row_shape.binned_columns]
        for position, bins in row_shape.binned_columns:
            self.register_buffer(f"edges_{position}", torch.tensor(bins.edges), persistent=False)

    @property
    def owner(self) -> Tensor:
        """The column that each of the numbers encodes, (numbers,)."""
        return torch.cat([self.column, self.column.new_tensor(self.binned)])

    def forward(self, x: Tensor) -> Tensor:
        ranks = [_rank(x[..., position], self.get_buffer(f"edges_{position}")) for position in self.binned]
        return torch.cat([self._encode_cells(x), *(rank.nan_to_num(0.0)[..., None] for rank in ranks)], -1)

    def _encode_cells(self, x: Tensor) -> Tensor:
        cells = x.index_select(-1, self.column)
        one_hot = (1 - (cells - self.level).abs()).clamp_min(0)
        return torch.where(self.level < 0, cells, one_hot).nan_to_num(0.0)


def _rank(x: Tensor, edges: Tensor) -> Tensor:
    """Return the place of numbers among increasing edges, from -1 at the first to 1 at the last; linear between two."""
    low = (torch.bucketize(x.detach().contiguous(), edges, right=True) - 1).clamp(0, len(edges) - 2)
    share = ((x - edges[low]) / edges.diff()[low]).clamp(0, 1)
    return 2 * (low + share) / (len(edges) - 1) - 1


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
