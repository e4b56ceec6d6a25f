"""Several inputs of any shape as one list of numbers."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from elbowroom.table_shape import TableShape


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
