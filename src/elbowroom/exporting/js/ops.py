"""The table from torch's operations to the interpreter's.

Each row takes the tape, the shape of what comes out, and the operation's own arguments, in which a
:class:`elbowroom.exporting.js.graph.Value` stands for what depends on the inputs and a tensor for what does not.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch

from elbowroom.exporting.js.graph import Shape, Tape, Value
from elbowroom.exporting.js.layers import (
    addmm,
    batch_norm,
    batch_norm_of,
    convolution,
    group_norm,
    layer_norm,
    linear,
    matmul,
    nearest,
    transposed,
)
from elbowroom.exporting.js.pointwise import clamp, gelu, glu, pointwise, unary
from elbowroom.exporting.js.views import gathered, moved_last


def rows(name: str) -> Callable[..., Value]:
    """Something done to the numbers along one dimension, which keeps the shape."""

    def row(tape: Tape, shape: Shape, x: Value, dim: int, *_: Any) -> Value:
        last = moved_last(tape, x, [dim])
        made = tape.step(name, last.shape, last, size=last.shape[-1])
        back = torch.empty(last.shape, device="meta").movedim(-1, dim)
        return gathered(tape, made, tuple(back.shape), back.stride())

    return row


def reduced(name: str) -> Callable[..., Value]:
    """The numbers along some dimensions made one."""

    def row(tape: Tape, shape: Shape, x: Value, dim: Any = None, keepdim: bool = False, **_: Any) -> Value:
        dims = list(range(len(x.shape))) if dim is None or dim == [] else [dim] if isinstance(dim, int) else list(dim)
        last = moved_last(tape, x, dims)
        return tape.step(name, shape, last, size=math.prod(last.shape[len(last.shape) - len(dims) :]))

    return row


def cat(tape: Tape, shape: Shape, parts: Sequence[Any], dim: int = 0) -> Value:
    """Side by side."""
    dim %= len(shape)
    sizes = [math.prod(part.shape[dim:]) for part in parts]
    return tape.step("cat", shape, *parts, sizes=sizes)


def stack(tape: Tape, shape: Shape, parts: Sequence[Any], dim: int = 0) -> Value:
    """Side by side, in a new dimension."""
    dim %= len(shape)
    one = (*shape[:dim], 1, *shape[dim + 1 :])
    return cat(tape, shape, [Value(p.number, one) if isinstance(p, Value) else p.reshape(one) for p in parts], dim)


#: Of every number: the name, which is the interpreter's too, and the usual values of what sets it.
_UNARY: dict[str, tuple[float, ...]] = {
    **dict.fromkeys(
        [
            "neg",
            "exp",
            "log",
            "expm1",
            "log1p",
            "sqrt",
            "rsqrt",
            "tanh",
            "sigmoid",
            "relu",
            "silu",
            "abs",
            "reciprocal",
            "log_sigmoid",
            "erf",
            "floor",
            "sin",
            "cos",
            "square",
            "logical_not",
        ],
        (),
    ),
    "leaky_relu": (0.01,),
    "elu": (1.0, 1.0, 1.0),
    "softplus": (1.0, 20.0),
}
#: Of several tensors number by number.
_POINTWISE = [
    "add",
    "sub",
    "mul",
    "div",
    "pow",
    "maximum",
    "minimum",
    "lt",
    "le",
    "gt",
    "ge",
    "eq",
    "ne",
    "where",
    "logical_and",
    "logical_or",
]
_OVERLOADS = ("default", "self", "Tensor", "Scalar", "Tensor_Scalar")

#: By the name of torch's operation and its overload.
OPS: dict[str, Callable[..., Any]] = {
    **{f"{name}.default": unary(name, *by) for name, by in _UNARY.items()},
    **{f"{name}.{overload}": pointwise(name) for name in _POINTWISE for overload in _OVERLOADS},
    "clamp.default": clamp,
    "clamp_min.default": clamp,
    "hardtanh.default": clamp,
    "gelu.default": gelu,
    "glu.default": glu,
    "linear.default": linear,
    "matmul.default": matmul,
    "mm.default": matmul,
    "addmm.default": addmm,
    "conv1d.default": convolution,
    "conv2d.default": convolution,
    "conv_transpose1d.default": transposed,
    "conv_transpose2d.input": transposed,
    "upsample_nearest1d.vec": nearest,
    "upsample_nearest2d.vec": nearest,
    "group_norm.default": group_norm,
    "layer_norm.default": layer_norm,
    "batch_norm.default": batch_norm,
    "_native_batch_norm_legit_no_training.default": batch_norm_of,
    "softmax.int": rows("softmax"),
    "log_softmax.int": rows("log_softmax"),
    "_softmax.default": rows("softmax"),
    "_log_softmax.default": rows("log_softmax"),
    "sum.default": reduced("sum"),
    "sum.dim_IntList": reduced("sum"),
    "mean.default": reduced("mean"),
    "mean.dim": reduced("mean"),
    "argmax.default": reduced("argmax"),
    "cat.default": cat,
    "stack.default": stack,
}
#: What leaves every number as it is. Types are among it: the interpreter has one.
FREE = frozenset(
    [
        "contiguous.default",
        "clone.default",
        "detach.default",
        "alias.default",
        "dropout.default",
        "to.dtype",
        "_to_copy.default",
        "lift_fresh_copy.default",
        "detach_.default",
    ]
)
#: What takes the shape of a value and nothing else.
LIKE = frozenset(
    [
        "zeros_like.default",
        "ones_like.default",
        "full_like.default",
        "new_zeros.default",
        "new_ones.default",
        "new_full.default",
    ]
)
#: Views that their schema does not tell of.
VIEWS = frozenset(("broadcast_tensors.default", "_unsafe_view.default"))
