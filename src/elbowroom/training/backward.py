"""Everybody's gradients, over the pieces of a batch and the processes that share it."""

from __future__ import annotations

from contextlib import nullcontext

from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from elbowroom import distributed
from elbowroom.models.base import GenerativeModel
from elbowroom.objectives import Player
from elbowroom.training.averages import RunningMean
from elbowroom.training.batch_shard import BatchShard
from elbowroom.training.divergence import check_finite
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
