"""Looking at a value in another way: which number of it stands at each place."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NoReturn

import torch
from torch import Tensor

from elbowroom.exporting.js.graph import GraphBuilder, Shape, Value


def raise_unsupported(op_name: str) -> NoReturn:
    """Say that the page cannot do this."""
    raise ValueError(
        f"the page's interpreter has no '{op_name}', which this decoder uses: export it with --onnx FOLDER instead"
    )


def lower_view(builder: GraphBuilder, target: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
    """An operation that only looks at its inputs in another way: torch says where each number of the result comes from.

    It is asked on tensors without content, laid out row by row as the interpreter's are.
    """
    sources: list[Value | Tensor] = []

    def shell(a: Any) -> Any:
        if isinstance(a, Value | Tensor):
            sources.append(a)
            return torch.empty(tuple(a.shape), device="meta")
        return [shell(one) for one in a] if isinstance(a, list | tuple) else a

    found = target(*[shell(a) for a in args], **kwargs)
    if isinstance(found, Tensor):
        return _as_view(builder, sources[0], found)
    # Several views are of one tensor, or one of each of several.
    several = sources * len(found) if len(sources) == 1 else sources
    return [_as_view(builder, source, view) for source, view in zip(several, found, strict=True)]


def _as_view(builder: GraphBuilder, source: Value | Tensor, view: Tensor) -> Value | Tensor:
    shape, strides, offset = tuple(view.shape), view.stride(), int(view.storage_offset())
    if isinstance(source, Tensor):
        return source.contiguous().as_strided(shape, strides, offset)
    return gather_strided(builder, source, shape, strides, offset)


def gather_strided(builder: GraphBuilder, x: Value, shape: Shape, strides: Sequence[int], offset: int = 0) -> Value:
    """The numbers of a value that stand at these strides; the value itself where that is all of them in their order."""
    if offset == 0 and math.prod(shape) == math.prod(x.shape) and _is_contiguous(shape, strides):
        return Value(x.value_id, shape)
    return builder.add_operation("view", shape, x, shape=shape, strides=list(strides), offset=offset)


def _is_contiguous(shape: Shape, strides: Sequence[int]) -> bool:
    """Whether numbers are taken one after the other."""
    expected = 1
    for size, stride in zip(reversed(shape), reversed(strides), strict=True):
        if size != 1 and stride != expected:
            return False
        expected *= size
    return True


def move_dims_last(builder: GraphBuilder, x: Value, dims: Sequence[int]) -> Value:
    """With these dimensions at the end, in their order."""
    dims = [d % len(x.shape) for d in dims]
    order = [d for d in range(len(x.shape)) if d not in dims] + dims
    moved = torch.empty(x.shape, device="meta").permute(order)
    return gather_strided(builder, x, tuple(moved.shape), moved.stride())
