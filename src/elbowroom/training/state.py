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


class StateKey(Generic[T]):
    """The name of one thing in a :class:`State`, with its type; made by :func:`state_key`."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return f"<state key {self.name}>"


_KEY_NAMES: set[str] = set()


def state_key(name: str) -> StateKey[Any]:
    """A new key for something of your own.

    Raises:
        ValueError: the name is taken, so two callbacks would write over each other.

    >>> mu = state_key("doc-example-mu")
    >>> state = State()
    >>> state[mu] = 3
    >>> state[mu]
    3
    """
    if name in _KEY_NAMES:
        raise ValueError(f"the state key '{name}' exists already: choose another name, or import the key that has it")
    _KEY_NAMES.add(name)
    return StateKey(name)


class State:
    """What is known of a training while it runs, one value under each :class:`StateKey`."""

    def __init__(self) -> None:
        self._values: dict[StateKey[Any], Any] = {}

    def __getitem__(self, key: StateKey[T]) -> T:
        if key not in self._values:
            known = ", ".join(sorted(k.name for k in self._values))
            raise KeyError(f"nothing is in the state under '{key.name}' yet; there is: {known}")
        return self._values[key]

    def __setitem__(self, key: StateKey[T], value: T) -> None:
        self._values[key] = value

    def __contains__(self, key: StateKey[Any]) -> bool:
        return key in self._values

    def __iter__(self) -> Iterator[StateKey[Any]]:
        return iter(self._values)


#: What trains: a model of ours, or anybody's module.
MODEL: StateKey[Any] = state_key("model")
OBJECTIVE: StateKey[Term] = state_key("objective")
DATA: StateKey[Data] = state_key("data")
RUN: StateKey[Run] = state_key("run")
DEVICE: StateKey[torch.device] = state_key("device")
OPTIMIZERS: StateKey[dict[str, torch.optim.Optimizer]] = state_key("optimizers")
#: Optimiser steps taken, and to take.
STEP: StateKey[int] = state_key("step")
STEPS: StateKey[int] = state_key("steps")
#: The random streams as they were when the epoch under way began.
EPOCH_RNG: StateKey[dict[str, Tensor]] = state_key("epoch_streams")
#: The epoch under way, counted from 1, and how many there will be.
EPOCH: StateKey[int] = state_key("epoch")
EPOCHS: StateKey[int] = state_key("epochs")
BATCH: StateKey[Batch] = state_key("batch")
#: What the model made of the batch: a :class:`Draw`, or an :class:`Output` of a module of one's own.
DRAW: StateKey[Any] = state_key("draw")
#: The loss that the model descends, in nats per example.
LOSS: StateKey[Tensor] = state_key("loss")
#: The means over each watched split, by split and name.
METRICS: StateKey[dict[str, dict[str, float]]] = state_key("figures")
#: The newest row of metrics.jsonl.
ROW: StateKey[dict[str, Any]] = state_key("row")
#: Why to stop before the end; empty while there is no reason. A callback may write it.
STOP: StateKey[str] = state_key("stop")
