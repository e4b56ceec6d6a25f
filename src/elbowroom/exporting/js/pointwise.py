"""What is done number by number."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from elbowroom.exporting.js.graph import GraphBuilder, Shape, Value
from elbowroom.exporting.js.views import lower_view

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
