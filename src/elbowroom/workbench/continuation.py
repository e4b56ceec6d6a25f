"""Trainings that go on: from the weights of another run, and a run made longer than it was planned."""

from __future__ import annotations

import hashlib
import math
from pathlib import Path
from typing import Any

from torch import nn

from elbowroom.formatting import format_count
from elbowroom.runs.run import Run
from elbowroom.training.checkpoint import list_checkpoints


def start_from(model: nn.Module, path: str | Path | Run) -> dict[str, Any]:
    """Load the weights of a run into a new model, and return where they come from, for the record.

    Raises:
        ValueError: there is no run, or its weights have other names or shapes than the model's.
    """
    run = Run(path)
    _ = run.record  # that there is a run at all
    try:
        run.load_weights(model)
    except ValueError as error:
        reason = str(error).partition("; was")[0]
        raise ValueError(
            f"the training cannot start from {run}: {reason}; make the model with the recipe and arguments of that run"
        ) from None
    file = run.selected_weights
    return {
        "path": str(run.path),
        "weights": run.weights_name,
        "sha256": hashlib.sha256(file.read_bytes()).hexdigest(),
        "step": run.weights_step,
    }


def lengthen(record: dict[str, Any], run: Run, per_epoch: int, epochs: int | None, steps: int | None) -> dict[str, Any]:
    """Return the record of a run that goes on to more epochs or steps than it was started for.

    The learning rate schedule begins anew over the added steps; a KL warm-up by a fraction of the run keeps its steps.

    Raises:
        ValueError: both or neither are given, or the run has gone so far already.
    """
    if epochs and steps:
        raise ValueError(f"both epochs ({epochs}) and steps ({steps}) were given: give one of them")
    training = record["training"]
    before = training["steps"] or training["epochs"] * per_epoch
    total = steps or (epochs or 0) * per_epoch
    done = _steps_done(run)
    if total <= done:
        per = f"{math.ceil(done / per_epoch)} epochs"
        least = format_count(done // per_epoch + 1, "epoch") if epochs else format_count(done + 1, "step")
        raise ValueError(f"{run.path} has trained {done:,} steps, {per}, already: give at least {least}")
    callbacks = [_keep_warmup(callback, before) for callback in training["callbacks"]]
    notes = [f"made longer: from step {done:,} on to {format_count(total, 'step')}, planned were {before:,}"]
    if any(callback["name"] == "LRSchedule" for callback in callbacks):
        notes.append("the learning rate schedule begins anew over the added steps")
    if callbacks != training["callbacks"]:
        notes.append("the KL warm-up keeps its steps")
    lengthened = [*training.get("lengthened", []), {"at_step": done, "steps": total, "planned": before}]
    changed = {"epochs": epochs, "steps": steps, "callbacks": callbacks, "schedule_start": done}
    return record | {"training": training | changed | {"plan": "; ".join(notes), "lengthened": lengthened}}


def _steps_done(run: Run) -> int:
    """Return the steps at the last checkpoint, from which the training goes on."""
    checkpoints = list_checkpoints(run)
    return int(checkpoints[0].stem.partition("-")[0]) if checkpoints else 0


def _keep_warmup(callback: dict[str, Any], steps: int) -> dict[str, Any]:
    """Return a callback of the record, where it is one warm-up over a fraction of the run with its steps."""
    arguments = callback["arguments"]
    if callback["name"] != "Warmup" or not arguments or arguments.get("steps") or arguments.get("cycles", 1) != 1:
        return callback
    return callback | {"arguments": arguments | {"steps": math.ceil(arguments["fraction"] * steps)}}
