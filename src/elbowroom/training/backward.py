"""Gradients of every player, over micro-batches and data-parallel processes; the check for non-finite losses."""

from __future__ import annotations

import math
from contextlib import nullcontext
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from elbowroom import distributed
from elbowroom.data import Batch
from elbowroom.models.base import GenerativeModel
from elbowroom.objectives import Player
from elbowroom.training.averages import RunningMean
from elbowroom.training.batch_shard import BatchShard
from elbowroom.training.state import DEVICE, OPTIMIZERS, State
from elbowroom.training.step import Losses, Step


def wrap_data_parallel(step: Step) -> nn.Module:
    """Wrap the step in :class:`DistributedDataParallel` where several processes train together."""
    if distributed.world_size() == 1:
        return step
    # A user's module may have parameters that its output does not depend on; those of the package are tested not to.
    return DistributedDataParallel(step, find_unused_parameters=not isinstance(step.model, GenerativeModel))


def compute_gradients(
    step: nn.Module, state: State, shard: BatchShard, step_count: Tensor, running_mean: RunningMean, accumulate: int
) -> None:
    """Compute the gradient of each player's loss, a mean over the batch, for its own parameters at the same point.

    Raises:
        DivergedError: a loss is not finite; on a CPU at once, on a GPU or in several processes at the next metrics row.
    """
    for optimizer in state[OPTIMIZERS].values():
        optimizer.zero_grad()
    parallel = step if isinstance(step, DistributedDataParallel) else None
    inner: Step = step.module if parallel else step  # type: ignore[assignment]
    micro_batches = list(shard.micro_batches(accumulate))
    for i, (batch, share, examples) in enumerate(micro_batches, 1):
        with parallel.no_sync() if parallel and i < len(micro_batches) else nullcontext():
            losses = step(batch, step_count)
            # Reading the loss would make a GPU wait, and an error in one process alone would leave the others hanging.
            if state[DEVICE].type == "cpu" and parallel is None:
                check_finite(losses, inner, batch, step_count)
            _backward(inner.players, losses, share)
        running_mean.add(losses.terms, examples)


def _backward(players: list[Player], losses: Losses, share: float) -> None:
    for i, player in enumerate(players, 1):
        loss = losses.players[player.name] if share == 1 else losses.players[player.name] * share
        torch.autograd.backward(loss, inputs=player.parameters, retain_graph=i < len(players))


class DivergedError(ValueError):
    """The loss became NaN or infinite; the message names the term, the step and the layer."""


def check_finite(losses: Losses, step: Step, batch: Batch, step_count: Tensor) -> None:
    """Check that all losses are finite.

    Raises:
        DivergedError: one is not; names the term, the step and the layer where the first such value arises.
    """
    if all(math.isfinite(loss.item()) for loss in losses.players.values()):
        return
    values = {name: value.item() for name, value in {**losses.terms, **losses.players}.items()}
    # Sums come last: they are not finite because one of their terms is not.
    names = sorted(values, key=lambda name: name in ("loss", "elbo", *losses.players))
    term = next(name for name in names if not math.isfinite(values[name]))
    raise DivergedError(
        f"{term} became {values[term]} at step {int(step_count) + 1}, {locate_non_finite(step, batch, step_count)}: "
        "lower --lr, clip the gradients (--clip 1), or look for extreme values in the data"
    )


def locate_non_finite(step: Step, batch: Batch, step_count: Tensor) -> str:
    """Say where the first non-finite value comes from: a parameter, a layer's output, or a density."""
    for name, parameter in step.named_parameters():
        if not parameter.isfinite().all():
            return f"where the parameter {name} holds it already"
    non_finite: list[str] = []

    def make_hook(name: str) -> Any:
        def check_output(module: nn.Module, inputs: Any, output: Any) -> None:
            if isinstance(output, Tensor) and not output.isfinite().all():
                non_finite.append(name)

        return check_output

    handles = [module.register_forward_hook(make_hook(name)) for name, module in step.named_modules() if name]
    try:
        with torch.no_grad():
            step(batch, step_count)
    finally:
        for handle in handles:
            handle.remove()
    return (
        f"first in the output of {non_finite[0]}"
        if non_finite
        else "in a density or a divergence, not in a layer's output"
    )
