"""The table of lowerings: from torch's operations to the interpreter's.

A lowering takes the graph builder, the shape of the output, and the operation's own arguments, in which a
:class:`elbowroom.exporting.js.graph.Value` stands for a tensor that depends on the inputs, and a tensor is a constant.
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
    self_attention,
    upsample_nearest,
)


def lower_rowwise(name: str) -> Callable[..., Value]:
    """Return the lowering of an operation along one dimension that keeps the shape, such as softmax."""

    def lower(builder: GraphBuilder, shape: Shape, x: Value, dim: int, *_: Any) -> Value:
        rows = move_dims_last(builder, x, [dim])
        output = builder.add_operation(name, rows.shape, rows, size=rows.shape[-1])
        view = torch.empty(rows.shape, device="meta").movedim(-1, dim)
        return gather_strided(builder, output, tuple(view.shape), view.stride())

    return lower


def lower_reduction(name: str) -> Callable[..., Value]:
    """Return the lowering of a reduction over some dimensions, such as a sum."""

    def lower(builder: GraphBuilder, shape: Shape, x: Value, dim: Any = None, keepdim: bool = False, **_: Any) -> Value:
        dims = list(range(len(x.shape))) if dim is None or dim == [] else [dim] if isinstance(dim, int) else list(dim)
        rows = move_dims_last(builder, x, dims)
        return builder.add_operation(name, shape, rows, size=math.prod(rows.shape[len(rows.shape) - len(dims) :]))

    return lower


def cat(builder: GraphBuilder, shape: Shape, parts: Sequence[Any], dim: int = 0) -> Value:
    """Lower the concatenation of tensors along a dimension."""
    dim %= len(shape)
    sizes = [math.prod(part.shape[dim:]) for part in parts]
    return builder.add_operation("cat", shape, *parts, sizes=sizes)


def stack(builder: GraphBuilder, shape: Shape, parts: Sequence[Any], dim: int = 0) -> Value:
    """Lower the concatenation of tensors along a new dimension."""
    dim %= len(shape)
    one = (*shape[:dim], 1, *shape[dim + 1 :])
    return cat(builder, shape, [Value(p.value_id, one) if isinstance(p, Value) else p.reshape(one) for p in parts], dim)


#: Elementwise functions of one tensor, which have the same name in the interpreter, with defaults of their parameters.
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
#: Elementwise functions of several tensors, with broadcasting.
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

#: Lowerings by the name of torch's operation and its overload.
OPS: dict[str, Callable[..., Any]] = {
    **{f"{name}.default": lower_unary(name, *defaults) for name, defaults in _UNARY_DEFAULTS.items()},
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
    "scaled_dot_product_attention.default": self_attention,
    "sum.default": lower_reduction("sum"),
    "sum.dim_IntList": lower_reduction("sum"),
    "mean.default": lower_reduction("mean"),
    "mean.dim": lower_reduction("mean"),
    "argmax.default": lower_reduction("argmax"),
    "cat.default": cat,
    "stack.default": stack,
}
#: Operations that change no value. Conversions of the type are among them: the interpreter has one type.
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
#: Operations that depend on the shape of a value alone.
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
#: Operations that return views without saying so in their schema.
EXTRA_VIEW_OPS = frozenset(("broadcast_tensors.default", "_unsafe_view.default"))
