"""The state of a training under typed keys: callbacks read it, and may write it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

import torch
from torch import Tensor

from elbowroom.data import Batch, Data
from elbowroom.deprecation import deprecated_getattr
from elbowroom.objectives import Term
from elbowroom.runs.run import Run

T = TypeVar("T")


class StateKey(Generic[T]):
    """A typed key of a :class:`State`; made by :func:`state_key`."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return f"<state key {self.name}>"


_KEY_NAMES: set[str] = set()


def state_key(name: str) -> StateKey[Any]:
    """Return a new key for a value of your own.

    Raises:
        ValueError: the name is taken, so that two callbacks would overwrite each other.

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
    """The state of a training while it runs: one value under each :class:`StateKey`."""

    def __init__(self) -> None:
        self._values: dict[StateKey[Any], Any] = {}

    def __getitem__(self, key: StateKey[T]) -> T:
        if key not in self._values:
            known = ", ".join(sorted(k.name for k in self._values))
            raise KeyError(f"nothing is in the state under '{key.name}' yet; there is: {known}")
        return cast(T, self._values[key])

    def __setitem__(self, key: StateKey[T], value: T) -> None:
        self._values[key] = value

    def discard(self, key: StateKey[Any]) -> None:
        """Remove the value under a key, if there is one."""
        self._values.pop(key, None)

    def __contains__(self, key: StateKey[Any]) -> bool:
        return key in self._values

    def __iter__(self) -> Iterator[StateKey[Any]]:
        return iter(self._values)


#: The model that trains: a :class:`GenerativeModel`, or any module.
MODEL: StateKey[Any] = state_key("model")
OBJECTIVE: StateKey[Term] = state_key("objective")
DATA: StateKey[Data] = state_key("data")
RUN: StateKey[Run] = state_key("run")
DEVICE: StateKey[torch.device] = state_key("device")
OPTIMIZERS: StateKey[dict[str, torch.optim.Optimizer]] = state_key("optimizers")
#: Optimiser steps taken.
STEP: StateKey[int] = state_key("step")
#: Optimiser steps of the whole run.
STEPS: StateKey[int] = state_key("steps")
#: The step at which a learning rate schedule begins: 0, or where the run was made longer.
SCHEDULE_START: StateKey[int] = state_key("schedule_start")
#: The state of the random generators at the start of the current epoch, by device.
EPOCH_RNG: StateKey[dict[str, Tensor]] = state_key("epoch_rng")
#: The current epoch, counted from 1.
EPOCH: StateKey[int] = state_key("epoch")
#: Epochs of the whole run.
EPOCHS: StateKey[int] = state_key("epochs")
BATCH: StateKey[Batch] = state_key("batch")
#: The model's output for the batch: a :class:`Draw`, or an :class:`Output` of a module of your own.
DRAW: StateKey[Any] = state_key("draw")
#: The loss that the model minimises, in nats per example; of several players of the model the sum, after a step.
LOSS: StateKey[Tensor] = state_key("loss")
#: Means over each watched split, by split and name.
METRICS: StateKey[dict[str, dict[str, float]]] = state_key("metrics")
#: The moving average of the weights by name, where one is kept: it is what is saved for use.
AVERAGE: StateKey[dict[str, Tensor]] = state_key("average")
#: The newest row of metrics.jsonl.
ROW: StateKey[dict[str, Any]] = state_key("row")
#: The number of the signal that stops the training, if one does.
SIGNAL: StateKey[int] = state_key("signal")
#: The reason to stop before the end; empty while there is none. A callback may write it.
STOP: StateKey[str] = state_key("stop")

if not TYPE_CHECKING:
    __getattr__ = deprecated_getattr(__name__)
