"""The loop."""

from __future__ import annotations

import errno
import math
import signal
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import torch
from filelock import FileLock, Timeout
from torch import Tensor, nn

from elbowroom import devices, noise, weights
from elbowroom.data import Batch, Data, Split, load_data, still
from elbowroom.model import Generative
from elbowroom.objectives import Player, Term
from elbowroom.run import Run, next_path
from elbowroom.training import checkpoint, streams
from elbowroom.training.callbacks import Bar, Best, Pictures, described, made_again
from elbowroom.training.checks import check
from elbowroom.training.divergence import Diverged
from elbowroom.training.divergence import check as check_losses
from elbowroom.training.hooks import Callback, Hooks
from elbowroom.training.meter import Meter
from elbowroom.training.optimizers import optimizer as make_optimizer
from elbowroom.training.precision import choose, products
from elbowroom.training.state import (
    BATCH,
    DATA,
    DEVICE,
    EPOCH,
    EPOCH_STREAMS,
    EPOCHS,
    FIGURES,
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
#: How often a diverged training may go back, and what it does to the learning rate each time.
ROLLBACKS, SLOWER = 3, 0.5
#: What the system says when a disk is full, a quota used up, a directory read-only.
_NO_ROOM = (errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC), errno.EROFS, errno.EACCES, errno.EPERM)


def fit(
    model: Generative | nn.Module,
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
    """Train a model on an objective, and leave a run directory.

    The splits in ``watch`` are evaluated after every epoch with the same noise each time. Watching the test split is
    for reading the curve: nothing here chooses by it.

    Args:
        model: what draws; or any module of your own, with a :class:`Loss` for its output.
        objective: what scores the draw.
        data: a :class:`Data`, or anything :func:`load_data` takes.
        epochs: passes over the training split; 10 if neither this nor ``steps`` is given.
        steps: optimiser steps, instead of epochs.
        batch_size: examples per step; the last batch of an epoch may be smaller. A loader keeps its own.
        lr: learning rate; since losses are means over the batch it need not change with ``batch_size``.
        optimizer: a name, with arguments if wanted: ``"adam"``, ``"sgd(momentum=0.9)"``.
        seed: of the data's order and of every draw. (The weights were drawn when the model was made.)
        out: the run directory; ``runs/RECIPE-DATA-N`` if not given.
        device: cpu, cuda, mps; the fastest there is if not given.
        watch: splits to evaluate after every epoch.
        callbacks: called after the loop's own, in their order.
        pass_state: call a module of your own as ``model(x, state)``.
        accumulate: parts that a batch is put through in, one after the other, where it does not fit the memory.
        checkpoint_every: steps between checkpoints within an epoch; each epoch ends with one anyway.
        on_nan: what to do when the loss stops being a number: stop, or go back to the last checkpoint and on with
            half the rate, three times at most.
        precision: of matrix products: float32, or bf16, which is faster where the machine has units for it.

    Raises:
        ValueError: before anything is written, if model, data and settings do not fit together, ``out`` holds a run
            or another process trains into it; later, as :class:`Diverged`, if the loss stops being a number.

    >>> import tempfile, elbowroom as er
    >>> data = er.load_data("digits")
    >>> run = er.fit(*er.recipes.vae(data.shape, latent=2), data, steps=20, out=tempfile.mkdtemp() + "/run")
    >>> run.metrics("test")[-1]["elbo"] < 0
    True
    """
    data = load_data(data)
    check(model, data, epochs, steps, batch_size, watch, accumulate, checkpoint_every, on_nan)
    origin = getattr(model, "origin", None)
    training = {
        "epochs": epochs if epochs or steps else 10,
        "steps": steps,
        "batch_size": batch_size,
        "lr": lr,
        "optimizer": optimizer,
        "seed": seed,
        "device": str(devices.pick(device)),
        "watch": list(watch),
        "callbacks": [described(callback) for callback in callbacks],
        "pass_state": pass_state,
        "accumulate": accumulate,
        "checkpoint_every": checkpoint_every,
        "on_nan": on_nan,
        "precision": precision,
        "products": choose(precision, devices.pick(device)),
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


def resume(
    path: Run | str | Path,
    data: Data | Any = None,
    callbacks: Sequence[Callback] | None = None,
    model: nn.Module | None = None,
    objective: Term | None = None,
    device: str | None = None,
) -> Run:
    """Go on with a run from its last checkpoint, to the epochs or steps it was started with.

    On the same device the result is, bit for bit, that of a run that was never stopped.

    Args:
        path: the run directory.
        data: what it was trained on, if that was given as a Python object.
        callbacks: those of the run, if some of them were your own; elbowroom's are made again from the record.
        model: made as then, if no recipe made it.
        objective: likewise.
        device: where to go on, if not where it was.

    Raises:
        ValueError: there is no run, it is finished, another process trains into it, or no checkpoint is whole.
    """
    run = path if isinstance(path, Run) else Run(path)
    training = run.record["training"] | ({"device": device} if device else {})
    if model is None or objective is None:
        model, objective = run.build()
    state = _state(model, objective, run.data() if data is None else load_data(data), training)
    state[RUN] = run
    return _train(state, training, made_again(training["callbacks"]) if callbacks is None else callbacks)


def _state(model: nn.Module, objective: Term, data: Data, training: dict[str, Any]) -> State:
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


def _train(state: State, training: dict[str, Any], own: Sequence[Callback]) -> Run:
    """Run the loop, from the run's checkpoint if it has one, with random streams of its own."""
    run = state[RUN]
    hooks = Hooks([Best(), Pictures(), Bar(), *own])
    with _alone(run), torch.random.fork_rng(), _stopping(state), products(training["products"], state[DEVICE]):
        torch.manual_seed(training["seed"])
        state[EPOCH_STREAMS] = streams.now()
        with _room(run):
            _find_place(state, hooks)
            try:
                hooks("start", state)
                _loop_or_go_back(state, training, hooks)
                hooks("end", state)
            finally:
                hooks("close", state)
        run.log({"event": "end", "reason": state[STOP] or "finished", "step": state[STEP], "epoch": state[EPOCH]})
    state[MODEL].eval()
    return run


def _find_place(state: State, hooks: Hooks) -> None:
    """Where the last checkpoint was; a run that has none gets its first, and becomes a run."""
    run = state[RUN]
    if not run.exists:
        checkpoint.save(state, hooks.callbacks)
        run.begin()
        _save(state, hooks)
        return
    checkpoint.load(state, hooks.callbacks)
    if state[STEP] >= state[STEPS]:
        raise ValueError(f"{run.path} is finished ({state[STEP]:,} steps): train a new run for more epochs")
    run.rewind(state[STEP])


def _loop_or_go_back(state: State, training: dict[str, Any], hooks: Hooks) -> None:
    """The loop; with ``on_nan="rollback"``, from the last checkpoint again at a smaller rate."""
    for again in range(ROLLBACKS + 1):
        try:
            return _loop(state, training, hooks)
        except Diverged as error:
            if training["on_nan"] != "rollback" or again == ROLLBACKS:
                raise
            before = state[STEP]
            # Half of the rate in force: the checkpoint may be from before an earlier rollback, or from after it.
            groups = [group for optimizer in state[OPTIMIZERS].values() for group in optimizer.param_groups]
            slower = [group["lr"] * SLOWER for group in groups]
            checkpoint.load(state, hooks.callbacks)
            state[RUN].rewind(state[STEP])
            groups = [group for optimizer in state[OPTIMIZERS].values() for group in optimizer.param_groups]
            for group, rate in zip(groups, slower, strict=True):
                group["lr"] = rate
            why = {"event": "rollback", "step": state[STEP], "epoch": state[EPOCH], "from": before, "why": str(error)}
            state[RUN].log(why)


def _loop(state: State, training: dict[str, Any], hooks: Hooks) -> None:
    train, device, size = state[DATA].train.to(state[DEVICE]), state[DEVICE], training["batch_size"]
    step = Step(state[MODEL], state[OBJECTIVE], state, hooks, training["pass_state"]).train()
    number = torch.tensor(state[STEP], device=device)
    per_epoch = train.steps(size)
    clock, meter = _Clock(state[RUN].seconds), Meter()

    while state[STEP] < state[STEPS] and not state[STOP]:
        for batch in _epoch(state, train, training, per_epoch):
            state[BATCH] = batch
            hooks("batch", state)
            _gradients(step, state, number, meter, training["accumulate"])
            hooks("backward", state)
            for optimizer in state[OPTIMIZERS].values():
                optimizer.step()
            state[STEP] += 1
            number += 1
            over = state[STEP] == state[STEPS]
            if state[STEP] % ROW_EVERY == 0 or state[STEP] % per_epoch == 0 or over:
                _write(state, hooks, "train", meter, clock)
            hooks("step", state)
            if over or state[STOP]:
                break
            if training["checkpoint_every"] and state[STEP] % training["checkpoint_every"] == 0:
                _save(state, hooks)
        if state[STOP] and meter.examples:
            _write(state, hooks, "train", meter, clock)
        if not state[STOP]:
            _validate(step, state, training, hooks, number, clock)
            hooks("epoch", state)
        _save(state, hooks)


def _save(state: State, hooks: Hooks) -> None:
    """The weights for use and a checkpoint, once everybody has had their turn at the step."""
    weights.save(state[RUN].weights, weights.of(state[MODEL]))
    checkpoint.save(state, hooks.callbacks)
    hooks("checkpoint", state)


def _epoch(state: State, train: Split, training: dict[str, Any], per_epoch: int) -> Iterator[Batch]:
    """The batches of the epoch under way, from where the training stands in it."""
    state[EPOCH] = state[STEP] // per_epoch + 1
    done = state[STEP] % per_epoch
    # The order follows from seed and epoch alone; a loader's own follows from the streams as the epoch began.
    order = train.shuffled(torch.Generator().manual_seed(training["seed"] * 1_000_003 + state[EPOCH]))
    if not done:
        state[EPOCH_STREAMS] = streams.now()
        yield from train.batches(training["batch_size"], order)
        return
    here = streams.now()
    streams.back_to(state[EPOCH_STREAMS])
    batches = train.batches(training["batch_size"], order, skip=done)
    first = next(batches)
    streams.back_to(here)
    yield first
    yield from batches


def _gradients(step: Step, state: State, number: Tensor, meter: Meter, parts: int) -> None:
    """Gradients of each player's own parameters, all at the same point, of the mean over the batch."""
    for optimizer in state[OPTIMIZERS].values():
        optimizer.zero_grad()
    batch = state[BATCH]
    for part in _parts(batch, parts):
        losses = step(part, number)
        if state[DEVICE].type == "cpu":
            check_losses(losses, step, part, number)
        _backward(step.players, losses, len(part.x) / len(batch.x))
        meter.add(losses.terms, len(part.x))


def _backward(players: list[Player], losses: Losses, share: float) -> None:
    for i, player in enumerate(players, 1):
        loss = losses.players[player.name] if share == 1 else losses.players[player.name] * share
        loss.backward(inputs=player.parameters, retain_graph=i < len(players))


def _parts(batch: Batch, parts: int) -> Iterator[Batch]:
    if parts == 1:
        yield batch
        return
    for rows in torch.arange(len(batch.x)).tensor_split(min(parts, len(batch.x))):
        here = rows.to(batch.x.device)
        yield Batch(batch.x[here], None if batch.y is None else batch.y[here], batch.index[here])


def _validate(step: Step, state: State, training: dict[str, Any], hooks: Hooks, number: Tensor, clock: _Clock) -> None:
    """Measure the watched splits, and write a row for each."""
    state[FIGURES] = {}
    for name in training["watch"]:
        if (split := getattr(state[DATA], name)) is not None:
            meter = measure(step, split.to(state[DEVICE]), number, training["batch_size"])
            state[FIGURES][name] = _write(state, hooks, name, meter, clock)
    hooks("validation", state)


@torch.no_grad()
def measure(step: Step, split: Split, number: Tensor, batch_size: int, seed: int = 0) -> Meter:
    """The step's terms over a whole split: evaluation mode, every example once, the same noise every time."""
    meter = Meter()
    step.eval()
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        for batch in still(split, seed).batches(batch_size):
            with noise.keyed(seed, batch.index):
                meter.add(step(batch, number).terms, len(batch.x))
    step.train()
    return meter


def _write(state: State, hooks: Hooks, split: str, meter: Meter, clock: _Clock) -> dict[str, float]:
    """One row for the means that the meter holds, which are returned."""
    examples, terms = meter.examples, meter.means()
    seconds, lap = clock.read()
    wrong = [name for name, value in terms.items() if not math.isfinite(value)]
    if wrong:
        first = max(state[STEP] - ROW_EVERY, 0) if split == "train" else state[STEP]
        raise Diverged(
            f"{wrong[0]} became {terms[wrong[0]]} between steps {first} and {state[STEP]} ({split}): "
            "lower --lr, clip the gradients (--clip 1), or look for extreme values in the data"
        )
    row = {"step": state[STEP], "epoch": state[EPOCH], "split": split, **terms, "examples": examples}
    row |= {"seconds": round(seconds, 4), "examples_per_second": round(examples / lap, 1)}
    state[RUN].log(row)
    state[ROW] = row
    hooks("row", state)
    return terms


class _Clock:
    """Seconds of training, those before a resumption included, and since the last reading."""

    def __init__(self, before: float) -> None:
        self._last = time.perf_counter()
        self._start = self._last - before

    def read(self) -> tuple[float, float]:
        before, self._last = self._last, time.perf_counter()
        return self._last - self._start, max(self._last - before, 1e-9)


@contextmanager
def _alone(run: Run) -> Iterator[None]:
    """Nobody else trains into this directory meanwhile."""
    lock = FileLock(run.path / ".lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise ValueError(f"another process is training into {run.path}: wait for it, or stop it first") from None
    try:
        yield
    finally:
        lock.release()


@contextmanager
def _room(run: Run) -> Iterator[None]:
    """A full disk or a read-only directory in words."""
    try:
        yield
    except OSError as error:
        if error.errno not in _NO_ROOM:
            raise
        then = f"'elbowroom resume {run.path}' goes on from the last checkpoint" if run.exists else "start it again"
        raise ValueError(
            f"cannot write to {run.path} ({error.strerror}): free some space or mend its permissions, then {then}"
        ) from None


@contextmanager
def _stopping(state: State) -> Iterator[None]:
    """Ctrl-C, or a polite kill, ends the training after the step under way; a second one ends the process."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(number: int, _: Any) -> None:
        state[STOP] = "interrupted" if number == signal.SIGINT else "terminated"
        signal.signal(number, before[number])

    before: dict[int, Any] = {int(sign): signal.signal(sign, stop) for sign in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
