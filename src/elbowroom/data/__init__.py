"""Sources of examples as named splits: named sets, your own files, arrays, data sets and loaders."""

from elbowroom.data.catalog import celeba, cifar_svhn, olivetti  # noqa: F401  # so that their sets have names
from elbowroom.data.catalog.registry import dataset, datasets
from elbowroom.data.load import Data, load_data, load_like
from elbowroom.data.readers.table_encoding import Column, decode_rows
from elbowroom.data.splits.buffered import BufferedSplit
from elbowroom.data.splits.loader import LoaderSplit
from elbowroom.data.splits.memory import Batch, InMemorySplit, Split, freeze

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
