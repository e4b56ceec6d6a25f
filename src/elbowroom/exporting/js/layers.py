"""Lowerings of layers: linear maps, convolutions, normalization, upsampling, and elementwise functions."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from elbowroom.exporting.js.graph import GraphBuilder, Shape, Value, lower_view, raise_unsupported

Operand = Value | Tensor | float

#: The bounds of ``clamp`` where it has none: the largest finite value in single precision is 3.4028e38.
UNBOUNDED = 3.4e38


def linear(builder: GraphBuilder, shape: Shape, x: Value, weight: Any, bias: Any = None) -> Value:
    """Lower a linear map: rows times weights (out, in), plus a bias."""
    if isinstance(weight, Value):
        raise_unsupported("linear with weights that depend on the latent")
    bias = torch.zeros(len(weight)) if bias is None else bias
    return builder.add_operation("linear", shape, x, weight, bias, inputs=weight.shape[1], outputs=weight.shape[0])


def matmul(builder: GraphBuilder, shape: Shape, x: Any, y: Any) -> Value:
    """Lower the matrix product of a value and a constant, as a linear map."""
    if isinstance(x, Value) and isinstance(y, Tensor) and y.dim() <= 2:
        return linear(builder, shape, x, y[None] if y.dim() == 1 else y.T)
    raise_unsupported("matmul of two values")


def addmm(builder: GraphBuilder, shape: Shape, bias: Any, x: Value, y: Any) -> Value:
    """Lower the matrix product of a value and a constant, plus a constant bias."""
    return linear(builder, shape, x, y.T, bias) if isinstance(bias, Tensor) else raise_unsupported("addmm")


def convolution(
    builder: GraphBuilder,
    shape: Shape,
    x: Value,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Sequence[int] = (1,),
    padding: Sequence[int] = (0,),
    dilation: Sequence[int] = (1,),
    groups: int = 1,
    *,
    is_transposed: bool = False,
) -> Value:
    """Lower a convolution over one or two dimensions of space; one is an image of height 1."""
    dims = len(x.shape) - 2
    if dims > 2 or len(x.shape) < 3:
        raise_unsupported(f"convolution over {dims} dimensions of space")
    if isinstance(padding, str):
        raise_unsupported(f"padding='{padding}'")

    def to_2d(values: Sequence[int], fill: int) -> list[int]:
        return [fill] * (2 - dims) + list(values) * (dims // len(values))

    bias = torch.zeros(shape[1]) if bias is None else bias
    settings = {
        "stride": to_2d(stride, 1),
        "padding": to_2d(padding, 0),
        "dilation": to_2d(dilation, 1),
        "kernel": [1] * (2 - dims) + list(weight.shape[2:]),
        "from": _image_size(x.shape),
        "to": _image_size(shape),
    }
    op = "transposed" if is_transposed else "convolution"
    return builder.add_operation(op, shape, x, weight, bias, groups=groups, **settings)


def _image_size(shape: Shape) -> list[int]:
    """Return channels, height and width of a batch's shape (B, C, W) or (B, C, H, W)."""
    return [shape[1], *([1] * (4 - len(shape))), *shape[2:]]


def conv_transpose(
    builder: GraphBuilder,
    shape: Shape,
    x: Value,
    weight: Tensor,
    bias: Any = None,
    stride: Any = (1,),
    padding: Any = (0,),
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = (1,),
) -> Value:
    """Lower a transposed convolution; the shape of the output determines ``output_padding``."""
    return convolution(builder, shape, x, weight, bias, stride, padding, dilation, groups, is_transposed=True)


def group_norm(
    builder: GraphBuilder,
    shape: Shape,
    x: Value,
    groups: int,
    weight: Any = None,
    bias: Any = None,
    eps: float = 1e-5,
    _: Any = None,
) -> Value:
    """Lower group normalization, with a scale and a shift for each channel."""
    channels = shape[1]
    scale = torch.ones(channels) if weight is None else weight
    shift = torch.zeros(channels) if bias is None else bias
    return builder.add_operation("norm", shape, x, scale, shift, groups=groups, channels=channels, eps=eps)


def layer_norm(
    builder: GraphBuilder,
    shape: Shape,
    x: Value,
    normalized_shape: Sequence[int],
    weight: Any = None,
    bias: Any = None,
    eps: float = 1e-5,
    _: Any = None,
) -> Value:
    """Lower layer normalization, with a scale and a shift for each element."""
    size = math.prod(normalized_shape)
    output = builder.add_operation(
        "norm", shape, x, torch.ones(1), torch.zeros(1), groups=math.prod(shape) // size, channels=1, eps=eps
    )
    if weight is not None:
        output = lower_pointwise("mul")(builder, shape, output, weight)
    if bias is not None:
        output = lower_pointwise("add")(builder, shape, output, bias)
    return output


def batch_norm(
    builder: GraphBuilder,
    shape: Shape,
    x: Value,
    weight: Any,
    bias: Any,
    mean: Tensor,
    var: Tensor,
    training: bool,
    _: float,
    eps: float,
    *__: Any,
) -> Value:
    """Lower batch normalization with running statistics: a scale and a shift for each channel."""
    if training:
        raise_unsupported("batch_norm over a batch")
    spatial = [1] * (len(shape) - 2)
    scale = (var + eps).rsqrt() * (1 if weight is None else weight)
    shift = (0 if bias is None else bias) - mean * scale
    scaled = lower_pointwise("mul")(builder, shape, x, scale.reshape(-1, *spatial))
    output: Value = lower_pointwise("add")(builder, shape, scaled, shift.reshape(-1, *spatial))
    return output


def batch_norm_no_training(builder: GraphBuilder, shape: Shape, x: Value, *arguments: Any) -> tuple[Value, None, None]:
    """Lower batch normalization as torch decomposes it; the saved statistics, its other outputs, are empty."""
    *statistics, momentum, eps = arguments
    return batch_norm(builder, shape, x, *statistics, False, momentum, eps), None, None


def self_attention(
    builder: GraphBuilder,
    shape: Shape,
    query: Value,
    key: Value,
    value: Value,
    attn_mask: Any = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    *,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Value:
    """Lower scaled dot-product attention of positions to each other, (..., P, C), without a mask."""
    if attn_mask is not None or is_causal or not query.shape == key.shape == value.shape:
        raise_unsupported("attention that is masked, or to other positions")
    positions, channels = shape[-2:]
    factor = channels**-0.5 if scale is None else scale
    operands = (query, key, value)
    return builder.add_operation("attention", shape, *operands, positions=positions, channels=channels, scale=factor)


def upsample_nearest(builder: GraphBuilder, shape: Shape, x: Value, *_: Any, **__: Any) -> Value:
    """Lower nearest-neighbour upsampling."""
    return builder.add_operation("nearest", shape, x, **{"from": _image_size(x.shape), "to": _image_size(shape)})


def lower_unary(name: str, *defaults: float) -> Callable[..., Value]:
    """Return the lowering of an elementwise function of one tensor, with the defaults of its parameters."""

    def lower(builder: GraphBuilder, shape: Shape, x: Value, *args: Any, **_: Any) -> Value:
        values = [*args, *defaults[len(args) :]]
        parameters = [d if v is None else float(v) for v, d in zip(values, defaults, strict=True)]
        return builder.add_operation(name, shape, x, by=parameters)

    return lower


def lower_pointwise(name: str) -> Callable[..., Any]:
    """Return the lowering of an elementwise function of several tensors, with broadcasting."""

    def lower(builder: GraphBuilder, shape: Shape, *operands: Operand, alpha: float = 1) -> Any:
        if alpha != 1:
            operands = (operands[0], lower_pointwise("mul")(builder, _operand_shape(operands[1]), operands[1], alpha))
        tensors = [torch.tensor(float(a)) if isinstance(a, int | float) else a for a in operands]
        if (folded := _fold_zeros(name, shape, tensors)) is not None:
            return folded
        strides = [_broadcast_strides(a, shape) for a in tensors]
        return builder.add_operation(
            name, shape, *(a.float() if isinstance(a, Tensor) else a for a in tensors), shape=shape, strides=strides
        )

    return lower


def _fold_zeros(name: str, shape: Shape, operands: Sequence[Value | Tensor]) -> Value | Tensor | None:
    """Fold a product or a sum with zeros, so that noise which is zero costs no operation, nor does its scale."""
    zeros = [a for a in operands if isinstance(a, Tensor) and not a.any()]
    others = [a for a in operands if isinstance(a, Value) and a.shape == shape]
    if name == "mul" and zeros:
        return torch.zeros(shape)
    return others[0] if name == "add" and zeros and others else None


def _broadcast_strides(a: Value | Tensor, shape: Shape) -> list[int]:
    return list(torch.empty(tuple(a.shape), device="meta").expand(shape).stride())


def _operand_shape(a: Operand) -> Shape:
    return () if isinstance(a, int | float) else tuple(a.shape)


def glu(builder: GraphBuilder, shape: Shape, x: Value, dim: int = -1) -> Value:
    """Lower the gated linear unit: one half of the input times the sigmoid of the other."""
    first, second = lower_view(builder, torch.ops.aten.chunk.default, (x, 2, dim), {})
    output: Value = lower_pointwise("mul")(builder, shape, first, lower_unary("sigmoid")(builder, shape, second))
    return output


def gelu(builder: GraphBuilder, shape: Shape, x: Value, *, approximate: str = "none") -> Value:
    """Lower GELU: by the error function, or its approximation with tanh."""
    return builder.add_operation("gelu" if approximate == "none" else "gelu_tanh", shape, x, by=[])


def clamp(builder: GraphBuilder, shape: Shape, x: Value, low: Any = None, high: Any = None) -> Value:
    """Lower a clamp between bounds."""
    bounds = [-UNBOUNDED if low is None else float(low), UNBOUNDED if high is None else float(high)]
    return builder.add_operation("clamp", shape, x, by=bounds)
