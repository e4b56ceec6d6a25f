"""The training loop: epochs, validation, checkpoints, and rollback after a non-finite loss."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor

from elbowroom import distributed, noise, serialization
from elbowroom.data import LoaderSplit, Split, freeze
from elbowroom.runs.run import Run
from elbowroom.training import checkpoint
from elbowroom.training.averages import RunningMean
from elbowroom.training.backward import DivergedError, EagerStep, compute_gradients
from elbowroom.training.batch_shard import BatchShard, iter_shards
from elbowroom.training.budget import BUDGET, Budget
from elbowroom.training.callback import MONITOR_HOOKS, Callback, CallbackList
from elbowroom.training.capture import cuda_graph
from elbowroom.training.capture.recorded_step import RecordedStep, can_record
from elbowroom.training.final_weights import save_weights, use_final_weights
from elbowroom.training.heap import keep_freed_memory
from elbowroom.training.interrupts import (
    SIGNAL_REASONS,
    PauseFile,
    explain_io_errors,
    handle_signals,
    lock_run,
    sync_stop,
)
from elbowroom.training.metrics_rows import Clock, row_interval, write_row
from elbowroom.training.precision import use_matmul_mode
from elbowroom.training.state import (
    BATCH,
    DATA,
    DEVICE,
    EPOCH,
    EPOCH_RNG,
    EPOCHS,
    METRICS,
    MODEL,
    OBJECTIVE,
    OPTIMIZERS,
    RUN,
    STEP,
    STEPS,
    STOP,
    State,
)
from elbowroom.training.step import Step
from elbowroom.training.validate import training_split

#: How often a diverged training may go back to its checkpoint.
MAX_ROLLBACKS = 3
#: Factor of the learning rate at each rollback.
ROLLBACK_LR_FACTOR = 0.5
#: Offset of the random seed from one process to the next.
RANK_SEED_STRIDE = 7_368_787
#: Offset of the seed of the data's order from one training seed to the next, above any number of epochs.
ORDER_SEED_STRIDE = 1_000_003


def train(state: State, settings: dict[str, Any], callbacks: Sequence[Callback]) -> Run:
    """Run the loop, from the run's checkpoint if it has one, in a forked random state."""
    run = state[RUN]
    hooks = CallbackList(callbacks)
    state[BUDGET] = Budget(settings["max_overhead"])
    with (
        lock_run(run),
        torch.random.fork_rng(),
        handle_signals(state),
        use_matmul_mode(settings["products"], state[DEVICE]),
        keep_freed_memory(),
    ):
        # Weights come from the main process; each process draws noise of its own.
        torch.manual_seed((settings["seed"] + RANK_SEED_STRIDE * distributed.rank()) % 2**63)
        state[EPOCH_RNG] = distributed.broadcast_object(checkpoint.rng_state())
        with explain_io_errors(run):
            _restore_or_begin(state, hooks)
            try:
                hooks("start", state)
                _loop_with_rollback(state, settings, hooks)
                final = use_final_weights(state, settings)
                if state[STOP] not in SIGNAL_REASONS:
                    run.record["weights"] = final
                hooks("end", state)
                serialization.flush(run.weights)
            finally:
                hooks("close", state)
        end = {"event": "end", "reason": state[STOP] or "finished", "step": state[STEP], "epoch": state[EPOCH]}
        if state[STOP] not in SIGNAL_REASONS:
            end["weights"] = final
            run.write_record()
        run.log(end)
    state[MODEL].eval()
    return run


def _restore_or_begin(state: State, hooks: CallbackList) -> None:
    """Restore the last checkpoint; or write the first one and the record, which makes the directory a run."""
    run = state[RUN]
    if not distributed.broadcast_object(run.exists):
        checkpoint.save(state, hooks.callbacks)
        run.write_record()
        save_weights(state)
        hooks("checkpoint", state)
        return
    checkpoint.load(state, hooks.callbacks)
    if state[STEP] >= state[STEPS] and not distributed.is_restarted():
        raise ValueError(
            f"{run.path} is finished ({state[STEP]:,} steps): 'elbowroom resume {run.path} --epochs "
            f"{2 * state[EPOCHS]}' goes on to twice as many"
        )
    run.rewind(state[STEP])


def _loop_with_rollback(state: State, settings: dict[str, Any], hooks: CallbackList) -> None:
    """Run the loop; with ``on_nan="rollback"``, again from the last checkpoint at a smaller rate after a divergence."""
    for n_rollbacks in range(MAX_ROLLBACKS + 1):
        try:
            return _loop(state, settings, hooks)
        except DivergedError as error:
            if settings["on_nan"] != "rollback" or n_rollbacks == MAX_ROLLBACKS:
                raise
            _roll_back(state, hooks, str(error))


def _roll_back(state: State, hooks: CallbackList, reason: str) -> None:
    """Restore the last checkpoint, lower the learning rates, and log an event."""
    diverged_at = state[STEP]
    # A share of the current rate: the checkpoint may be from before an earlier rollback, or from after it.
    rates = [float(group["lr"]) * ROLLBACK_LR_FACTOR for group in _param_groups(state)]
    checkpoint.load(state, hooks.callbacks)
    state[RUN].rewind(state[STEP])
    for group, rate in zip(_param_groups(state), rates, strict=True):
        group["lr"] = torch.full_like(group["lr"], rate) if isinstance(group["lr"], Tensor) else rate
    event = {"event": "rollback", "step": state[STEP], "epoch": state[EPOCH], "from": diverged_at, "why": reason}
    state[RUN].log(event)


def _param_groups(state: State) -> list[dict[str, Any]]:
    return [group for optimizer in state[OPTIMIZERS].values() for group in optimizer.param_groups]


def _loop(state: State, settings: dict[str, Any], hooks: CallbackList) -> None:
    step = Step(state[MODEL], state[OBJECTIVE], state, hooks, settings["pass_state"]).train()
    step_count = torch.tensor(state[STEP], device=state[DEVICE])
    running_mean, clock = RunningMean(), Clock(state[RUN].seconds)
    advance = _build_advance(step, state, settings["accumulate"], hooks, step_count, running_mean)
    train = training_split(state[MODEL], state[DATA]).to(state[DEVICE])
    per_epoch = train.steps(settings["batch_size"])
    pause_file = PauseFile(state[RUN])

    while state[STEP] < state[STEPS] and not state[STOP]:
        for shard in _iter_epoch(state, train, settings, per_epoch):
            advance(shard)
            state[STEP] += 1
            is_last = state[STEP] == state[STEPS]
            interval = row_interval(state[STEP], settings.get("log_every"))
            if state[STEP] % interval == 0 or state[STEP] % per_epoch == 0 or is_last:
                write_row(state, hooks, "train", running_mean, clock)
            hooks("step", state)
            pause_file.check(state)
            sync_stop(state)
            if is_last or state[STOP]:
                break
            if settings["checkpoint_every"] and state[STEP] % settings["checkpoint_every"] == 0:
                _save_checkpoint(state, hooks)
        if state[STOP] and state[STEP] % per_epoch and state[STEP] < state[STEPS]:
            write_row(state, hooks, "train", running_mean, clock)
        else:
            _end_epoch(step, state, settings, hooks, step_count, clock)
        if state[STOP] or state[STEP] == state[STEPS] or _is_checkpoint_due(state, settings):
            _save_checkpoint(state, hooks)


def _build_advance(
    step: Step, state: State, accumulate: int, hooks: CallbackList, step_count: Tensor, running_mean: RunningMean
) -> Callable[[BatchShard], None]:
    """Return the function that takes one step of all players on a shard: as a CUDA graph or recorded where possible."""
    optimizers, device = list(state[OPTIMIZERS].values()), state[DEVICE]
    eager = EagerStep(step, device)
    is_recorded = can_record(device, hooks, accumulate, state[STEPS] - state[STEP])
    compute = RecordedStep(eager) if is_recorded else eager

    def advance(shard: BatchShard) -> None:
        state[BATCH] = shard.batch
        hooks("batch", state)
        compute_gradients(compute, eager, shard.with_batch(state[BATCH]), step_count, running_mean, accumulate)
        hooks("backward", state)
        for player in step.players:
            if player.takes_step(state[STEP]):
                state[OPTIMIZERS][player.name].step()
        step_count.add_(1)

    # Players that take steps of their own choose anew at each.
    is_uniform = all(player.interval is None for player in step.players)
    is_captured = is_uniform and cuda_graph.can_capture(device, hooks, accumulate, optimizers)
    return cuda_graph.CapturedStep(advance, optimizers) if is_captured else advance


def _end_epoch(
    step: Step, state: State, settings: dict[str, Any], hooks: CallbackList, step_count: Tensor, clock: Clock
) -> None:
    """Validate where it is planned and at the last step, and call the monitors and the hooks on epochs.

    A signal does not change which epochs are validated, as a resumed training must choose the same best weights.
    """

    def is_last() -> bool:
        return state[STEP] == state[STEPS] or state[STOP] not in ("", *SIGNAL_REASONS)

    # Version 0.1 recorded no interval, and validated after every epoch.
    is_validated = state[EPOCH] % settings.get("validation_interval", 1) == 0 or is_last()
    if is_validated:
        _validate(step, state, settings, hooks, step_count, clock)
    hooks.monitor(state, MONITOR_HOOKS if is_validated else ("epoch",), is_last())
    hooks("epoch", state)
    sync_stop(state)
    if is_last():  # If a callback has stopped it just now, what was left out is still to come.
        if not is_validated:
            _validate(step, state, settings, hooks, step_count, clock)
        hooks.monitor(state, MONITOR_HOOKS, is_last=True)


def _is_checkpoint_due(state: State, settings: dict[str, Any]) -> bool:
    """Whether an epoch ends with a checkpoint: where the budget allows it, or a divergence will go back to it."""
    # A rollback changes the weights, so that the clock must not choose where it goes back to.
    return settings["on_nan"] == "rollback" or distributed.broadcast_object(state[BUDGET].allows("checkpoint"))


def _save_checkpoint(state: State, hooks: CallbackList) -> None:
    """Write the weights for use and a checkpoint, after all callbacks of the step."""
    with state[BUDGET].charge("checkpoint"):
        save_weights(state)
        checkpoint.save(state, hooks.callbacks)
        hooks("checkpoint", state)


def _iter_epoch(state: State, train: Split, settings: dict[str, Any], per_epoch: int) -> Iterator[BatchShard]:
    """Yield the batches of the current epoch that are still to come."""
    state[EPOCH] = state[STEP] // per_epoch + 1
    n_done = state[STEP] % per_epoch
    # The order follows from seed and epoch alone; that of a loader from the random state at the start of the epoch, of
    # the main process where there are several.
    order = train.random_order(torch.Generator().manual_seed(settings["seed"] * ORDER_SEED_STRIDE + state[EPOCH]))
    if not n_done:
        state[EPOCH_RNG] = distributed.broadcast_object(checkpoint.rng_state())
    if order is not None or (not n_done and distributed.is_main_process()):
        yield from iter_shards(train, settings["batch_size"], order, skip=n_done)
        return
    current_rng = checkpoint.rng_state()
    checkpoint.restore_rng(state[EPOCH_RNG])
    batches = iter_shards(train, settings["batch_size"], order, skip=n_done)
    first = next(batches)
    checkpoint.restore_rng(current_rng)
    yield first
    yield from batches


def _validate(
    step: Step, state: State, settings: dict[str, Any], hooks: CallbackList, step_count: Tensor, clock: Clock
) -> None:
    """Evaluate the watched splits, and write a row for each.

    Terms have the weight that their schedule ends with, so that the losses of all epochs, of which the best is kept,
    are of one objective.
    """
    after_batch = partial(hooks, "validation_batch", state)
    state[METRICS] = {}
    last_step = torch.full_like(step_count, state[STEPS])
    with state[BUDGET].charge("validation"):
        for name in settings["watch"]:
            if (split := getattr(state[DATA], name)) is not None:
                running_mean = measure(step, split.to(state[DEVICE]), last_step, settings["batch_size"], 0, after_batch)
                state[METRICS][name] = write_row(state, hooks, name, running_mean, clock)
        hooks("validation", state)


@torch.no_grad()
def measure(
    step: Step,
    split: Split,
    step_count: Tensor,
    batch_size: int,
    seed: int = 0,
    after_batch: Callable[[], None] = lambda: None,
) -> RunningMean:
    """Return the means of the step's terms over a split, in evaluation mode and with the same noise each time."""
    running_mean = RunningMean()
    step.eval()
    order = None if distributed.world_size() == 1 or isinstance(split, LoaderSplit) else torch.arange(len(split))
    with noise.seeded_rng(seed):
        for batch, n_local, _ in iter_shards(freeze(split, seed), batch_size, order):
            with noise.keyed_noise(seed, batch.index):
                running_mean.add(step(batch, step_count).terms, n_local)
            after_batch()
    step.train()
    return running_mean
