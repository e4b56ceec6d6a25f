"""Data sets of Hugging Face: images, arrays, or tables, with the names of their classes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from elbowroom import errors
from elbowroom.data.labels import class_names, encode_labels
from elbowroom.data.options import ReadOptions
from elbowroom.data.raw import RawDataset
from elbowroom.data.readers.table import read_frame
from elbowroom.data.sources.registry import Classes, object_reader
from elbowroom.data.splits.batching import X_KEYS, Y_KEYS
from elbowroom.data.splits.dataset import DatasetSplit

IMAGE_FEATURES = ("Image",)
"""Types of the columns that are decoded to images."""
ARRAY_FEATURES = ("List", "LargeList", "Sequence", "Array2D", "Array3D", "Array4D")
"""Types of the columns that hold an array in each row."""


def is_hugging_face(source: Any) -> bool:
    """Return whether a source is a ``datasets.Dataset``; the package is not imported for it."""
    return type(source).__module__ == "datasets.arrow_dataset" and type(source).__name__ == "Dataset"


class LabeledItems:
    """The items (x, y) of a data set with columns: x as the data set decodes it, y as a number."""

    def __init__(self, dataset: Any, x_key: str, labels: np.ndarray | None) -> None:
        self.dataset, self.x_key, self.labels = dataset, x_key, labels

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index: int) -> tuple[Any, ...]:
        x = self.dataset[index][self.x_key]
        return (x,) if self.labels is None else (x, self.labels[index])


@object_reader("hugging-face", "a Dataset of Hugging Face", matches=is_hugging_face, options=("label", "columns"))
def read_hugging_face(source: Any, options: ReadOptions, classes: Classes, where: str) -> RawDataset:
    """Read images or arrays item by item, and a data set of plain columns as a table.

    Raises:
        ValueError: a label that is no column, several columns of images.
    """
    y_key = find_label_key(source, options.label)
    x_key = find_x_key(source)
    if x_key is None:
        return replace(read_frame(to_arrow(source, y_key), options), name="Dataset")
    if options.columns is not None:
        raise ValueError(f"columns= is for tables, and {where} holds examples in its column '{x_key}': leave it out")
    source = source.select_columns([x_key, *filter(None, [y_key])]).with_format(None)
    if y_key is None:
        return RawDataset(DatasetSplit(LabeledItems(source, x_key, None)), name="Dataset")
    y = source.select_columns([y_key])[:][y_key]
    classes = classes or label_names(source, y_key) or class_names([y])
    labels = encode_labels(y, len(source), classes, where).numpy()
    return RawDataset(DatasetSplit(LabeledItems(source, x_key, labels)), classes=classes, name="Dataset")


def find_x_key(source: Any) -> str | None:
    """Return the column that holds the examples: one of images or arrays, or one by its name; None for a table."""
    images = _columns_of(source, IMAGE_FEATURES) or _columns_of(source, ARRAY_FEATURES)
    named = [key for key in X_KEYS if key in source.features]
    if len(images) > 1 and not set(images) & set(named):
        raise ValueError(
            f"the columns {', '.join(images)} hold images or arrays: expected one; choose by "
            "source.select_columns([...])"
        )
    return next((key for key in named if key in images or not images), images[0] if images else None)


def _columns_of(source: Any, kinds: tuple[str, ...]) -> list[str]:
    """Return the columns of some kinds that are not called as labels are."""
    return [name for name, feature in source.features.items() if type(feature).__name__ in kinds and name not in Y_KEYS]


def find_label_key(source: Any, label: str | None) -> str | None:
    """Return the column of the labels: the one asked for, one by its name, or the only one of class labels."""
    if label == "":
        return None
    if label is not None and label not in source.features:
        raise errors.unknown_name("column", label, list(source.features))
    class_labels = [name for name, feature in source.features.items() if type(feature).__name__ == "ClassLabel"]
    named = [key for key in Y_KEYS if key in source.features]
    return label or next(iter([*named, *class_labels]), None)


def label_names(source: Any, key: str) -> Classes:
    """Return the names of the classes that a column of labels says it has."""
    names = getattr(source.features[key], "names", None)
    return tuple(map(str, names)) if names else None


def as_table(source: Any, label: str | None) -> Any:
    """Return a data set of Hugging Face that has plain columns as a table of arrow; any other object as it is."""
    if not is_hugging_face(source) or find_x_key(source) is not None:
        return source
    return to_arrow(source, find_label_key(source, label))


def to_arrow(source: Any, label_key: str | None) -> Any:
    """Return a data set of plain columns as a table of arrow, with the names of the classes for their numbers."""
    table = source.with_format("arrow")[:]
    names = None if label_key is None else label_names(source, label_key)
    if names is None:
        return table
    import pyarrow as pa

    index = table.schema.get_field_index(label_key)
    values = [None if number is None or number < 0 else names[number] for number in table.column(index).to_pylist()]
    return table.set_column(index, label_key, pa.array(values, pa.string()))
