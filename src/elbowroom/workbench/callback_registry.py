"""Callbacks as they stand in a run's record."""

from __future__ import annotations

import inspect
import json
from typing import Any

from elbowroom.training.callback import Callback
from elbowroom.training.callbacks.gradients import Clip, Skip
from elbowroom.training.callbacks.kl import FreeBits, Warmup
from elbowroom.training.callbacks.optimization import Rate
from elbowroom.training.callbacks.selection import EarlyStopping
from elbowroom.training.callbacks.weights import Average
from elbowroom.workbench.monitoring.doctor import Doctor

#: Those that can be made again from their arguments.
SHIPPED: dict[str, type[Callback]] = {
    c.__name__: c for c in (Average, Clip, Doctor, EarlyStopping, FreeBits, Rate, Skip, Warmup)
}


def described(callback: Callback) -> dict[str, Any]:
    """A callback's name, and its arguments where it can be made again from them.

    >>> described(Clip(1.0))
    {'name': 'Clip', 'arguments': {'norm': 1.0}}
    """
    name = type(callback).__name__
    if SHIPPED.get(name) is type(callback):
        arguments = {key: getattr(callback, key) for key in inspect.signature(type(callback)).parameters}
        try:
            json.dumps(arguments)
            return {"name": name, "arguments": arguments}
        except TypeError:
            pass
    return {"name": name, "arguments": None}


def made_again(described: list[dict[str, Any]]) -> list[Callback]:
    """The callbacks of a record.

    Raises:
        ValueError: one of them was a user's own.
    """
    own = [entry["name"] for entry in described if entry["arguments"] is None]
    if own:
        raise ValueError(f"the run had callbacks of its own ({', '.join(own)}): resume it in Python with callbacks=")
    return [SHIPPED[entry["name"]](**entry["arguments"]) for entry in described]
