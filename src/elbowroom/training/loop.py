"""The loop."""

from __future__ import annotations

import math
import signal
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from elbowroom import devices, noise
from elbowroom.data import Data, Split, load_data
from elbowroom.model import Generative
from elbowroom.objectives import Player, Term
from elbowroom.run import Run, next_path
from elbowroom.training import checkpoint
from elbowroom.training.callbacks import Bar, Callback, Checkpoints, Hooks, Pictures
from elbowroom.training.checks import check
from elbowroom.training.meter import Meter
from elbowroom.training.optimizers import optimizer as make_optimizer
from elbowroom.training.state import (
    DATA,
    DEVICE,
    EPOCH,
    EPOCHS,
    MODEL,
    OBJECTIVE,
    OPTIMIZERS,
    ROW,
    RUN,
    STEP,
    STEPS,
    STOP,
    State,
)
from elbowroom.training.step import Losses, Step

#: Steps between two rows of the training metrics; an epoch's end writes one too.
ROW_EVERY = 100


def fit(
    model: Generative,
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
) -> Run:
    """Train a model on an objective, and leave a run directory.

    The splits in ``watch`` are evaluated after every epoch with the same noise each time. Watching the test split is
    for reading the curve: nothing here chooses by it.

    Args:
        model: what draws.
        objective: what scores the draw.
        data: a :class:`Data`, or anything :func:`load_data` takes.
        epochs: passes over the training split; 10 if neither this nor ``steps`` is given.
        steps: optimiser steps, instead of epochs.
        batch_size: examples per step; the last batch of an epoch may be smaller. A loader keeps its own.
        lr: learning rate; since losses are means over the batch it need not change with ``batch_size``.
        optimizer: adam, adamw, adagrad, rmsprop, sgd.
        seed: of the data's order and of every draw. (The weights were drawn when the model was made.)
        out: the run directory; ``runs/RECIPE-DATA-N`` if not given.
        device: cpu, cuda, mps; the fastest there is if not given.
        watch: splits to evaluate after every epoch.
        callbacks: your own, called after the loop's.

    Raises:
        ValueError: before anything is written, if model, data and settings do not fit together or ``out`` holds a
            run; later, if the loss stops being a number.

    >>> import tempfile, elbowroom as er
    >>> data = er.load_data("digits")
    >>> run = er.fit(*er.recipes.vae(data.shape, latent=2), data, steps=20, out=tempfile.mkdtemp() + "/run")
    >>> run.metrics("test")[-1]["elbo"] < 0
    True
    """
    data = load_data(data)
    check(model, data, epochs, steps, batch_size, watch)
    place = devices.pick(device)
    origin = model.origin
    training = {
        "epochs": epochs if epochs or steps else 10,
        "steps": steps,
        "batch_size": batch_size,
        "lr": lr,
        "optimizer": optimizer,
        "seed": seed,
        "device": str(place),
        "watch": list(watch),
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
    state = _state(model, objective, data, training)
    path = out or next_path(f"{origin.recipe if origin else type(model).__name__.lower()}-{data.name}")
    state[RUN] = Run.new(path, record)
    return _train(state, training, callbacks)


def resume(path: str | Path, data: Data | Any = None, callbacks: Sequence[Callback] = ()) -> Run:
    """Go on with a run from its last checkpoint, to the epochs or steps it was started with.

    On the same device the result is that of a run that was never stopped.

    Args:
        path: the run directory.
        data: what it was trained on, if that was given as a Python object.
        callbacks: as for :func:`fit`.

    Raises:
        ValueError: there is no run or no checkpoint, or it is finished.
    """
    run = Run(path)
    training = run.record["training"]
    model, objective = run.build()
    state = _state(model, objective, run.data() if data is None else load_data(data), training)
    state[RUN] = run
    if not run.checkpoint.is_file():
        raise ValueError(f"{path} has no checkpoint to go on from: it was stopped in its first epoch; train it again")
    return _train(state, training, callbacks)


def _state(model: Generative, objective: Term, data: Data, training: dict[str, Any]) -> State:
    """A training about to begin: everything in place, nothing written."""
    state = State()
    device = devices.pick(training["device"])
    state[DATA], state[DEVICE] = data, device
    state[MODEL], state[OBJECTIVE] = model.to(device), objective.to(device)
    per_epoch = data.train.steps(training["batch_size"])
    state[STEPS] = training["steps"] or training["epochs"] * per_epoch
    state[EPOCHS] = math.ceil(state[STEPS] / per_epoch)
    state[STEP], state[EPOCH], state[STOP] = 0, 0, ""
    state[OPTIMIZERS] = {
        player.name: make_optimizer(training["optimizer"], player, training["lr"], device)
        for player in objective.players(model)
    }
    return state


def _train(state: State, training: dict[str, Any], callbacks: Sequence[Callback]) -> Run:
    """Run the loop, from the run's checkpoint if it has one, with random streams of its own."""
    run, hooks = state[RUN], Hooks([Checkpoints(), Pictures(), Bar(), *callbacks])
    with torch.random.fork_rng(), _stopping(state):
        torch.manual_seed(training["seed"])
        if run.checkpoint.is_file():
            checkpoint.load(run.checkpoint, state)
            run.rewind(state[STEP])
        if state[STEP] >= state[STEPS]:
            raise ValueError(f"{run.path} is finished ({state[STEP]:,} steps): train a new run for more epochs")
        try:
            hooks("start", state)
            _loop(state, training, hooks)
            hooks("end", state)
        finally:
            hooks("close", state)
    run.log({"event": "end", "reason": state[STOP] or "finished", "step": state[STEP], "epoch": state[EPOCH]})
    state[MODEL].eval()
    return run


def _loop(state: State, training: dict[str, Any], hooks: Hooks) -> None:
    train, device, size = state[DATA].train.to(state[DEVICE]), state[DEVICE], training["batch_size"]
    step = Step(state[MODEL], state[OBJECTIVE]).train()
    number = torch.tensor(state[STEP], device=device)
    per_epoch = train.steps(size)
    clock, meter = _Clock(state[RUN].seconds), Meter()

    while state[STEP] < state[STEPS] and not state[STOP]:
        state[EPOCH] = state[STEP] // per_epoch + 1
        done = state[STEP] % per_epoch
        for batch in train.batches(size, _order(train, training["seed"], state[EPOCH]), skip=done):
            losses = step(batch, number)
            _descend(step.players, state[OPTIMIZERS], losses)
            state[STEP] += 1
            number += 1
            meter.add(losses.terms, len(batch.x))
            hooks("step", state)
            over = state[STEP] == state[STEPS] or bool(state[STOP])
            if state[STEP] % ROW_EVERY == 0 or state[STEP] % per_epoch == 0 or over:
                _write(state, hooks, "train", meter, clock)
            if over:
                break
        if not state[STOP]:
            for name in training["watch"]:
                if (split := getattr(state[DATA], name)) is not None:
                    _write(state, hooks, name, measure(step, split.to(device), number, size), clock)
            hooks("epoch", state)


def _descend(players: list[Player], optimizers: dict[str, torch.optim.Optimizer], losses: Losses) -> None:
    """Gradients of each player's own parameters, all at the same point; then everybody steps."""
    for i, player in enumerate(players, 1):
        optimizers[player.name].zero_grad()
        losses.players[player.name].backward(inputs=player.parameters, retain_graph=i < len(players))
    for player in players:
        optimizers[player.name].step()


def _order(split: Split, seed: int, epoch: int) -> Tensor | None:
    """The order of an epoch follows from seed and epoch alone, so a resumed run finds its place."""
    return split.shuffled(torch.Generator().manual_seed(seed * 1_000_003 + epoch))


@torch.no_grad()
def measure(step: Step, split: Split, number: Tensor, batch_size: int, seed: int = 0) -> Meter:
    """The step's terms over a whole split: evaluation mode, every example once, the same noise every time."""
    meter = Meter()
    step.eval()
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        for batch in split.batches(batch_size):
            with noise.keyed(seed, batch.index):
                meter.add(step(batch, number).terms, len(batch.x))
    step.train()
    return meter


def _write(state: State, hooks: Hooks, split: str, meter: Meter, clock: _Clock) -> None:
    examples, terms = meter.examples, meter.means()
    seconds, lap = clock.read()
    row = {"step": state[STEP], "epoch": state[EPOCH], "split": split, **terms, "examples": examples}
    row |= {"seconds": round(seconds, 4), "examples_per_second": round(examples / lap, 1)}
    wrong = [name for name, value in terms.items() if not math.isfinite(value)]
    if wrong:
        raise ValueError(
            f"{wrong[0]} became {terms[wrong[0]]} between steps {max(state[STEP] - ROW_EVERY, 0)} and {state[STEP]} "
            f"({split}): lower --lr, or look for extreme values in the data; the last good checkpoint is kept"
        )
    state[RUN].log(row)
    state[ROW] = row
    hooks("row", state)


class _Clock:
    """Seconds of training, those before a resumption included, and since the last reading."""

    def __init__(self, before: float) -> None:
        self._last = time.perf_counter()
        self._start = self._last - before

    def read(self) -> tuple[float, float]:
        before, self._last = self._last, time.perf_counter()
        return self._last - self._start, max(self._last - before, 1e-9)


@contextmanager
def _stopping(state: State) -> Iterator[None]:
    """Ctrl-C ends the training after the step under way; a second one ends the process."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(*_: Any) -> None:
        state[STOP] = "interrupted"
        signal.signal(signal.SIGINT, before)

    before = signal.signal(signal.SIGINT, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
