"""Gradients of every player by autograd, in one process or several; the check for non-finite losses."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from elbowroom import distributed
from elbowroom.data import Batch
from elbowroom.models.base import GenerativeModel
from elbowroom.training.averages import RunningMean
from elbowroom.training.batch_shard import BatchShard
from elbowroom.training.step import Losses, Step


def compute_gradients(
    compute: Callable[[Batch, Tensor, float], Losses],
    eager: EagerStep,
    shard: BatchShard,
    step_count: Tensor,
    running_mean: RunningMean,
    accumulate: int,
) -> None:
    """Compute the gradient of each player's loss, a mean over the batch, for its own parameters at the same point.

    Args:
        compute: the losses and gradients of a micro-batch, given its share of the batch.
        eager: the step that ``compute`` runs, or is.
        shard: this process's part of the batch.
        step_count: steps taken before.
        running_mean: to which the terms are added.
        accumulate: micro-batches that the shard is computed in.
    """
    for player in eager.step.players:
        for parameter in player.parameters:
            parameter.grad = None
    micro_batches = list(shard.micro_batches(accumulate))
    for i, (batch, share, examples) in enumerate(micro_batches, 1):
        with nullcontext() if i == len(micro_batches) else eager.without_sync():
            losses = compute(batch, step_count, share)
        running_mean.add(losses.terms, examples)


class EagerStep:
    """Losses and gradients of a step by autograd, in one process or several.

    Args:
        step: whose forward pass it runs.
        device: where its parameters are.
    """

    def __init__(self, step: Step, device: torch.device) -> None:
        self.step, self._forward = step, _wrap_data_parallel(step)
        # Reading a loss would make a GPU wait, and an error in one process alone would leave the others hanging.
        self._is_checked = device.type == "cpu" and distributed.world_size() == 1

    def __call__(self, batch: Batch, step_count: Tensor, share: float = 1.0) -> Losses:
        """Return the losses, and add the gradient of each player's loss, times ``share``, to its own parameters.

        Raises:
            DivergedError: a loss is not finite; on a GPU or in several processes the next metrics row says so.
        """
        losses: Losses = self._forward(batch, step_count)
        if self._is_checked:
            check_finite(losses, self.step, batch, step_count)
        for i, player in enumerate(self.step.players, 1):
            loss = losses.players[player.name]
            is_last = i == len(self.step.players)
            scaled = loss if share == 1 else loss * share
            torch.autograd.backward(scaled, inputs=player.parameters, retain_graph=not is_last)
        return losses

    def without_sync(self) -> AbstractContextManager[Any]:
        """Return a context in which gradients stay in their process."""
        is_parallel = isinstance(self._forward, DistributedDataParallel)
        return self._forward.no_sync() if is_parallel else nullcontext()  # type: ignore[operator]


def _wrap_data_parallel(step: Step) -> nn.Module:
    """Wrap the step in :class:`DistributedDataParallel` where several processes train together."""
    if distributed.world_size() == 1:
        return step
    # A user's module may have parameters that its output does not depend on; those of the package are tested not to.
    return DistributedDataParallel(step, find_unused_parameters=not isinstance(step.model, GenerativeModel))


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
    # Sums come last: they are not finite because one of their terms is not. A player's loss comes after its terms.
    names = sorted(values, key=lambda name: name in ("loss", "elbo", "model"))
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
