"""Checks that model, data and settings fit together, before anything is written."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from torch import nn

from elbowroom import distributed, errors
from elbowroom.data import Data, LoaderSplit
from elbowroom.evaluation import check_compatible
from elbowroom.models.base import GenerativeModel


def check_settings(
    model: nn.Module,
    data: Data,
    epochs: int | None,
    steps: int | None,
    batch_size: int,
    watch: Sequence[str],
    accumulate: int,
    checkpoint_every: int | None,
    on_nan: str,
    out: str | Path | None,
) -> None:
    """Check that a training can work.

    Raises:
        ValueError: it cannot; says in one line what is wrong, where, and what to do.
    """
    counts = {"epochs": epochs, "steps": steps, "batch size": batch_size, "accumulate": accumulate}
    for name, value in (counts | {"checkpoint every": checkpoint_every}).items():
        if value is not None and value < 1:
            raise ValueError(f"{name} must be at least 1, got {value}")
    if epochs and steps:
        raise ValueError(f"both epochs ({epochs}) and steps ({steps}) were given: give one of them")
    if not isinstance(data.train, LoaderSplit) and batch_size > len(data.train):
        raise ValueError(
            f"batch size {batch_size} is larger than the {len(data.train)} training examples: "
            f"use --batch-size {len(data.train)} or less"
        )
    if batch_size < distributed.world_size():
        raise ValueError(
            f"batch size {batch_size} for {distributed.world_size()} processes leaves some without an example: "
            "give a larger one"
        )
    if out is None and distributed.can_restart():
        raise ValueError("torchrun may start this training again, which then must find its run: give --out DIR")
    for split in watch:
        if split not in ("train", "validation", "test"):
            raise errors.unknown_name("split", split, ("train", "validation", "test"))
    if on_nan not in ("stop", "rollback"):
        raise errors.unknown_name("on_nan", on_nan, ("stop", "rollback"))
    if isinstance(model, GenerativeModel):
        check_compatible(model, data)
