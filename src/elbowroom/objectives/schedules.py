"""Schedules: weights that change with the step."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from elbowroom.models.draw import Draw
from elbowroom.objectives.term import Term


class Schedule(Term):
    """A function of the step as a term, to multiply another term with.

    Args:
        value: maps the step to the weight, both tensors.
        label: its repr.
    """

    def __init__(self, value: Callable[[Tensor], Tensor], label: str = "schedule") -> None:
        super().__init__()
        self.value, self.label = value, label

    def forward(self, draw: Draw, step: Tensor) -> Tensor:
        return self.value(step)

    def __repr__(self) -> str:
        return self.label


def ramp(start: float, end: float, steps: int) -> Schedule:
    """Make a linear schedule from ``start`` to ``end`` over the first ``steps`` steps, then constant.

    >>> import torch
    >>> [ramp(0, 2, 100).value(torch.tensor(float(s))).item() for s in (0, 50, 100, 1000)]
    [0.0, 1.0, 2.0, 2.0]
    """
    if steps < 1:
        raise ValueError(f"a ramp needs at least 1 step, got {steps}; for a constant weight multiply with the number")
    return Schedule(
        lambda step: start + (end - start) * (step / steps).clamp(0, 1), f"ramp({start:g} to {end:g} in {steps} steps)"
    )
