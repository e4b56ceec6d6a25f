"""What a program is written on."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

from torch import Tensor

Shape = tuple[int, ...]

#: Constants of so many numbers are weights; smaller ones may be settings.
LARGE = 64


class Value(NamedTuple):
    """A value that depends on the inputs.

    Attributes:
        number: of the value.
        shape: of the value; laid out row by row.
    """

    number: int
    shape: Shape


class Step(NamedTuple):
    """One operation.

    Attributes:
        op: its name in the interpreter.
        out: the number of the value it makes.
        ins: the numbers of those it takes.
        settings: what else it takes.
    """

    op: str
    out: int
    ins: tuple[int, ...]
    settings: dict[str, Any]


@dataclass(frozen=True)
class Program:
    """Operations from inputs to an output.

    Attributes:
        inputs: number and shape of each by its name.
        constants: weights by their number.
        steps: in order.
        sizes: how many numbers each value has.
        output: the number of the value that comes out.
        shape: of what comes out.
    """

    inputs: dict[str, Value]
    constants: dict[int, Tensor]
    steps: list[Step]
    sizes: dict[int, int]
    output: int
    shape: Shape

    def ordered(self, half: bool = False) -> list[tuple[int, Tensor]]:
        """The constants with their numbers, those that are kept in single precision first.

        In half precision, ``half``, are large ones alone: a setting of a formula may be too small for it, or too large.
        """
        narrow = [(n, t.half() if half and t.numel() >= LARGE else t.float()) for n, t in self.constants.items()]
        return sorted(narrow, key=lambda entry: -entry[1].dtype.itemsize)

    def told(self, half: bool = False) -> dict[str, Any]:
        """What the interpreter is given, beside the weights; ready for JSON."""
        return {
            "inputs": {name: value.number for name, value in self.inputs.items()},
            "constants": [[n, t.numel(), t.dtype.itemsize] for n, t in self.ordered(half)],
            "steps": [[s.op, s.out, s.ins, s.settings] for s in self.steps],
            "sizes": {str(number): size for number, size in self.sizes.items()},
            "output": self.output,
        }

    def weights(self, half: bool = False) -> bytes:
        """The constants one after the other, little-endian."""
        parts = [t.detach().cpu().contiguous().numpy() for _, t in self.ordered(half)]
        return b"".join(part.astype(part.dtype.newbyteorder("<")).tobytes() for part in parts)


class Tape:
    """Steps as they are written down, and the values they are about."""

    def __init__(self) -> None:
        self.inputs: dict[str, Value] = {}
        self._constants: dict[int, Tensor] = {}
        self._ids: dict[int, int] = {}
        self._steps: list[Step] = []
        self._sizes: list[int] = []

    def input(self, name: str, shape: Shape) -> Value:
        """A value that is given."""
        self.inputs[name] = self._new(shape)
        return self.inputs[name]

    def step(self, op: str, out_shape: Shape, *ins: Value | Tensor, **settings: Any) -> Value:
        """Write down an operation; tensors among what it takes are constants."""
        numbers = tuple(v.number if isinstance(v, Value) else self._constant(v) for v in ins)
        out = self._new(out_shape)
        self._steps.append(Step(op, out.number, numbers, settings))
        return out

    def program(self, output: Value) -> Program:
        """What was written, without the steps that the output does not need."""
        needed, steps = {output.number}, list[Step]()
        for step in reversed(self._steps):
            if step.out in needed:
                needed |= set(step.ins)
                steps.insert(0, step)
        constants = {number: t for number, t in self._constants.items() if number in needed}
        sizes = {n: self._sizes[n] for n in sorted(needed | {v.number for v in self.inputs.values()})}
        return Program(self.inputs, constants, steps, sizes, output.number, output.shape)

    def _new(self, shape: Shape) -> Value:
        self._sizes.append(math.prod(shape))
        return Value(len(self._sizes) - 1, tuple(shape))

    def _constant(self, tensor: Tensor) -> int:
        # By identity, and kept: a weight that several steps share is written once.
        if id(tensor) not in self._ids:
            number = self._new(tuple(tensor.shape)).number
            self._ids[id(tensor)] = number
            self._constants[number] = tensor
        return self._ids[id(tensor)]
