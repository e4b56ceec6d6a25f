"""Map-style data sets of torch, and other objects with a length and items by position."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch.utils.data import DataLoader, IterableDataset

from elbowroom.data.options import ReadOptions
from elbowroom.data.raw import RawDataset
from elbowroom.data.sources.registry import Classes, object_reader
from elbowroom.data.splits.dataset import DatasetSplit


def is_map_style(source: Any) -> bool:
    """Return whether a source has a length and items, and stands for examples; a text or a mapping does not."""
    if isinstance(source, str | bytes | dict | set | tuple | list | Path | DataLoader | IterableDataset):
        return False
    return hasattr(source, "__getitem__") and hasattr(source, "__len__")


@object_reader("dataset", "a Dataset with a length", matches=is_map_style)
def read_dataset(source: Any, options: ReadOptions, classes: Classes, where: str) -> RawDataset:
    """Read the items of a data set as they are asked for: x, (x, y) or a dict."""
    return RawDataset(DatasetSplit(source), classes=classes or find_class_names(source))


def find_class_names(source: Any) -> Classes:
    """Return the names of the classes that a data set, or the one inside a loader or a subset, says it has."""
    while hasattr(source, "dataset"):
        source = source.dataset
    names = getattr(source, "classes", None)
    return tuple(map(str, names)) if isinstance(names, list | tuple) else None
