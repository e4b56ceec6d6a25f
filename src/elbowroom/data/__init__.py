"""Sources of examples as named splits: named sets, your own files, arrays, data sets and loaders."""

from elbowroom.data.catalog import celeba, cifar_svhn, olivetti  # noqa: F401  # so that their sets have names
from elbowroom.data.catalog.registry import dataset, datasets
from elbowroom.data.load import Data, load_data, load_like
from elbowroom.data.readers.table_encoding import Column, decoded
from elbowroom.data.splits.buffered import Stored
from elbowroom.data.splits.loader import Loader
from elbowroom.data.splits.memory import Arrays, Batch, Split, still

__all__ = [
    "Arrays",
    "Batch",
    "Column",
    "Data",
    "Loader",
    "Split",
    "Stored",
    "dataset",
    "datasets",
    "decoded",
    "load_data",
    "load_like",
    "still",
]
