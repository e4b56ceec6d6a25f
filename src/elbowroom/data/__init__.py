"""Sources of examples as named splits: named sets, your own files, arrays, data sets and loaders."""

from elbowroom.data import celeba, colour, olivetti  # noqa: F401  # so that their sets have names
from elbowroom.data.coding import Column, decoded
from elbowroom.data.data import Data, load_data, load_like
from elbowroom.data.named import dataset, datasets
from elbowroom.data.split import Arrays, Batch, Split, still
from elbowroom.data.stored import Stored
from elbowroom.data.stream import Loader

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
