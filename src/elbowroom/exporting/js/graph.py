"""The graph of a compiled module: values, operations, and the builder that they are added to."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, NoReturn

import torch
from torch import Tensor

Shape = tuple[int, ...]

#: Constants with at least so many values are weights; smaller ones may be settings of a formula.
MIN_WEIGHT_VALUES = 64


class Value(NamedTuple):
    """A tensor that depends on the inputs.

    Attributes:
        value_id: its number in the graph.
        shape: its shape; it is laid out contiguously.
    """

    value_id: int
    shape: Shape


class Operation(NamedTuple):
    """One operation.

    Attributes:
        op: its name in the interpreter.
        output: the number of its output.
        inputs: the numbers of its inputs.
        settings: its other arguments.
    """

    op: str
    output: int
    inputs: tuple[int, ...]
    settings: dict[str, Any]


@dataclass(frozen=True)
class Graph:
    """Operations from inputs to an output.

    Attributes:
        inputs: the inputs by their names.
        constants: constant tensors by their numbers.
        operations: the operations in order.
        sizes: the number of elements of each value, by its number.
        output: the number of the output.
        shape: the shape of the output.
    """

    inputs: dict[str, Value]
    constants: dict[int, Tensor]
    operations: list[Operation]
    sizes: dict[int, int]
    output: int
    shape: Shape

    def sorted_constants(self, is_half: bool = False) -> list[tuple[int, Tensor]]:
        """Return the constants with their numbers, those in single precision first.

        With ``is_half`` weights are in half precision; small constants are not, since a setting of a formula may be out
        of its range.
        """
        constants = [
            (n, t.half() if is_half and t.numel() >= MIN_WEIGHT_VALUES else t.float())
            for n, t in self.constants.items()
        ]
        return sorted(constants, key=lambda entry: -entry[1].dtype.itemsize)

    def to_dict(self, is_half: bool = False) -> dict[str, Any]:
        """Return what the interpreter is given beside the weights, ready for JSON."""
        return {
            "inputs": {name: value.value_id for name, value in self.inputs.items()},
            "constants": [[n, t.numel(), t.dtype.itemsize] for n, t in self.sorted_constants(is_half)],
            "steps": [[s.op, s.output, s.inputs, s.settings] for s in self.operations],
            "sizes": {str(number): size for number, size in self.sizes.items()},
            "output": self.output,
        }

    def weight_bytes(self, is_half: bool = False) -> bytes:
        """Return the constants one after the other, little-endian."""
        arrays = [t.detach().cpu().contiguous().numpy() for _, t in self.sorted_constants(is_half)]
        return b"".join(array.astype(array.dtype.newbyteorder("<")).tobytes() for array in arrays)


class GraphBuilder:
    """Builder of a graph: numbers values and constants, and collects operations."""

    def __init__(self) -> None:
        self.inputs: dict[str, Value] = {}
        self._constants: dict[int, Tensor] = {}
        self._constant_ids: dict[int, int] = {}
        self._operations: list[Operation] = []
        self._sizes: list[int] = []

    def add_input(self, name: str, shape: Shape) -> Value:
        """Add an input, and return its value."""
        self.inputs[name] = self._new_value(shape)
        return self.inputs[name]

    def add_operation(self, op: str, out_shape: Shape, *operands: Value | Tensor, **settings: Any) -> Value:
        """Add an operation, and return its output; operands that are tensors become constants.

        Args:
            op: the operation's name in the interpreter.
            out_shape: the shape of its output.
            operands: its inputs.
            settings: its other arguments, ready for JSON.
        """
        numbers = tuple(v.value_id if isinstance(v, Value) else self._constant_id(v) for v in operands)
        output = self._new_value(out_shape)
        self._operations.append(Operation(op, output.value_id, numbers, settings))
        return output

    def build(self, output: Value) -> Graph:
        """Return the graph, without operations that the output does not depend on."""
        needed, operations = {output.value_id}, list[Operation]()
        for operation in reversed(self._operations):
            if operation.output in needed:
                needed |= set(operation.inputs)
                operations.insert(0, operation)
        constants = {number: t for number, t in self._constants.items() if number in needed}
        sizes = {n: self._sizes[n] for n in sorted(needed | {v.value_id for v in self.inputs.values()})}
        return Graph(self.inputs, constants, operations, sizes, output.value_id, output.shape)

    def _new_value(self, shape: Shape) -> Value:
        self._sizes.append(math.prod(shape))
        return Value(len(self._sizes) - 1, tuple(shape))

    def _constant_id(self, tensor: Tensor) -> int:
        # By identity, so that a weight shared by several operations is stored once; the tensor is kept, as is its id.
        if id(tensor) not in self._constant_ids:
            number = self._new_value(tuple(tensor.shape)).value_id
            self._constant_ids[id(tensor)] = number
            self._constants[number] = tensor
        return self._constant_ids[id(tensor)]


def raise_unsupported(op_name: str) -> NoReturn:
    """Raise the error of an operation that the interpreter lacks."""
    raise ValueError(
        f"the page's interpreter has no '{op_name}', which this decoder uses: export it with --onnx FOLDER instead"
    )


def lower_view(builder: GraphBuilder, target: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
    """Lower an operation that returns views of its inputs: their strides and offsets are those of torch.

    It is run on meta tensors, contiguous as the interpreter's values are.
    """
    sources: list[Value | Tensor] = []

    def to_meta(a: Any) -> Any:
        if isinstance(a, Value | Tensor):
            sources.append(a)
            return torch.empty(tuple(a.shape), device="meta")
        return [to_meta(item) for item in a] if isinstance(a, list | tuple) else a

    views = target(*[to_meta(a) for a in args], **kwargs)
    if isinstance(views, Tensor):
        return _as_view(builder, sources[0], views)
    # Several views are views of one tensor, or each of its own.
    sources = sources * len(views) if len(sources) == 1 else sources
    return [_as_view(builder, source, view) for source, view in zip(sources, views, strict=True)]


def _as_view(builder: GraphBuilder, source: Value | Tensor, view: Tensor) -> Value | Tensor:
    shape, strides, offset = tuple(view.shape), view.stride(), int(view.storage_offset())
    if isinstance(source, Tensor):
        return source.contiguous().as_strided(shape, strides, offset)
    return gather_strided(builder, source, shape, strides, offset)


def gather_strided(builder: GraphBuilder, x: Value, shape: Shape, strides: Sequence[int], offset: int = 0) -> Value:
    """Return the elements of a value at these strides; the value itself, reshaped, if that is all of them in order."""
    if offset == 0 and math.prod(shape) == math.prod(x.shape) and _is_contiguous(shape, strides):
        return Value(x.value_id, shape)
    return builder.add_operation("view", shape, x, shape=shape, strides=list(strides), offset=offset)


def _is_contiguous(shape: Shape, strides: Sequence[int]) -> bool:
    """Whether strides are those of a contiguous tensor."""
    expected = 1
    for size, stride in zip(reversed(shape), reversed(strides), strict=True):
        if size != 1 and stride != expected:
            return False
        expected *= size
    return True


def move_dims_last(builder: GraphBuilder, x: Value, dims: Sequence[int]) -> Value:
    """Return a value with these dimensions moved to the end, in their order."""
    dims = [d % len(x.shape) for d in dims]
    order = [d for d in range(len(x.shape)) if d not in dims] + dims
    moved = torch.empty(x.shape, device="meta").permute(order)
    return gather_strided(builder, x, tuple(moved.shape), moved.stride())
