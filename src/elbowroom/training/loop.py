"""The loop."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from elbowroom import distributed, noise, serialization
from elbowroom.data import LoaderSplit, Split, frozen
from elbowroom.runs.run import Run
from elbowroom.training import checkpoint, cuda_graph, streams
from elbowroom.training.averages import Meter
from elbowroom.training.backward import gradients, parallel
from elbowroom.training.batch_shard import Portion, portions
from elbowroom.training.callback import Callback, Hooks
from elbowroom.training.divergence import Diverged
from elbowroom.training.interrupts import agree, alone, room, stopping
from elbowroom.training.precision import products
from elbowroom.training.state import (
    BATCH,
    DATA,
    DEVICE,
    EPOCH,
    EPOCH_STREAMS,
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
from elbowroom.training.step import Step

#: Steps between two rows of the training metrics; an epoch's end writes one too.
ROW_EVERY = 100
#: How often a diverged training may go back, and what it does to the learning rate each time.
ROLLBACKS, SLOWER = 3, 0.5


def train(state: State, training: dict[str, Any], callbacks: Sequence[Callback]) -> Run:
    """Run the loop, from the run's checkpoint if it has one, with random streams of its own."""
    run = state[RUN]
    hooks = Hooks(callbacks)
    with alone(run), torch.random.fork_rng(), stopping(state), products(training["products"], state[DEVICE]):
        # Weights come from the first process; draws are everybody's own.
        torch.manual_seed((training["seed"] + 7_368_787 * distributed.rank()) % 2**63)
        state[EPOCH_STREAMS] = distributed.told(streams.now())
        with room(run):
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
    if not distributed.told(run.exists):
        checkpoint.save(state, hooks.callbacks)
        run.write_record()
        _save(state, hooks)
        return
    checkpoint.load(state, hooks.callbacks)
    if state[STEP] >= state[STEPS] and not distributed.restarted():
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
            slower = [float(group["lr"]) * SLOWER for group in groups]
            checkpoint.load(state, hooks.callbacks)
            state[RUN].rewind(state[STEP])
            groups = [group for optimizer in state[OPTIMIZERS].values() for group in optimizer.param_groups]
            for group, rate in zip(groups, slower, strict=True):
                group["lr"] = torch.full_like(group["lr"], rate) if isinstance(group["lr"], Tensor) else rate
            why = {"event": "rollback", "step": state[STEP], "epoch": state[EPOCH], "from": before, "why": str(error)}
            state[RUN].log(why)


def _loop(state: State, training: dict[str, Any], hooks: Hooks) -> None:
    step = Step(state[MODEL], state[OBJECTIVE], state, hooks, training["pass_state"]).train()
    number = torch.tensor(state[STEP], device=state[DEVICE])
    meter, clock = Meter(), _Clock(state[RUN].seconds)
    advance = _advance(step, state, training["accumulate"], hooks, number, meter)
    train = state[DATA].train.to(state[DEVICE])
    per_epoch = train.steps(training["batch_size"])

    while state[STEP] < state[STEPS] and not state[STOP]:
        for portion in _epoch(state, train, training, per_epoch):
            advance(portion)
            state[STEP] += 1
            over = state[STEP] == state[STEPS]
            if state[STEP] % ROW_EVERY == 0 or state[STEP] % per_epoch == 0 or over:
                _write(state, hooks, "train", meter, clock)
            hooks("step", state)
            agree(state)
            if over or state[STOP]:
                break
            if training["checkpoint_every"] and state[STEP] % training["checkpoint_every"] == 0:
                _save(state, hooks)
        if state[STOP]:
            _write(state, hooks, "train", meter, clock)
        else:
            _validate(step, state, training, hooks, number, clock)
            hooks("epoch", state)
        _save(state, hooks)


def _advance(
    step: Step, state: State, parts: int, hooks: Hooks, number: Tensor, meter: Meter
) -> Callable[[Portion], None]:
    """One step of everybody's on a portion, from a recording where that is possible."""
    optimizers = list(state[OPTIMIZERS].values())
    together = parallel(step)

    def advance(portion: Portion) -> None:
        state[BATCH] = portion.batch
        hooks("batch", state)
        gradients(together, state, portion.of(state[BATCH]), number, meter, parts)
        hooks("backward", state)
        for optimizer in optimizers:
            optimizer.step()
        number.add_(1)

    return (
        cuda_graph.Captured(advance, optimizers)
        if cuda_graph.fits(state[DEVICE], hooks, parts, optimizers)
        else advance
    )


def _save(state: State, hooks: Hooks) -> None:
    """The weights for use and a checkpoint, once everybody has had their turn at the step."""
    if distributed.first():
        serialization.save(state[RUN].weights, serialization.of(state[MODEL]))
    checkpoint.save(state, hooks.callbacks)
    hooks("checkpoint", state)


def _epoch(state: State, train: Split, training: dict[str, Any], per_epoch: int) -> Iterator[Portion]:
    """The batches of the epoch under way, from where the training stands in it."""
    state[EPOCH] = state[STEP] // per_epoch + 1
    done = state[STEP] % per_epoch
    # The order follows from seed and epoch alone; a loader's own follows from the streams as the epoch began, those of
    # the first process where there are several.
    order = train.random_order(torch.Generator().manual_seed(training["seed"] * 1_000_003 + state[EPOCH]))
    if not done:
        state[EPOCH_STREAMS] = distributed.told(streams.now())
    if order is not None or (not done and distributed.first()):
        yield from portions(train, training["batch_size"], order, skip=done)
        return
    here = streams.now()
    streams.back_to(state[EPOCH_STREAMS])
    batches = portions(train, training["batch_size"], order, skip=done)
    first = next(batches)
    streams.back_to(here)
    yield first
    yield from batches


def _validate(step: Step, state: State, training: dict[str, Any], hooks: Hooks, number: Tensor, clock: _Clock) -> None:
    """Measure the watched splits, and write a row for each.

    Under the weights that a schedule ends with, so that the losses of all epochs, of which the best is kept, are of one
    objective.
    """
    state[FIGURES] = {}
    last = torch.full_like(number, state[STEPS])
    for name in training["watch"]:
        if (split := getattr(state[DATA], name)) is not None:
            meter = measure(step, split.to(state[DEVICE]), last, training["batch_size"])
            state[FIGURES][name] = _write(state, hooks, name, meter, clock)
    hooks("validation", state)


@torch.no_grad()
def measure(step: Step, split: Split, number: Tensor, batch_size: int, seed: int = 0) -> Meter:
    """The step's terms over a whole split: evaluation mode, every example once, the same noise every time."""
    meter = Meter()
    step.eval()
    order = None if distributed.count() == 1 or isinstance(split, LoaderSplit) else torch.arange(len(split))
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        for batch, mine, _ in portions(frozen(split, seed), batch_size, order):
            with noise.keyed(seed, batch.index):
                meter.add(step(batch, number).terms, mine)
    step.train()
    return meter


def _write(state: State, hooks: Hooks, split: str, meter: Meter, clock: _Clock) -> dict[str, float]:
    """One row for the means that the meter holds, which are returned; none where it holds nothing."""
    examples, terms = meter.means()
    if not examples:
        return {}
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
