"""A step recorded once on the GPU, and from then on played back."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.optim import Optimizer

from elbowroom import distributed
from elbowroom.training.batch_shard import Portion
from elbowroom.training.callback import INSIDE, Hooks

#: Steps taken as usual before one is recorded, so that every library has made what it makes on first use.
USUAL = 3


class Graph(Protocol):
    """What records work and plays it back."""

    def record(self, work: Callable[[], None]) -> None:
        """Note what ``work`` asks of the device, without doing it."""

    def replay(self) -> None:
        """Do it all, on the same memory."""


class CUDAGraph:
    """CUDA's own; random numbers go on where the device's stream stands, as they would have without it."""

    def __init__(self) -> None:
        self._graph = torch.cuda.CUDAGraph()

    def record(self, work: Callable[[], None]) -> None:  # noqa: D102
        with torch.cuda.graph(self._graph):
            work()

    def replay(self) -> None:  # noqa: D102
        self._graph.replay()


class Captured:
    """The work of a step: as usual for the first few, then from a recording.

    The recording reads its batch from memory of its own, so each batch is copied there; a smaller one, as the last of
    an epoch may be, is worked on as usual. Recording does no work, so every batch is stepped on once. What an optimiser
    keeps as a number, unlike its rate, is fixed in the recording; a schedule that moves such a number, as one cycle
    moves Adam's averages, has its steps taken as usual.

    Args:
        work: does one step on a portion, reading nothing back from the device.
        optimizers: those of the step.
    """

    def __init__(self, work: Callable[[Portion], None], optimizers: list[Optimizer]) -> None:
        self._work, self._optimizers = work, optimizers
        self._fixed: list[tuple[str, Any]] = []
        self._taken, self._static = 0, None
        self._graph: Graph

    _static: Portion | None

    def __call__(self, portion: Portion) -> None:
        """Take one step."""
        if (fixed := _fixed(self._optimizers)) != self._fixed:
            self._fixed, self._taken, self._static = fixed, 0, None
        if self._taken < USUAL or (self._static is not None and not _alike(self._static, portion)):
            self._taken += 1
            _aside(self._work, portion)
            return
        if self._static is None:
            self._static = static = _copy(portion)
            self._graph = CUDAGraph()
            self._graph.record(lambda: self._work(static))
        for mine, given in zip(_tensors(self._static), _tensors(portion), strict=True):
            mine.copy_(given)
        self._graph.replay()


def fits(device: torch.device, hooks: Hooks, parts: int, optimizers: list[Optimizer]) -> bool:
    """Whether a step can be recorded: nobody acts inside it, and no optimiser reads its state on the host."""
    free = not any(hooks.wanted(name) for name in INSIDE)
    alone = distributed.count() == 1 and parts == 1
    return device.type == "cuda" and free and alone and all(map(capturable, optimizers))


def capturable(optimizer: Optimizer) -> bool:
    """Whether an optimiser keeps its state on the device, learning rate and all."""
    groups = optimizer.param_groups
    return all(isinstance(g["lr"], Tensor) and (g.get("capturable") or g.get("fused")) for g in groups)


def _fixed(optimizers: list[Optimizer]) -> list[tuple[str, Any]]:
    """The settings that a recording fixes: all numbers that do not lie on the device."""
    groups = [group for optimizer in optimizers for group in optimizer.param_groups]
    return [(key, v) for group in groups for key, v in group.items() if key != "params" and not isinstance(v, Tensor)]


def on_device(kind: type[Optimizer], device: torch.device, lr: float) -> dict[str, Any]:
    """The arguments that make an optimiser capturable, where it can be."""
    takes = inspect.signature(kind).parameters
    if device.type != "cuda" or not {"capturable", "fused"} & set(takes):
        return {}
    flag = {"capturable": True} if "capturable" in takes else {}
    return flag | {"lr": torch.tensor(lr, device=device)}


def _aside(work: Callable[[Portion], None], portion: Portion) -> None:
    """On a stream beside the main one where there are streams: what a recording needs is made there, not in it."""
    if portion.batch.x.device.type != "cuda":
        work(portion)
        return
    beside, main = torch.cuda.Stream(), torch.cuda.current_stream()
    beside.wait_stream(main)
    with torch.cuda.stream(beside):
        work(portion)
    main.wait_stream(beside)


def _tensors(portion: Portion) -> list[Tensor]:
    return [tensor for tensor in portion.batch if tensor is not None]


def _copy(portion: Portion) -> Portion:
    x, y, index = portion.batch
    return portion._replace(batch=type(portion.batch)(x.clone(), None if y is None else y.clone(), index.clone()))


def _alike(a: Portion, b: Portion) -> bool:
    return [t.shape for t in _tensors(a)] == [t.shape for t in _tensors(b)]
