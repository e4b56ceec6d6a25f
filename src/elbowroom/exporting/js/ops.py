"""The table from torch's operations to the interpreter's.

Each row takes the tape, the shape of what comes out, and the operation's own arguments, in which a
:class:`elbowroom.exporting.js.graph.Value` stands for what depends on the inputs and a tensor for what does not.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch

from elbowroom.exporting.js.graph import GraphBuilder, Shape, Value, gather_strided, move_dims_last
from elbowroom.exporting.js.layers import (
    addmm,
    batch_norm,
    batch_norm_no_training,
    clamp,
    conv_transpose,
    convolution,
    gelu,
    glu,
    group_norm,
    layer_norm,
    linear,
    lower_pointwise,
    lower_unary,
    matmul,
    upsample_nearest,
)


def lower_rowwise(name: str) -> Callable[..., Value]:
    """Something done to the numbers along one dimension, which keeps the shape."""

    def row(tape: GraphBuilder, shape: Shape, x: Value, dim: int, *_: Any) -> Value:
        last = move_dims_last(tape, x, [dim])
        made = tape.add_operation(name, last.shape, last, size=last.shape[-1])
        back = torch.empty(last.shape, device="meta").movedim(-1, dim)
        return gather_strided(tape, made, tuple(back.shape), back.stride())

    return row


def lower_reduction(name: str) -> Callable[..., Value]:
    """The numbers along some dimensions made one."""

    def row(tape: GraphBuilder, shape: Shape, x: Value, dim: Any = None, keepdim: bool = False, **_: Any) -> Value:
        dims = list(range(len(x.shape))) if dim is None or dim == [] else [dim] if isinstance(dim, int) else list(dim)
        last = move_dims_last(tape, x, dims)
        return tape.add_operation(name, shape, last, size=math.prod(last.shape[len(last.shape) - len(dims) :]))

    return row


def cat(builder: GraphBuilder, shape: Shape, parts: Sequence[Any], dim: int = 0) -> Value:
    """Side by side."""
    dim %= len(shape)
    sizes = [math.prod(part.shape[dim:]) for part in parts]
    return builder.add_operation("cat", shape, *parts, sizes=sizes)


def stack(builder: GraphBuilder, shape: Shape, parts: Sequence[Any], dim: int = 0) -> Value:
    """Side by side, in a new dimension."""
    dim %= len(shape)
    one = (*shape[:dim], 1, *shape[dim + 1 :])
    return cat(builder, shape, [Value(p.value_id, one) if isinstance(p, Value) else p.reshape(one) for p in parts], dim)


#: Of every number: the name, which is the interpreter's too, and the usual values of what sets it.
_UNARY_DEFAULTS: dict[str, tuple[float, ...]] = {
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
_POINTWISE_OPS = [
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
    **{f"{name}.default": lower_unary(name, *by) for name, by in _UNARY_DEFAULTS.items()},
    **{f"{name}.{overload}": lower_pointwise(name) for name in _POINTWISE_OPS for overload in _OVERLOADS},
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
    "conv_transpose1d.default": conv_transpose,
    "conv_transpose2d.input": conv_transpose,
    "upsample_nearest1d.vec": upsample_nearest,
    "upsample_nearest2d.vec": upsample_nearest,
    "group_norm.default": group_norm,
    "layer_norm.default": layer_norm,
    "batch_norm.default": batch_norm,
    "_native_batch_norm_legit_no_training.default": batch_norm_no_training,
    "softmax.int": lower_rowwise("softmax"),
    "log_softmax.int": lower_rowwise("log_softmax"),
    "_softmax.default": lower_rowwise("softmax"),
    "_log_softmax.default": lower_rowwise("log_softmax"),
    "sum.default": lower_reduction("sum"),
    "sum.dim_IntList": lower_reduction("sum"),
    "mean.default": lower_reduction("mean"),
    "mean.dim": lower_reduction("mean"),
    "argmax.default": lower_reduction("argmax"),
    "cat.default": cat,
    "stack.default": stack,
}
#: What leaves every number as it is. Types are among it: the interpreter has one.
IDENTITY_OPS = frozenset(
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
LIKE_OPS = frozenset(
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
EXTRA_VIEW_OPS = frozenset(("broadcast_tensors.default", "_unsafe_view.default"))
