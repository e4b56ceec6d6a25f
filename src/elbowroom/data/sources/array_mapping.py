"""Dictionaries of arrays, named as those of a .npz file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from elbowroom.data.options import ReadOptions
from elbowroom.data.raw import RawDataset, split_from_arrays
from elbowroom.data.readers.numpy import raw_from_arrays
from elbowroom.data.sources.registry import Classes, object_reader


@object_reader("dict", "a dict of arrays x, y, x_test, …", matches=lambda source: isinstance(source, Mapping))
def read_array_mapping(source: Any, options: ReadOptions, classes: Classes, where: str) -> RawDataset:
    """Read arrays x and y, or those of each split."""
    return raw_from_arrays(dict(source), "the dict", split_from_arrays)
