"""Loaders, and other objects that give batches each time they are iterated over."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from torch.utils.data import DataLoader, Dataset, IterableDataset

from elbowroom.data.options import ReadOptions
from elbowroom.data.raw import RawDataset
from elbowroom.data.sources.dataset import find_class_names
from elbowroom.data.sources.registry import Classes, object_reader
from elbowroom.data.splits.loader import LoaderSplit


def is_stream(source: Any) -> bool:
    """Return whether a source gives batches; a text, a mapping or a set does not stand for any."""
    if isinstance(source, DataLoader | IterableDataset):
        return True
    return isinstance(source, Iterable) and not isinstance(source, str | bytes | dict | set | Path | Dataset)


@object_reader("loader", "a DataLoader", matches=is_stream)
def read_loader(source: Any, options: ReadOptions, classes: Classes, where: str) -> RawDataset:
    """Read the batches of a loader as it gives them.

    Raises:
        ValueError: a data set that gives its examples one by one.
    """
    if isinstance(source, IterableDataset) or type(source).__module__.startswith("datasets."):
        raise ValueError(
            f"{type(source).__name__} gives its examples one by one: wrap it as DataLoader(..., batch_size=...)"
        )
    return RawDataset(LoaderSplit(source), classes=classes or find_class_names(source))
