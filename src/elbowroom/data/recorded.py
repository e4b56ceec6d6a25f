"""Load other examples by the record of data that was loaded before: coded alike, with the splits they are used with."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from elbowroom.data.catalog.registry import CATALOG
from elbowroom.data.coding import (
    align_classes,
    check_coded_alike,
    coding_arguments,
    has_source_gone,
    is_recorded_source,
    recorded_arguments,
)
from elbowroom.data.load import ALL_SPLITS, Data, divide, load_data, read_source
from elbowroom.data.options import DataConfig
from elbowroom.deprecation import DATA_ARGUMENTS, renamed_arguments


@renamed_arguments(DATA_ARGUMENTS)
def load_like(source: Any, protocol: Mapping[str, Any], **overrides: Any) -> Data:
    """Load another source as one split, its examples made as those of data that was loaded before.

    ``protocol`` is the record of that data, ``Data.protocol`` or the field ``data`` of a run's. Columns of a table are
    encoded alike and classes numbered alike; images in files are cropped and resized, and values binarized or
    dequantized, as then. ``overrides`` are further arguments of :func:`load_data`.

    Raises:
        ValueError: as for :func:`load_data`; a column that is not there, a category that is unknown.

    >>> import numpy as np
    >>> grey = load_data("digits", binarize="threshold")
    >>> load_like(np.full((5, 8, 8), 200, dtype=np.uint8), grey.protocol).binary
    True
    """
    arguments = coding_arguments(source, protocol)
    data = load_data(source, **{"validation": 0, "test": 0, **arguments, **overrides})
    warn_of_dropped_splits(data, {"validation", "test"} - overrides.keys())
    return align_classes(data, protocol)


def warn_of_dropped_splits(data: Data, names: Collection[str]) -> None:
    """Warn of splits of a source that are left out where nobody asked for it."""
    dropped = [name for name in data.protocol.get("dropped", {}) if name in names]
    if dropped:
        warnings.warn(
            f"{data.name} has splits of its own, of which train is read and {' and '.join(dropped)} left out: give "
            "another split by itself, such as the folder or file that holds it",
            stacklevel=4,
        )


def load_undivided(source: Any, protocol: Mapping[str, Any], **overrides: Any) -> Data:
    """Load another source to measure it, its examples made as those of recorded data: nothing is set aside.

    It has the splits that it comes with, as a named set has its own; where there are none, all examples are train, in
    the order of the source. ``overrides`` are further arguments of :func:`load_data`. A :class:`Data` is checked to be
    coded alike.

    Raises:
        ValueError: as for :func:`load_like`; data that is coded otherwise.

    >>> import numpy as np
    >>> grey = load_data("digits")
    >>> load_undivided(np.zeros((50, 8, 8), dtype=np.uint8), grey.protocol).protocol["sizes"]
    {'train': 50}
    """
    if isinstance(source, Data):
        return _check_coded_alike(source, protocol)
    config = DataConfig(**coding_arguments(source, protocol) | overrides)
    raw = read_source(source, config)
    is_named = isinstance(source, str) and source in CATALOG
    return align_classes(divide(raw if is_named else replace(raw, defaults=(0, 0)), config), protocol)


def load_coded(source: Any, protocol: Mapping[str, Any] | None) -> Data:
    """Load examples to train a model that was trained on recorded data, coded as that was, divided as for any training.

    The source that was recorded has the splits of the record. A :class:`Data` is checked to be coded alike. Without a
    record it is :func:`load_data`.

    Raises:
        ValueError: as for :func:`load_like`; data that is coded otherwise.
    """
    return _load_by_record(source, protocol, partial(load_like, validation=None, test=None))


def load_measured(source: Any, protocol: Mapping[str, Any] | None, **overrides: Any) -> Data:
    """Load examples to measure a model that was trained on recorded data, coded as that was.

    The source that was recorded has the splits of the record, so that what was trained on is known; another one is not
    divided (:func:`load_undivided`), and takes ``overrides``. Without a record it is :func:`load_data`.

    Raises:
        ValueError: as for :func:`load_like`; data that is coded otherwise.
    """
    return _load_by_record(source, protocol, partial(load_undivided, **overrides))


def _load_by_record(
    source: Any, protocol: Mapping[str, Any] | None, load_other: Callable[[Any, Mapping[str, Any]], Data]
) -> Data:
    """Load a source by the record of a model's data; another source than the recorded one as ``load_other`` does."""
    if protocol is None:
        return load_data(source)
    if isinstance(source, Data):
        return _check_coded_alike(source, protocol)
    return _load_recorded(source, protocol) or load_other(source, protocol)


def default_split(data: Data, protocol: Mapping[str, Any] | None) -> str:
    """Return the split that is measured where none is named: test.

    Of other data than was recorded, which may have none, it is validation then, and without any split all of it.

    >>> import numpy as np
    >>> grey = load_data("digits")
    >>> default_split(grey, grey.protocol), default_split(load_like(np.ones((5, 8, 8)), grey.protocol), grey.protocol)
    ('test', 'all')
    """
    held_out = [name for name in ("test", "validation") if name in data.splits]
    return (*held_out, ALL_SPLITS)[0] if is_other_data(data, protocol) else "test"


def is_other_data(data: Data, protocol: Mapping[str, Any] | None) -> bool:
    """Return whether data is known not to be what was recorded; without a record nothing is known.

    Streams have no fingerprint: of them name and sizes are compared.
    """
    if protocol is None or "fingerprint" not in protocol:
        return False
    fields = ("fingerprint",) if data.protocol.get("fingerprint") else ("fingerprint", "name", "sizes")
    return any(data.protocol.get(field) != protocol.get(field) for field in fields)


def _check_coded_alike(data: Data, protocol: Mapping[str, Any]) -> Data:
    check_coded_alike(data.protocol, protocol, data.name)
    return data


def _load_recorded(source: Any, protocol: Mapping[str, Any]) -> Data | None:
    """Return data that was recorded, with the splits of the record, if the source is that; else None.

    What was given in Python, and a file that is no longer where it was, is known again by its values.
    """
    if is_recorded_source(source, protocol):
        return load_data(source, **recorded_arguments(protocol))
    recorded = protocol.get("source")
    arguments = protocol.get("arguments") or {}
    is_searched = bool(arguments) and "given" not in arguments.values()
    if is_searched and (recorded is None or has_source_gone(recorded)):
        with contextlib.suppress(ValueError):
            data = load_data(source, **recorded_arguments(protocol))
            if data.protocol["fingerprint"] == protocol.get("fingerprint") is not None:
                return data
    return None
