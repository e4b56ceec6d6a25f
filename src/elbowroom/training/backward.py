"""Everybody's gradients, over the pieces of a batch and the processes that share it."""

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
    """The step, its gradients averaged over the processes where several train together."""
    if distributed.world_size() == 1:
        return step
    # Somebody's own module may hold parameters that its output does not depend on; ours are tested not to.
    return DistributedDataParallel(step, find_unused_parameters=not isinstance(step.model, GenerativeModel))


def compute_gradients(
    step: nn.Module, state: State, shard: BatchShard, step_count: Tensor, running_mean: RunningMean, accumulate: int
) -> None:
    """Gradients of each player's own parameters, all at the same point, of the mean over the batch.

    Raises:
        Diverged: a loss is no number; at once on a CPU, elsewhere and together with others at the next row.
    """
    for optimizer in state[OPTIMIZERS].values():
        optimizer.zero_grad()
    together = step if isinstance(step, DistributedDataParallel) else None
    own: Step = step.module if together else step  # type: ignore[assignment]
    pieces = list(shard.micro_batches(accumulate))
    for i, (batch, share, examples) in enumerate(pieces, 1):
        with together.no_sync() if together and i < len(pieces) else nullcontext():
            losses = step(batch, step_count)
            # A look at the loss makes a GPU wait, and processes must not part ways.
            if state[DEVICE].type == "cpu" and together is None:
                check_finite(losses, own, batch, step_count)
            _backward(own.players, losses, share)
        running_mean.add(losses.terms, examples)


def _backward(players: list[Player], losses: Losses, share: float) -> None:
    for i, player in enumerate(players, 1):
        loss = losses.players[player.name] if share == 1 else losses.players[player.name] * share
        loss.backward(inputs=player.parameters, retain_graph=i < len(players))


class DivergedError(ValueError):
    """The loss became NaN or infinite; the message names the term, the step and the layer."""


def check_finite(losses: Losses, step: Step, batch: Batch, step_count: Tensor) -> None:
    """Refuse losses that are no numbers.

    Raises:
        Diverged: naming the term, the step and the layer where the first such value arises.
    """
    if all(math.isfinite(loss.item()) for loss in losses.players.values()):
        return
    values = {name: value.item() for name, value in {**losses.terms, **losses.players}.items()}
    # The sums come last: they are wrong because one of the others is.
    names = sorted(values, key=lambda name: name in ("loss", "elbo", *losses.players))
    term = next(name for name in names if not math.isfinite(values[name]))
    raise DivergedError(
        f"{term} became {values[term]} at step {int(step_count) + 1}, {locate_non_finite(step, batch, step_count)}: "
        "lower --lr, clip the gradients (--clip 1), or look for extreme values in the data"
    )


def locate_non_finite(step: Step, batch: Batch, step_count: Tensor) -> str:
    """Where the first value that is no number comes from: a parameter, a layer's output, or a density."""
    for name, parameter in step.named_parameters():
        if not parameter.isfinite().all():
            return f"where the parameter {name} holds it already"
    seen: list[str] = []

    def watch(name: str) -> Any:
        def look(module: nn.Module, inputs: Any, output: Any) -> None:
            if isinstance(output, Tensor) and not output.isfinite().all():
                seen.append(name)

        return look

    handles = [module.register_forward_hook(watch(name)) for name, module in step.named_modules() if name]
    try:
        with torch.no_grad():
            step(batch, step_count)
    finally:
        for handle in handles:
            handle.remove()
    return f"first in the output of {seen[0]}" if seen else "in a density or a divergence, not in a layer's output"
