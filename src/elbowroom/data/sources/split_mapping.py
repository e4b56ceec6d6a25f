"""Dictionaries of splits: ``{"train": ..., "test": ...}`` with sources of any kind, as of a ``DatasetDict``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from elbowroom.data.labels import class_names
from elbowroom.data.options import ReadOptions
from elbowroom.data.raw import RawDataset
from elbowroom.data.readers.data_frame import is_table_source
from elbowroom.data.readers.table import read_frames
from elbowroom.data.sources.array import is_pair
from elbowroom.data.sources.hugging_face import as_table
from elbowroom.data.sources.registry import Classes, object_reader, read_object
from elbowroom.data.split_names import split_from_word


def is_split_mapping(source: Any) -> bool:
    """Return whether a source is a mapping whose keys are all names of splits.

    >>> is_split_mapping({"train": [], "val": []}), is_split_mapping({"x_train": []})
    (True, False)
    """
    return isinstance(source, Mapping) and bool(source) and all(split_from_word(str(name)) for name in source)


@object_reader(
    "splits",
    "a dict of splits such as {'train': ..., 'test': ...}",
    matches=is_split_mapping,
    options=("label", "columns", "buffer"),
)
def read_split_mapping(source: Any, options: ReadOptions, classes: Classes, where: str) -> RawDataset:
    """Read each split by the reader for what it is; the classes are those of all splits.

    Raises:
        ValueError: no training examples, a split twice, or what the readers of the splits refuse.
    """
    words = {word: split_from_word(str(word)) or "" for word in source}
    twice = next((word for word in words if list(words.values()).count(words[word]) > 1), None)
    if twice is not None:
        raise ValueError(f"{where} has its {words[twice]} split more than once ({', '.join(words)}): keep one of them")
    if "train" not in words.values():
        raise ValueError(f"{where} has the splits {', '.join(words)} and no train: name the training examples 'train'")
    parts = {words[word]: as_table(part, options.label) for word, part in source.items()}
    if all(map(is_table_source, parts.values())):
        return read_frames(parts, options)
    labels = [part[1] for part in parts.values() if is_pair(part)]
    classes = classes or (class_names(labels) if len(labels) == len(parts) else None)
    train = read_object(parts["train"], options, classes, "train")
    others = {
        name: read_object(parts[name], options, train.classes, name).train
        for name in ("validation", "test")
        if name in parts
    }
    return replace(train, validation=others.get("validation"), test=others.get("test"))
