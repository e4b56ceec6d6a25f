"""What must fit together before anything is written."""

from __future__ import annotations

import math
from collections.abc import Sequence

from torch import nn

from elbowroom import advice
from elbowroom.data import Arrays, Data
from elbowroom.model import Generative


def check(
    model: nn.Module,
    data: Data,
    epochs: int | None,
    steps: int | None,
    batch_size: int,
    watch: Sequence[str],
    accumulate: int,
    checkpoint_every: int | None,
    on_nan: str,
) -> None:
    """Refuse a training that cannot work, in one line that says what to change.

    Raises:
        ValueError: what was wrong, where, and what to do.
    """
    counts = {"epochs": epochs, "steps": steps, "batch size": batch_size, "accumulate": accumulate}
    for name, value in (counts | {"checkpoint every": checkpoint_every}).items():
        if value is not None and value < 1:
            raise ValueError(f"{name} must be at least 1, got {value}")
    if epochs and steps:
        raise ValueError(f"both epochs ({epochs}) and steps ({steps}) were given: give one of them")
    if isinstance(data.train, Arrays) and batch_size > len(data.train):
        raise ValueError(
            f"batch size {batch_size} is larger than the {len(data.train)} training examples: "
            f"use --batch-size {len(data.train)} or less"
        )
    for split in watch:
        if split not in ("train", "validation", "test"):
            raise advice.unknown("split", split, ("train", "validation", "test"))
    if on_nan not in ("stop", "rollback"):
        raise advice.unknown("on_nan", on_nan, ("stop", "rollback"))
    if not isinstance(model, Generative):
        return
    if model.shape != data.shape:
        have, want = ("x".join(map(str, shape)) for shape in (data.shape, model.shape))
        raise ValueError(f"the data's examples are {have}, but the model was made for {want}: make it with data.shape")
    check_range(model, data)


def check_range(model: Generative, data: Data) -> None:
    """Refuse values that the model's likelihood gives no probability to."""
    low, high = model.decoder.family.support
    if math.isinf(low) and math.isinf(high):
        return
    outside = data.first_outside(low, high)
    if outside is not None:
        split, example, value = outside
        raise ValueError(
            f"value {value:g} in example {example} of the {split} split is outside [{low:g}, {high:g}], the range of "
            f"{type(model.decoder.family).__name__}: scale the data into it, or use --likelihood gaussian"
        )
