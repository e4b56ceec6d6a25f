"""CUDA graphs: a training step captured once on the GPU, and replayed from then on."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.optim import Optimizer

from elbowroom import distributed
from elbowroom.training.batch_shard import BatchShard
from elbowroom.training.callback import CallbackList

#: Eager steps before one is captured, in which libraries initialise what they make on first use.
EAGER_STEPS = 3


class StepGraph(Protocol):
    """Captures work and replays it."""

    def capture(self, work: Callable[[], None]) -> None:
        """Capture what ``work`` launches on the device, without running it."""

    def replay(self) -> None:
        """Run all of it, on the same memory."""


class CUDAStepGraph:
    """A CUDA graph; random numbers continue from the device's generator, as in eager steps."""

    def __init__(self) -> None:
        self._graph = torch.cuda.CUDAGraph()

    def capture(self, work: Callable[[], None]) -> None:
        with torch.cuda.graph(self._graph):
            work()

    def replay(self) -> None:
        self._graph.replay()


class CapturedStep:
    """A training step: eager for the first few batches, then replayed from a CUDA graph.

    The graph reads its batch from memory of its own, so each batch is copied there; a smaller one, as the last of an
    epoch may be, takes an eager step. Capturing runs nothing, so every batch is stepped on once. What an optimiser
    keeps as a Python number, unlike its rate, is fixed in the graph; under a schedule that changes such a number, as
    one-cycle changes Adam's betas, steps stay eager.

    Args:
        work: does one step on a shard, reading nothing back from the device.
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
            self._graph.capture(lambda: self._work(static))
        for target, source in zip(_batch_tensors(self._static_shard), _batch_tensors(shard), strict=True):
            target.copy_(source)
        self._graph.replay()


def can_capture(device: torch.device, hooks: CallbackList, accumulate: int, optimizers: list[Optimizer]) -> bool:
    """Whether a step can be captured: no callback acts inside it, and no optimiser reads its state on the host."""
    is_single_batch = distributed.world_size() == 1 and accumulate == 1
    return (
        device.type == "cuda"
        and not hooks.act_within_steps()
        and is_single_batch
        and all(map(is_capturable, optimizers))
    )


def is_capturable(optimizer: Optimizer) -> bool:
    """Whether an optimiser keeps its whole state on the device, the learning rate included."""
    groups = optimizer.param_groups
    return all(isinstance(g["lr"], Tensor) and (g.get("capturable") or g.get("fused")) for g in groups)


def _host_settings(optimizers: list[Optimizer]) -> list[tuple[str, Any]]:
    """Return the settings that a graph fixes: all values that are not tensors on the device."""
    groups = [group for optimizer in optimizers for group in optimizer.param_groups]
    return [(key, v) for group in groups for key, v in group.items() if key != "params" and not isinstance(v, Tensor)]


def capturable_arguments(kind: type[Optimizer], device: torch.device, lr: float) -> dict[str, Any]:
    """Return the arguments that make an optimiser capturable; none where it cannot be."""
    parameters = inspect.signature(kind).parameters
    if device.type != "cuda" or not {"capturable", "fused"} & set(parameters):
        return {}
    flag = {"capturable": True} if "capturable" in parameters else {}
    return flag | {"lr": torch.tensor(lr, device=device)}


def _run_on_side_stream(work: Callable[[BatchShard], None], shard: BatchShard) -> None:
    """Run an eager step on a side stream, as CUDA wants it before a capture; without CUDA, directly."""
    if shard.batch.x.device.type != "cuda":
        work(shard)
        return
    side, main = torch.cuda.Stream(), torch.cuda.current_stream()  # type: ignore[no-untyped-call]
    side.wait_stream(main)
    with torch.cuda.stream(side):
        work(shard)
    main.wait_stream(side)


def _batch_tensors(shard: BatchShard) -> list[Tensor]:
    return [tensor for tensor in shard.batch if tensor is not None]


def _clone_shard(shard: BatchShard) -> BatchShard:
    x, y, index = shard.batch
    return shard._replace(batch=type(shard.batch)(x.clone(), None if y is None else y.clone(), index.clone()))


def _have_same_shapes(a: BatchShard, b: BatchShard) -> bool:
    return [t.shape for t in _batch_tensors(a)] == [t.shape for t in _batch_tensors(b)]
