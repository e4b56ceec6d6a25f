"""Registry of the callbacks that a run's record names: to the record, and from it."""

from __future__ import annotations

import importlib
import inspect
import json
from functools import cache
from typing import Any

from elbowroom import errors
from elbowroom.deprecation import upgrade_callback
from elbowroom.registry import expand_modules
from elbowroom.training.callback import Callback

#: The packages whose callbacks can be made again from a record.
CALLBACK_MODULES = ("elbowroom.training.callbacks.*", "elbowroom.workbench.monitoring.*")


@cache
def recordable_callbacks() -> dict[str, type[Callback]]:
    """Return the callbacks of the package by name: all subclasses of :class:`Callback` in its modules for them."""
    members = [one for name in expand_modules(CALLBACK_MODULES) for one in vars(importlib.import_module(name)).values()]
    callbacks = [one for one in members if isinstance(one, type) and issubclass(one, Callback) and one is not Callback]
    return {callback.__name__: callback for callback in callbacks}


def to_record(callback: Callback) -> dict[str, Any]:
    """Return a callback's name and arguments; the arguments are None where it cannot be made from them.

    It can if it is one of the package, and its arguments are attributes of the same names that JSON can hold.

    >>> from elbowroom import GradientClipping
    >>> to_record(GradientClipping(1.0))
    {'name': 'GradientClipping', 'arguments': {'norm': 1.0}}
    """
    name, attributes = type(callback).__name__, vars(callback)
    if recordable_callbacks().get(name) is type(callback):
        try:
            arguments = {key: attributes[key] for key in inspect.signature(type(callback)).parameters}
            json.dumps(arguments)
            return {"name": name, "arguments": arguments}
        except (KeyError, TypeError):
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
    known = recordable_callbacks()
    if unknown := [entry["name"] for entry in records if entry["name"] not in known]:
        raise errors.unknown_name("callback", unknown[0], known)
    return [known[entry["name"]](**entry["arguments"]) for entry in records]
