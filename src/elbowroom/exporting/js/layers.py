"""What a network's layers do: products with weights, convolutions, normalisation, repetition."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from elbowroom.exporting.js.graph import GraphBuilder, Shape, Value, lower_view, raise_unsupported


def linear(builder: GraphBuilder, shape: Shape, x: Value, weight: Any, bias: Any = None) -> Value:
    """Rows times weights (out, in), plus a bias."""
    if isinstance(weight, Value):
        raise_unsupported("linear with weights that depend on the code")
    bias = torch.zeros(len(weight)) if bias is None else bias
    return builder.add_operation("linear", shape, x, weight, bias, inputs=weight.shape[1], outputs=weight.shape[0])


def matmul(builder: GraphBuilder, shape: Shape, x: Any, y: Any) -> Value:
    """A product with a constant, as a linear map."""
    if isinstance(x, Value) and isinstance(y, Tensor) and y.dim() <= 2:
        return linear(builder, shape, x, y[None] if y.dim() == 1 else y.T)
    raise_unsupported("matmul of two values")


def addmm(builder: GraphBuilder, shape: Shape, bias: Any, x: Value, y: Any) -> Value:
    """A product with a constant, and a bias."""
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
    """Over one dimension of space or two; one is a picture of a single row."""
    dims = len(x.shape) - 2
    if dims > 2 or len(x.shape) < 3:
        raise_unsupported(f"convolution over {dims} dimensions of space")
    if isinstance(padding, str):
        raise_unsupported(f"padding='{padding}'")
    two = [[fill] * (2 - dims) + list(a) * (dims // len(a)) for a, fill in ((stride, 1), (padding, 0), (dilation, 1))]
    kernel = [1] * (2 - dims) + list(weight.shape[2:])
    sizes = [[s[1], *([1] * (2 - dims)), *s[2:]] for s in (x.shape, shape)]
    bias = torch.zeros(shape[1]) if bias is None else bias
    names = {
        "stride": two[0],
        "padding": two[1],
        "dilation": two[2],
        "kernel": kernel,
        "from": sizes[0],
        "to": sizes[1],
    }
    return builder.add_operation(
        "transposed" if is_transposed else "convolution", shape, x, weight, bias, groups=groups, **names
    )


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
    """The size that comes out says what the output padding was."""
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
    """Each group of channels to mean 0 and variance 1, then a scale and a shift for each channel."""
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
    """Every row to mean 0 and variance 1, then a scale and a shift for each place in it."""
    size = math.prod(normalized_shape)
    plain = builder.add_operation(
        "norm", shape, x, torch.ones(1), torch.zeros(1), groups=math.prod(shape) // size, channels=1, eps=eps
    )
    scaled = plain if weight is None else lower_pointwise("mul")(builder, shape, plain, weight)
    return scaled if bias is None else lower_pointwise("add")(builder, shape, scaled, bias)


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
    """With the averages of training it is a scale and a shift for each channel."""
    if training:
        raise_unsupported("batch_norm over a batch")
    rest = [1] * (len(shape) - 2)
    scale = (var + eps).rsqrt() * (1 if weight is None else weight)
    shift = (0 if bias is None else bias) - mean * scale
    scaled = lower_pointwise("mul")(builder, shape, x, scale.reshape(-1, *rest))
    return lower_pointwise("add")(builder, shape, scaled, shift.reshape(-1, *rest))


def batch_norm_no_training(
    builder: GraphBuilder,
    shape: Shape,
    x: Value,
    weight: Any,
    bias: Any,
    mean: Tensor,
    var: Tensor,
    _: float,
    eps: float,
) -> tuple[Value, None, None]:
    """As torch splits it up, for which what else comes out is nothing."""
    return batch_norm(builder, shape, x, weight, bias, mean, var, False, 0.0, eps), None, None


def upsample_nearest(builder: GraphBuilder, shape: Shape, x: Value, *_: Any, **__: Any) -> Value:
    """Places repeated."""
    one = [1] * (4 - len(shape))
    return builder.add_operation(
        "nearest", shape, x, **{"from": [x.shape[1], *one, *x.shape[2:]], "to": [shape[1], *one, *shape[2:]]}
    )


Operand = Value | Tensor | float


def lower_unary(name: str, *defaults: float) -> Callable[..., Value]:
    """A function of every number, with further numbers that set it."""

    def row(tape: GraphBuilder, shape: Shape, x: Value, *given: Any, **named: Any) -> Value:
        numbers = [*given, *defaults[len(given) :]]
        return tape.add_operation(
            name, shape, x, by=[d if n is None else float(n) for n, d in zip(numbers, defaults, strict=True)]
        )

    return row


def lower_pointwise(name: str) -> Callable[..., Any]:
    """A function of several tensors number by number, repeated where they are smaller."""

    def row(tape: GraphBuilder, shape: Shape, *operands: Operand, alpha: float = 1) -> Any:
        if alpha != 1:
            operands = (operands[0], lower_pointwise("mul")(tape, _operand_shape(operands[1]), operands[1], alpha))
        tensors = [torch.tensor(float(a)) if isinstance(a, int | float) else a for a in operands]
        if (plain := _fold_neutral(name, shape, tensors)) is not None:
            return plain
        strides = [_broadcast_strides(a, shape) for a in tensors]
        return tape.add_operation(
            name, shape, *(a.float() if isinstance(a, Tensor) else a for a in tensors), shape=shape, strides=strides
        )

    return row


def _fold_neutral(name: str, shape: Shape, operands: Sequence[Value | Tensor]) -> Value | Tensor | None:
    """Times nothing, plus nothing: noise that is turned off costs no step, and neither does what scales it."""
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
    """One half times the sigmoid of the other."""
    one, two = lower_view(builder, torch.ops.aten.chunk.default, (x, 2, dim), {})
    return lower_pointwise("mul")(builder, shape, one, lower_unary("sigmoid")(builder, shape, two))


def gelu(builder: GraphBuilder, shape: Shape, x: Value, *, approximate: str = "none") -> Value:
    """By the error function, or by its approximation with tanh."""
    return builder.add_operation("gelu" if approximate == "none" else "gelu_tanh", shape, x, by=[])


def clamp(builder: GraphBuilder, shape: Shape, x: Value, low: Any = None, high: Any = None) -> Value:
    """Within bounds."""
    return builder.add_operation(
        "clamp", shape, x, by=[-3.4e38 if low is None else float(low), 3.4e38 if high is None else float(high)]
    )
