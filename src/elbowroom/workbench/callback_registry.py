"""Registry of the callbacks that a run's record names: to the record, and from it."""

from __future__ import annotations

import inspect
import json
from typing import Any

from elbowroom.deprecation import upgrade_callback
from elbowroom.training.callback import Callback
from elbowroom.training.callbacks.kl import FreeBits, Warmup
from elbowroom.training.callbacks.optimization import GradientClipping, LRSchedule, SkipStep
from elbowroom.training.callbacks.selection import EMA, EarlyStopping
from elbowroom.workbench.monitoring.doctor import Doctor

#: Callbacks that :func:`from_record` can make from their arguments, by name.
RECORDABLE_CALLBACKS: dict[str, type[Callback]] = {
    c.__name__: c for c in (EMA, GradientClipping, Doctor, EarlyStopping, FreeBits, LRSchedule, SkipStep, Warmup)
}


def to_record(callback: Callback) -> dict[str, Any]:
    """Return a callback's name and arguments; the arguments are None where it cannot be made from them.

    >>> to_record(GradientClipping(1.0))
    {'name': 'GradientClipping', 'arguments': {'norm': 1.0}}
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
    """Make the callbacks of a record; names and arguments of version 0.1 are accepted.

    Raises:
        ValueError: one of them is not of the package, or its arguments were not recorded.

    >>> [callback] = from_record([{"name": "Rate", "arguments": {"shape": "cosine"}}])
    >>> to_record(callback)
    {'name': 'LRSchedule', 'arguments': {'schedule': 'cosine'}}
    """
    records = [upgrade_callback(entry) for entry in records]
    own = [entry["name"] for entry in records if entry["arguments"] is None]
    if own:
        raise ValueError(f"the run had callbacks of its own ({', '.join(own)}): resume it in Python with callbacks=")
    return [RECORDABLE_CALLBACKS[entry["name"]](**entry["arguments"]) for entry in records]
