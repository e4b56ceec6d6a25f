"""Dictionaries of arrays of several views of the same examples."""

from __future__ import annotations

from typing import Any

from elbowroom.data.options import ReadOptions
from elbowroom.data.raw import RawDataset
from elbowroom.data.sources.registry import Classes, object_reader
from elbowroom.data.view_arrays import is_view_mapping, read_view_arrays


@object_reader(
    "views", "a dict of views of the same examples, as {'image': ..., 'digit': ...}", matches=is_view_mapping
)
def read_views(source: Any, options: ReadOptions, classes: Classes, where: str) -> RawDataset:
    """Read the arrays of each view, as those of a .npz file."""
    return read_view_arrays(source, where)
