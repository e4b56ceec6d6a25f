"""fit and resume: train with the default callbacks, the record and the report."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from torch import nn

from elbowroom import devices, distributed
from elbowroom.data import Data, load_data
from elbowroom.models.base import GenerativeModel
from elbowroom.objectives import Term
from elbowroom.runs.run import Run, next_path
from elbowroom.training.callback import Callback
from elbowroom.training.callbacks.progress import ProgressBar
from elbowroom.training.callbacks.selection import BestWeights
from elbowroom.training.loop import train
from elbowroom.training.optimizers import make_optimizer as make_optimizer
from elbowroom.training.precision import choose_matmul_mode
from elbowroom.training.state import (
    DATA,
    DEVICE,
    EPOCH,
    EPOCHS,
    MODEL,
    OBJECTIVE,
    OPTIMIZERS,
    RUN,
    STEP,
    STEPS,
    STOP,
    State,
)
from elbowroom.training.validate import check_settings
from elbowroom.workbench.callback_registry import from_record, to_record
from elbowroom.workbench.monitoring.doctor import Doctor
from elbowroom.workbench.monitoring.report import write_final_report
from elbowroom.workbench.monitoring.sample_images import SampleImages

#: Epochs, where neither epochs nor steps are given.
DEFAULT_EPOCHS = 10
#: Steps that a small data set gets at least, where neither epochs nor steps are given.
MIN_DEFAULT_STEPS = 1000


def fit(
    model: GenerativeModel | nn.Module,
    objective: Term,
    data: Data | Any,
    *,
    epochs: int | None = None,
    steps: int | None = None,
    batch_size: int = 128,
    lr: float = 1e-3,
    optimizer: str = "adam",
    seed: int = 0,
    out: str | Path | None = None,
    device: str | None = None,
    watch: Sequence[str] = ("validation", "test"),
    callbacks: Sequence[Callback] = (),
    pass_state: bool = False,
    accumulate: int = 1,
    checkpoint_every: int | None = None,
    on_nan: Literal["stop", "rollback"] = "stop",
    precision: Literal["float32", "bf16"] = "float32",
) -> Run:
    """Train a model on an objective, and write a run directory.

    The splits in ``watch`` are evaluated after every epoch with the same noise each time. The test split is watched
    for its curve alone: no choice depends on it.

    Args:
        model: a model of the package; or any module of your own, with a :class:`Loss` for its output.
        objective: the objective, which scores the model's output.
        data: a :class:`Data`, or anything :func:`load_data` takes.
        epochs: passes over the training split; if neither this nor ``steps`` is given 10, or of a small set as many as
            make 1,000 steps.
        steps: optimiser steps, instead of epochs.
        batch_size: examples per step, over all processes where several train together; the last batch of an epoch
            may be smaller. A loader keeps its own.
        lr: learning rate; losses are means over the batch, so that it need not change with ``batch_size``.
        optimizer: a name, with arguments if wanted: ``"adam"``, ``"sgd(momentum=0.9)"``.
        seed: of the data's order and of all noise. (The weights were drawn when the model was made.)
        out: the run directory; ``runs/RECIPE-DATA-N`` if not given.
        device: cpu, cuda, mps; the fastest available if not given.
        watch: splits to evaluate after every epoch.
        callbacks: called after the default ones, in their order.
        pass_state: call a module of your own as ``model(x, state)``.
        accumulate: micro-batches per batch, where a batch does not fit the memory; their gradients are summed.
        checkpoint_every: steps between checkpoints within an epoch; each epoch ends with one anyway.
        on_nan: what to do when the loss is not finite: stop, or roll back to the last checkpoint and go on at half the
            learning rate, three times at most.
        precision: of matrix products: float32, or bf16, which is faster where the hardware supports it.

    Raises:
        ValueError: before anything is written, if model, data and settings do not fit together, ``out`` holds a run
            or another process trains into it; later, as :class:`DivergedError`, if the loss is not finite.

    >>> import tempfile, elbowroom as er
    >>> data = er.load_data("digits")
    >>> run = er.fit(*er.recipes.vae(data.shape, latent=2), data, steps=20, out=tempfile.mkdtemp() + "/run")
    >>> run.metrics("test")[-1]["elbo"] < 0
    True
    """
    distributed.init_process_group()
    data = load_data(data)
    check_settings(model, data, epochs, steps, batch_size, watch, accumulate, checkpoint_every, on_nan, out)
    origin = getattr(model, "recipe_call", None)
    training: dict[str, Any] = {
        "epochs": epochs
        if epochs or steps
        else max(DEFAULT_EPOCHS, math.ceil(MIN_DEFAULT_STEPS / data.train.steps(batch_size))),
        "steps": steps,
        "batch_size": batch_size,
        "lr": lr,
        "optimizer": optimizer,
        "seed": seed,
        "device": str(devices.resolve(device)),
        "watch": list(watch),
        "callbacks": [to_record(callback) for callback in callbacks],
        "pass_state": pass_state,
        "accumulate": accumulate,
        "checkpoint_every": checkpoint_every,
        "on_nan": on_nan,
        "precision": precision,
        "products": choose_matmul_mode(precision, devices.resolve(device), model),
    }
    record = {
        "recipe": origin.recipe if origin else None,
        "arguments": origin.arguments if origin else None,
        "shape": list(data.shape),
        "objective": repr(objective),
        "parameters": sum(p.numel() for p in model.parameters()),
        "data": data.protocol,
        "training": training,
    }
    name = f"{origin.recipe if origin else type(model).__name__.lower()}-{data.name}"
    state = _initial_state(model, objective, data, training)
    state[RUN] = run = _open_run(distributed.broadcast_object(Path(out or next_path(name))), record)
    return _train(state, run.record["training"], callbacks)


def resume(
    path: Run | str | Path,
    data: Data | Any = None,
    callbacks: Sequence[Callback] | None = None,
    model: nn.Module | None = None,
    objective: Term | None = None,
    device: str | None = None,
) -> Run:
    """Resume a run from its last checkpoint, to the epochs or steps it was started with.

    On the same device the result is, bit for bit, that of an uninterrupted run.

    Args:
        path: the run directory.
        data: its training data, if they were given as a Python object.
        callbacks: those of the run, if some were your own; those of the package are made from the record.
        model: constructed as before, if no recipe made it.
        objective: likewise.
        device: the device, if not that of the record.

    Raises:
        ValueError: there is no run, it is finished, another process trains into it, or all checkpoints are damaged.
    """
    distributed.init_process_group()
    run = path if isinstance(path, Run) else Run(path)
    training = run.record["training"] | ({"device": device} if device else {})
    if model is None or objective is None:
        model, objective = run.build()
    state = _initial_state(model, objective, run.data() if data is None else load_data(data), training)
    state[RUN] = run
    return _train(state, training, from_record(training["callbacks"]) if callbacks is None else callbacks)


def _train(state: State, training: dict[str, Any], own: Sequence[Callback]) -> Run:
    """Train with the default callbacks before the user's, then write the report."""
    run = train(state, training, [*default_callbacks(own), *own])
    write_final_report(state)
    return run


def default_callbacks(own: Sequence[Callback] = ()) -> list[Callback]:
    """Return the callbacks of every training. Checkpoints know callbacks by position, so the order is fixed.

    Args:
        own: the user's callbacks; a :class:`Doctor` among them replaces the default one.
    """
    doctor = [] if any(isinstance(callback, Doctor) for callback in own) else [Doctor()]
    return [BestWeights(), SampleImages(), *doctor, ProgressBar()]


def _open_run(path: Path, record: dict[str, Any]) -> Run:
    """Create the run directory; or open it, where ``torchrun`` has restarted the same training."""
    run = Run(path)
    if distributed.is_restarted() and run.exists and _is_same_training(run.record, record):
        return run
    if distributed.is_main_process():
        return Run.create(path, distributed.broadcast_object(record))
    run.record = distributed.broadcast_object(record)
    return run


def _is_same_training(a: dict[str, Any], b: dict[str, Any]) -> bool:
    """Whether two records are of the same training; the matmul mode may have been chosen differently."""
    settings = [{key: r[key] for key in ("recipe", "arguments", "shape", "data")} | r["training"] for r in (a, b)]
    return json.dumps(settings[0] | {"products": ""}) == json.dumps(settings[1] | {"products": ""})


def _initial_state(model: nn.Module, objective: Term, data: Data, settings: dict[str, Any]) -> State:
    """Return the state before the first step; nothing is written."""
    state = State()
    device = devices.resolve(settings["device"])
    state[DATA], state[DEVICE] = data, device
    state[MODEL], state[OBJECTIVE] = model.to(device), objective.to(device)
    per_epoch = data.train.steps(settings["batch_size"])
    state[STEPS] = settings["steps"] or settings["epochs"] * per_epoch
    state[EPOCHS] = math.ceil(state[STEPS] / per_epoch)
    state[STEP], state[EPOCH], state[STOP] = 0, 0, ""
    state[OPTIMIZERS] = {
        player.name: make_optimizer(settings["optimizer"], player, settings["lr"], device)
        for player in objective.players(model)
    }
    return state
