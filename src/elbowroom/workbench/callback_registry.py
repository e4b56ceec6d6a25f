"""Callbacks as they stand in a run's record."""

from __future__ import annotations

import inspect
import json
from typing import Any

from elbowroom.training.callback import Callback
from elbowroom.training.callbacks.kl import FreeBits, Warmup
from elbowroom.training.callbacks.optimization import GradientClipping, LRSchedule, SkipStep
from elbowroom.training.callbacks.selection import EMA, EarlyStopping
from elbowroom.workbench.monitoring.doctor import Doctor

#: Those that can be made again from their arguments.
RECORDABLE_CALLBACKS: dict[str, type[Callback]] = {
    c.__name__: c for c in (EMA, GradientClipping, Doctor, EarlyStopping, FreeBits, LRSchedule, SkipStep, Warmup)
}


def to_record(callback: Callback) -> dict[str, Any]:
    """A callback's name, and its arguments where it can be made again from them.

    >>> to_record(GradientClipping(1.0))
    {'name': 'Clip', 'arguments': {'norm': 1.0}}
    """
    name = type(callback).__name__
    if RECORDABLE_CALLBACKS.get(name) is type(callback):
        arguments = {key: getattr(callback, key) for key in inspect.signature(type(callback)).parameters}
        try:
            json.dumps(arguments)
            return {"name": name, "arguments": arguments}
        except TypeError:
            pass
    return {"name": name, "arguments": None}


def from_record(records: list[dict[str, Any]]) -> list[Callback]:
    """The callbacks of a record.

    Raises:
        ValueError: one of them was a user's own.
    """
    own = [entry["name"] for entry in records if entry["arguments"] is None]
    if own:
        raise ValueError(f"the run had callbacks of its own ({', '.join(own)}): resume it in Python with callbacks=")
    return [RECORDABLE_CALLBACKS[entry["name"]](**entry["arguments"]) for entry in records]
