"""Sources of examples as named splits: named sets, your own files, arrays, data sets and loaders."""

from typing import TYPE_CHECKING

from elbowroom.data.catalog.registry import dataset, datasets
from elbowroom.data.load import Data, load_data, load_like
from elbowroom.data.readers.table_encoding import Column, decode_rows
from elbowroom.data.splits.buffered import BufferedSplit
from elbowroom.data.splits.loader import LoaderSplit
from elbowroom.data.splits.memory import Batch, InMemorySplit, Split, freeze
from elbowroom.deprecation import deprecated_getattr

__all__ = [
    "Batch",
    "BufferedSplit",
    "Column",
    "Data",
    "InMemorySplit",
    "LoaderSplit",
    "Split",
    "dataset",
    "datasets",
    "decode_rows",
    "freeze",
    "load_data",
    "load_like",
]

if not TYPE_CHECKING:
    __getattr__ = deprecated_getattr(__name__)
