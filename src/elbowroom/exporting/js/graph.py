"""What a program is written on."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, NoReturn

import torch
from torch import Tensor

Shape = tuple[int, ...]

#: Constants of so many numbers are weights; smaller ones may be settings.
MIN_WEIGHT_VALUES = 64


class Value(NamedTuple):
    """A value that depends on the inputs.

    Attributes:
        value_id: of the value.
        shape: of the value; laid out row by row.
    """

    value_id: int
    shape: Shape


class Operation(NamedTuple):
    """One operation.

    Attributes:
        op: its name in the interpreter.
        output: the number of the value it makes.
        inputs: the numbers of those it takes.
        settings: what else it takes.
    """

    op: str
    output: int
    inputs: tuple[int, ...]
    settings: dict[str, Any]


@dataclass(frozen=True)
class Graph:
    """Operations from inputs to an output.

    Attributes:
        inputs: number and shape of each by its name.
        constants: weights by their number.
        operations: in order.
        sizes: how many numbers each value has.
        output: the number of the value that comes out.
        shape: of what comes out.
    """

    inputs: dict[str, Value]
    constants: dict[int, Tensor]
    operations: list[Operation]
    sizes: dict[int, int]
    output: int
    shape: Shape

    def sorted_constants(self, is_half: bool = False) -> list[tuple[int, Tensor]]:
        """The constants with their numbers, those that are kept in single precision first.

        In half precision, ``is_half``, are large ones alone: a setting of a formula may be too small for it, or too large.
        """
        narrow = [
            (n, t.half() if is_half and t.numel() >= MIN_WEIGHT_VALUES else t.float())
            for n, t in self.constants.items()
        ]
        return sorted(narrow, key=lambda entry: -entry[1].dtype.itemsize)

    def to_dict(self, is_half: bool = False) -> dict[str, Any]:
        """What the interpreter is given, beside the weights; ready for JSON."""
        return {
            "inputs": {name: value.value_id for name, value in self.inputs.items()},
            "constants": [[n, t.numel(), t.dtype.itemsize] for n, t in self.sorted_constants(is_half)],
            "steps": [[s.op, s.output, s.inputs, s.settings] for s in self.operations],
            "sizes": {str(number): size for number, size in self.sizes.items()},
            "output": self.output,
        }

    def weight_bytes(self, is_half: bool = False) -> bytes:
        """The constants one after the other, little-endian."""
        parts = [t.detach().cpu().contiguous().numpy() for _, t in self.sorted_constants(is_half)]
        return b"".join(part.astype(part.dtype.newbyteorder("<")).tobytes() for part in parts)


class GraphBuilder:
    """Steps as they are written down, and the values they are about."""

    def __init__(self) -> None:
        self.inputs: dict[str, Value] = {}
        self._constants: dict[int, Tensor] = {}
        self._constant_ids: dict[int, int] = {}
        self._operations: list[Operation] = []
        self._sizes: list[int] = []

    def add_input(self, name: str, shape: Shape) -> Value:
        """A value that is given."""
        self.inputs[name] = self._new_value(shape)
        return self.inputs[name]

    def add_operation(self, op: str, out_shape: Shape, *operands: Value | Tensor, **settings: Any) -> Value:
        """Write down an operation; tensors among what it takes are constants."""
        numbers = tuple(v.value_id if isinstance(v, Value) else self._constant_id(v) for v in operands)
        out = self._new_value(out_shape)
        self._operations.append(Operation(op, out.value_id, numbers, settings))
        return out

    def build(self, output: Value) -> Graph:
        """What was written, without the steps that the output does not need."""
        needed, steps = {output.value_id}, list[Operation]()
        for step in reversed(self._operations):
            if step.output in needed:
                needed |= set(step.inputs)
                steps.insert(0, step)
        constants = {number: t for number, t in self._constants.items() if number in needed}
        sizes = {n: self._sizes[n] for n in sorted(needed | {v.value_id for v in self.inputs.values()})}
        return Graph(self.inputs, constants, steps, sizes, output.value_id, output.shape)

    def _new_value(self, shape: Shape) -> Value:
        self._sizes.append(math.prod(shape))
        return Value(len(self._sizes) - 1, tuple(shape))

    def _constant_id(self, tensor: Tensor) -> int:
        # By identity, and kept: a weight that several steps share is written once.
        if id(tensor) not in self._constant_ids:
            number = self._new_value(tuple(tensor.shape)).value_id
            self._constant_ids[id(tensor)] = number
            self._constants[number] = tensor
        return self._constant_ids[id(tensor)]


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
