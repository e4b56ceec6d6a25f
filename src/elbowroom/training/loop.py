"""The loop."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from elbowroom import distributed, noise, serialization
from elbowroom.data import LoaderSplit, Split, freeze
from elbowroom.runs.run import Run
from elbowroom.training import checkpoint, cuda_graph
from elbowroom.training.averages import RunningMean
from elbowroom.training.backward import DivergedError, compute_gradients, wrap_data_parallel
from elbowroom.training.batch_shard import BatchShard, iter_shards
from elbowroom.training.callback import Callback, CallbackList
from elbowroom.training.interrupts import explain_io_errors, handle_signals, lock_run, sync_stop
from elbowroom.training.precision import use_matmul_mode
from elbowroom.training.state import (
    BATCH,
    DATA,
    DEVICE,
    EPOCH,
    EPOCH_RNG,
    METRICS,
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
ROW_INTERVAL_STEPS = 100
#: How often a diverged training may go back, and what it does to the learning rate each time.
MAX_ROLLBACKS, ROLLBACK_LR_FACTOR = 3, 0.5


def train(state: State, settings: dict[str, Any], callbacks: Sequence[Callback]) -> Run:
    """Run the loop, from the run's checkpoint if it has one, with random streams of its own."""
    run = state[RUN]
    hooks = CallbackList(callbacks)
    with (
        lock_run(run),
        torch.random.fork_rng(),
        handle_signals(state),
        use_matmul_mode(settings["products"], state[DEVICE]),
    ):
        # Weights come from the first process; draws are everybody's own.
        torch.manual_seed((settings["seed"] + 7_368_787 * distributed.rank()) % 2**63)
        state[EPOCH_RNG] = distributed.broadcast_object(checkpoint.rng_state())
        with explain_io_errors(run):
            _restore_or_begin(state, hooks)
            try:
                hooks("start", state)
                _loop_with_rollback(state, settings, hooks)
                hooks("end", state)
            finally:
                hooks("close", state)
        run.log({"event": "end", "reason": state[STOP] or "finished", "step": state[STEP], "epoch": state[EPOCH]})
    state[MODEL].eval()
    return run


def _restore_or_begin(state: State, hooks: CallbackList) -> None:
    """Where the last checkpoint was; a run that has none gets its first, and becomes a run."""
    run = state[RUN]
    if not distributed.broadcast_object(run.exists):
        checkpoint.save(state, hooks.callbacks)
        run.write_record()
        _save_checkpoint(state, hooks)
        return
    checkpoint.load(state, hooks.callbacks)
    if state[STEP] >= state[STEPS] and not distributed.is_restarted():
        raise ValueError(f"{run.path} is finished ({state[STEP]:,} steps): train a new run for more epochs")
    run.rewind(state[STEP])


def _loop_with_rollback(state: State, settings: dict[str, Any], hooks: CallbackList) -> None:
    """The loop; with ``on_nan="rollback"``, from the last checkpoint again at a smaller rate."""
    for again in range(MAX_ROLLBACKS + 1):
        try:
            return _loop(state, settings, hooks)
        except DivergedError as error:
            if settings["on_nan"] != "rollback" or again == MAX_ROLLBACKS:
                raise
            before = state[STEP]
            # Half of the rate in force: the checkpoint may be from before an earlier rollback, or from after it.
            groups = [group for optimizer in state[OPTIMIZERS].values() for group in optimizer.param_groups]
            slower = [float(group["lr"]) * ROLLBACK_LR_FACTOR for group in groups]
            checkpoint.load(state, hooks.callbacks)
            state[RUN].rewind(state[STEP])
            groups = [group for optimizer in state[OPTIMIZERS].values() for group in optimizer.param_groups]
            for group, rate in zip(groups, slower, strict=True):
                group["lr"] = torch.full_like(group["lr"], rate) if isinstance(group["lr"], Tensor) else rate
            why = {"event": "rollback", "step": state[STEP], "epoch": state[EPOCH], "from": before, "why": str(error)}
            state[RUN].log(why)


def _loop(state: State, settings: dict[str, Any], hooks: CallbackList) -> None:
    step = Step(state[MODEL], state[OBJECTIVE], state, hooks, settings["pass_state"]).train()
    number = torch.tensor(state[STEP], device=state[DEVICE])
    meter, clock = RunningMean(), _Clock(state[RUN].seconds)
    advance = _build_advance(step, state, settings["accumulate"], hooks, number, meter)
    train = state[DATA].train.to(state[DEVICE])
    per_epoch = train.steps(settings["batch_size"])

    while state[STEP] < state[STEPS] and not state[STOP]:
        for portion in _iter_epoch(state, train, settings, per_epoch):
            advance(portion)
            state[STEP] += 1
            over = state[STEP] == state[STEPS]
            if state[STEP] % ROW_INTERVAL_STEPS == 0 or state[STEP] % per_epoch == 0 or over:
                _write_row(state, hooks, "train", meter, clock)
            hooks("step", state)
            sync_stop(state)
            if over or state[STOP]:
                break
            if settings["checkpoint_every"] and state[STEP] % settings["checkpoint_every"] == 0:
                _save_checkpoint(state, hooks)
        if state[STOP]:
            _write_row(state, hooks, "train", meter, clock)
        else:
            _validate(step, state, settings, hooks, number, clock)
            hooks("epoch", state)
        _save_checkpoint(state, hooks)


def _build_advance(
    step: Step, state: State, accumulate: int, hooks: CallbackList, step_count: Tensor, running_mean: RunningMean
) -> Callable[[BatchShard], None]:
    """One step of everybody's on a portion, from a recording where that is possible."""
    optimizers = list(state[OPTIMIZERS].values())
    together = wrap_data_parallel(step)

    def advance(portion: BatchShard) -> None:
        state[BATCH] = portion.batch
        hooks("batch", state)
        compute_gradients(together, state, portion.with_batch(state[BATCH]), step_count, running_mean, accumulate)
        hooks("backward", state)
        for optimizer in optimizers:
            optimizer.step()
        step_count.add_(1)

    return (
        cuda_graph.CapturedStep(advance, optimizers)
        if cuda_graph.can_capture(state[DEVICE], hooks, accumulate, optimizers)
        else advance
    )


def _save_checkpoint(state: State, hooks: CallbackList) -> None:
    """The weights for use and a checkpoint, once everybody has had their turn at the step."""
    if distributed.is_main_process():
        serialization.save(state[RUN].weights, serialization.named_tensors(state[MODEL]))
    checkpoint.save(state, hooks.callbacks)
    hooks("checkpoint", state)


def _iter_epoch(state: State, train: Split, settings: dict[str, Any], per_epoch: int) -> Iterator[BatchShard]:
    """The batches of the epoch under way, from where the training stands in it."""
    state[EPOCH] = state[STEP] // per_epoch + 1
    done = state[STEP] % per_epoch
    # The order follows from seed and epoch alone; a loader's own follows from the streams as the epoch began, those of
    # the first process where there are several.
    order = train.random_order(torch.Generator().manual_seed(settings["seed"] * 1_000_003 + state[EPOCH]))
    if not done:
        state[EPOCH_RNG] = distributed.broadcast_object(checkpoint.rng_state())
    if order is not None or (not done and distributed.is_main_process()):
        yield from iter_shards(train, settings["batch_size"], order, skip=done)
        return
    here = checkpoint.rng_state()
    checkpoint.restore_rng(state[EPOCH_RNG])
    batches = iter_shards(train, settings["batch_size"], order, skip=done)
    first = next(batches)
    checkpoint.restore_rng(here)
    yield first
    yield from batches


def _validate(
    step: Step, state: State, settings: dict[str, Any], hooks: CallbackList, step_count: Tensor, clock: _Clock
) -> None:
    """Measure the watched splits, and write a row for each.

    Under the weights that a schedule ends with, so that the losses of all epochs, of which the best is kept, are of one
    objective.
    """
    state[METRICS] = {}
    last = torch.full_like(step_count, state[STEPS])
    for name in settings["watch"]:
        if (split := getattr(state[DATA], name)) is not None:
            meter = measure(step, split.to(state[DEVICE]), last, settings["batch_size"])
            state[METRICS][name] = _write_row(state, hooks, name, meter, clock)
    hooks("validation", state)


@torch.no_grad()
def measure(step: Step, split: Split, step_count: Tensor, batch_size: int, seed: int = 0) -> RunningMean:
    """The step's terms over a whole split: evaluation mode, every example once, the same noise every time."""
    meter = RunningMean()
    step.eval()
    order = None if distributed.world_size() == 1 or isinstance(split, LoaderSplit) else torch.arange(len(split))
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        for batch, mine, _ in iter_shards(freeze(split, seed), batch_size, order):
            with noise.keyed_noise(seed, batch.index):
                meter.add(step(batch, step_count).terms, mine)
    step.train()
    return meter


def _write_row(
    state: State, hooks: CallbackList, split: str, running_mean: RunningMean, clock: _Clock
) -> dict[str, float]:
    """One row for the means that the meter holds, which are returned; none where it holds nothing."""
    examples, terms = running_mean.means()
    if not examples:
        return {}
    seconds, lap = clock.read()
    wrong = [name for name, value in terms.items() if not math.isfinite(value)]
    if wrong:
        first = max(state[STEP] - ROW_INTERVAL_STEPS, 0) if split == "train" else state[STEP]
        raise DivergedError(
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
