"""A step recorded once on the GPU, and from then on played back."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.optim import Optimizer

from elbowroom import distributed
from elbowroom.training.batch_shard import BatchShard
from elbowroom.training.callback import IN_STEP_HOOKS, CallbackList

#: Steps taken as usual before one is recorded, so that every library has made what it makes on first use.
EAGER_STEPS = 3


class StepGraph(Protocol):
    """What records work and plays it back."""

    def record(self, work: Callable[[], None]) -> None:
        """Note what ``work`` asks of the device, without doing it."""

    def replay(self) -> None:
        """Do it all, on the same memory."""


class CUDAStepGraph:
    """CUDA's own; random numbers go on where the device's stream stands, as they would have without it."""

    def __init__(self) -> None:
        self._graph = torch.cuda.CUDAGraph()

    def record(self, work: Callable[[], None]) -> None:
        with torch.cuda.graph(self._graph):
            work()

    def replay(self) -> None:
        self._graph.replay()


class CapturedStep:
    """The work of a step: as usual for the first few, then from a recording.

    The recording reads its batch from memory of its own, so each batch is copied there; a smaller one, as the last of
    an epoch may be, is worked on as usual. Recording does no work, so every batch is stepped on once. What an optimiser
    keeps as a number, unlike its rate, is fixed in the recording; a schedule that moves such a number, as one cycle
    moves Adam's averages, has its steps taken as usual.

    Args:
        work: does one step on a portion, reading nothing back from the device.
        optimizers: those of the step.
    """

    def __init__(self, work: Callable[[BatchShard], None], optimizers: list[Optimizer]) -> None:
        self._work, self._optimizers = work, optimizers
        self._settings: list[tuple[str, Any]] = []
        self._eager_steps, self._static_shard = 0, None
        self._graph: StepGraph

    _static_shard: BatchShard | None

    def __call__(self, shard: BatchShard) -> None:
        """Take one step."""
        if (fixed := _host_settings(self._optimizers)) != self._settings:
            self._settings, self._eager_steps, self._static_shard = fixed, 0, None
        if self._eager_steps < EAGER_STEPS or (
            self._static_shard is not None and not _have_same_shapes(self._static_shard, shard)
        ):
            self._eager_steps += 1
            _run_on_side_stream(self._work, shard)
            return
        if self._static_shard is None:
            self._static_shard = static = _clone_shard(shard)
            self._graph = CUDAStepGraph()
            self._graph.record(lambda: self._work(static))
        for mine, given in zip(_batch_tensors(self._static_shard), _batch_tensors(shard), strict=True):
            mine.copy_(given)
        self._graph.replay()


def can_capture(device: torch.device, hooks: CallbackList, accumulate: int, optimizers: list[Optimizer]) -> bool:
    """Whether a step can be recorded: nobody acts inside it, and no optimiser reads its state on the host."""
    free = not any(hooks.has_hook(name) for name in IN_STEP_HOOKS)
    alone = distributed.world_size() == 1 and accumulate == 1
    return device.type == "cuda" and free and alone and all(map(is_capturable, optimizers))


def is_capturable(optimizer: Optimizer) -> bool:
    """Whether an optimiser keeps its state on the device, learning rate and all."""
    groups = optimizer.param_groups
    return all(isinstance(g["lr"], Tensor) and (g.get("capturable") or g.get("fused")) for g in groups)


def _host_settings(optimizers: list[Optimizer]) -> list[tuple[str, Any]]:
    """The settings that a recording fixes: all numbers that do not lie on the device."""
    groups = [group for optimizer in optimizers for group in optimizer.param_groups]
    return [(key, v) for group in groups for key, v in group.items() if key != "params" and not isinstance(v, Tensor)]


def capturable_arguments(kind: type[Optimizer], device: torch.device, lr: float) -> dict[str, Any]:
    """The arguments that make an optimiser capturable, where it can be."""
    takes = inspect.signature(kind).parameters
    if device.type != "cuda" or not {"capturable", "fused"} & set(takes):
        return {}
    flag = {"capturable": True} if "capturable" in takes else {}
    return flag | {"lr": torch.tensor(lr, device=device)}


def _run_on_side_stream(work: Callable[[BatchShard], None], shard: BatchShard) -> None:
    """On a stream beside the main one where there are streams: what a recording needs is made there, not in it."""
    if shard.batch.x.device.type != "cuda":
        work(shard)
        return
    beside, main = torch.cuda.Stream(), torch.cuda.current_stream()
    beside.wait_stream(main)
    with torch.cuda.stream(beside):
        work(shard)
    main.wait_stream(beside)


def _batch_tensors(shard: BatchShard) -> list[Tensor]:
    return [tensor for tensor in shard.batch if tensor is not None]


def _clone_shard(shard: BatchShard) -> BatchShard:
    x, y, index = shard.batch
    return shard._replace(batch=type(shard.batch)(x.clone(), None if y is None else y.clone(), index.clone()))


def _have_same_shapes(a: BatchShard, b: BatchShard) -> bool:
    return [t.shape for t in _batch_tensors(a)] == [t.shape for t in _batch_tensors(b)]
