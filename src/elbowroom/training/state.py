"""What the loop knows, under typed keys: callbacks read it, and may write it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Generic, TypeVar

import torch
from torch import Tensor

from elbowroom.data import Batch, Data
from elbowroom.objectives import Term
from elbowroom.runs.run import Run

T = TypeVar("T")


class Key(Generic[T]):
    """The name of one thing in a :class:`State`, with its type; made by :func:`state_key`."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return f"<state key {self.name}>"


_TAKEN: set[str] = set()


def state_key(name: str) -> Key[Any]:
    """A new key for something of your own.

    Raises:
        ValueError: the name is taken, so two callbacks would write over each other.

    >>> mu = state_key("doc-example-mu")
    >>> state = State()
    >>> state[mu] = 3
    >>> state[mu]
    3
    """
    if name in _TAKEN:
        raise ValueError(f"the state key '{name}' exists already: choose another name, or import the key that has it")
    _TAKEN.add(name)
    return Key(name)


class State:
    """What is known of a training while it runs, one value under each :class:`Key`."""

    def __init__(self) -> None:
        self._values: dict[Key[Any], Any] = {}

    def __getitem__(self, key: Key[T]) -> T:
        if key not in self._values:
            known = ", ".join(sorted(k.name for k in self._values))
            raise KeyError(f"nothing is in the state under '{key.name}' yet; there is: {known}")
        return self._values[key]

    def __setitem__(self, key: Key[T], value: T) -> None:
        self._values[key] = value

    def __contains__(self, key: Key[Any]) -> bool:
        return key in self._values

    def __iter__(self) -> Iterator[Key[Any]]:
        return iter(self._values)


#: What trains: a model of ours, or anybody's module.
MODEL: Key[Any] = state_key("model")
OBJECTIVE: Key[Term] = state_key("objective")
DATA: Key[Data] = state_key("data")
RUN: Key[Run] = state_key("run")
DEVICE: Key[torch.device] = state_key("device")
OPTIMIZERS: Key[dict[str, torch.optim.Optimizer]] = state_key("optimizers")
#: Optimiser steps taken, and to take.
STEP: Key[int] = state_key("step")
STEPS: Key[int] = state_key("steps")
#: The random streams as they were when the epoch under way began.
EPOCH_STREAMS: Key[dict[str, Tensor]] = state_key("epoch_streams")
#: The epoch under way, counted from 1, and how many there will be.
EPOCH: Key[int] = state_key("epoch")
EPOCHS: Key[int] = state_key("epochs")
BATCH: Key[Batch] = state_key("batch")
#: What the model made of the batch: a :class:`Draw`, or an :class:`Output` of a module of one's own.
DRAW: Key[Any] = state_key("draw")
#: The loss that the model descends, in nats per example.
LOSS: Key[Tensor] = state_key("loss")
#: The means over each watched split, by split and name.
FIGURES: Key[dict[str, dict[str, float]]] = state_key("figures")
#: The newest row of metrics.jsonl.
ROW: Key[dict[str, Any]] = state_key("row")
#: Why to stop before the end; empty while there is no reason. A callback may write it.
STOP: Key[str] = state_key("stop")
