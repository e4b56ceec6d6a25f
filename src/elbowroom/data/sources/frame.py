"""Data frames, dictionaries of columns, and pairs of one of them and its labels: tables."""

from __future__ import annotations

from typing import Any

from elbowroom.data.options import ReadOptions
from elbowroom.data.raw import RawDataset
from elbowroom.data.readers.data_frame import is_table_source
from elbowroom.data.readers.table import read_frame as read_table
from elbowroom.data.sources.registry import Classes, object_reader


@object_reader("frame", "a data frame or a dict of columns", matches=is_table_source, options=("label", "columns"))
def read_frame(source: Any, options: ReadOptions, classes: Classes, where: str) -> RawDataset:
    """Read a table as the .csv of it is read."""
    return read_table(source, options)
