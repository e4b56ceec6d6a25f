"""What a source holds before it is divided, and how anybody's numbers become a split in memory."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, IterableDataset

from elbowroom.data.readers.table_encoding import Column
from elbowroom.data.splits.buffered import BufferedSplit
from elbowroom.data.splits.loader import DatasetSplit, LoaderSplit, to_channels_first
from elbowroom.data.splits.memory import InMemorySplit
from elbowroom.data.value_kinds import convert_to_kind, infer_value_kind, invalid_rows

AnySplit = InMemorySplit | DatasetSplit | LoaderSplit | BufferedSplit
"""A split that a smaller one can be taken from."""
SPLIT_SUFFIXES = {
    "": "train",
    "_train": "train",
    "_validation": "validation",
    "_valid": "validation",
    "_val": "validation",
}
SPLIT_SUFFIXES |= {"_test": "test"}
"""What a name may end with, and the split it is then of."""


@dataclass
class RawDataset:
    """The splits a source comes with, and what carving the missing ones has to know.

    ``source`` loads the same again; it is None for what was given as a Python object.
    ``defaults`` are the fractions (or counts) of train to set aside as (validation, test) where there are none.
    ``video`` says that neighbours are alike, so that only whole blocks may be set aside.
    ``identity`` is what large files are known by, where hashing all their values would take too long.
    ``columns`` are those of a table, ``as_coded`` says that their coding stays as it is; ``attributes`` are the names
    of labels of several columns; ``left_out`` what could not be read.
    """

    train: AnySplit
    validation: AnySplit | None = None
    test: AnySplit | None = None
    classes: tuple[str, ...] | None = None
    name: str = "arrays"
    source: str | None = None
    preprocessing: str = ""
    defaults: tuple[float | int, float | int] = (0.1, 0.1)
    is_video: bool = False
    content_hash: str | None = None
    columns: tuple[Column, ...] | None = None
    has_fixed_encoding: bool = False
    attributes: tuple[str, ...] | None = None
    skipped: tuple[str, ...] = ()


def split_from_arrays(x: Any, y: Any = None, classes: tuple[str, ...] | None = None, where: str = "x") -> InMemorySplit:
    """Numbers as a split: (N, D) tables, (N, H, W), (N, H, W, C) or (N, C, H, W) pictures.

    Integers in 0..255 are pixels where the array is a picture (or uint8 already) and stay uint8; those that are
    all 0 or 1 are bits and become 0 and 255. Floats become float32 and keep their values. What needs no conversion
    is not copied.

    >>> split_from_arrays(np.eye(4, dtype=bool).reshape(1, 4, 4)).x.max()
    tensor(255, dtype=torch.uint8)
    """
    values = validate_array(as_numpy(x), where)
    inputs = to_channels_first(torch.from_numpy(normalize_dtype(values, where)))
    return InMemorySplit(inputs, None if y is None else encode_labels(y, len(inputs), classes, where))


def validate_array(values: np.ndarray, where: str) -> np.ndarray:
    """An array, if it is one of examples."""
    if values.dtype.kind not in "buif":
        raise ValueError(f"{where} holds {values.dtype} values: expected numbers; give pictures or rows as an array")
    if values.size == 0:
        raise ValueError(f"{where} is empty, with shape {values.shape}: expected at least one example of one value")
    if not 2 <= values.ndim <= 4:
        raise ValueError(
            f"{where} has shape {values.shape}: expected (N, D), (N, H, W), (N, H, W, C) or (N, C, H, W); reshape it"
        )
    return values


def split_from_source(source: Any, classes: tuple[str, ...] | None, where: str) -> AnySplit:
    """Arrays, a data set or a loader as a split."""
    if isinstance(source, np.ndarray | Tensor):
        return split_from_arrays(source, None, classes, where)
    if isinstance(source, tuple) and len(source) == 2:
        return split_from_arrays(*source, classes, where)
    if isinstance(source, IterableDataset):
        raise ValueError(
            f"{type(source).__name__} gives its examples one by one: wrap it as DataLoader(..., batch_size=...)"
        )
    loads = isinstance(source, DataLoader | list)
    if (
        not loads
        and all(hasattr(source, needed) for needed in ("__getitem__", "__len__"))
        and not is_builtin_container(source)
    ):
        return DatasetSplit(source)
    if loads or (isinstance(source, Iterable) and not isinstance(source, Dataset) and not is_builtin_container(source)):
        return LoaderSplit(source)
    raise ValueError(
        f"cannot load data from a {type(source).__name__}: expected a data set's name, a path, an array, "
        "a pair (x, y), a Dataset with a length, a DataLoader or a list of batches"
    )


def is_builtin_container(source: Any) -> bool:
    """Whether a source is one of Python's own containers that mean nothing as examples."""
    return isinstance(source, str | bytes | dict | set | tuple | Path)


def as_numpy(x: Any) -> np.ndarray:
    """A tensor of any kind, or anything numpy understands, as an array."""
    if isinstance(x, Tensor):
        # numpy knows no bfloat16
        x = (x.detach().float() if x.is_floating_point() else x.detach()).cpu().numpy()
    return np.asarray(x)


def normalize_dtype(values: np.ndarray, where: str) -> np.ndarray:
    """The values as uint8 pixels where they are pixels, as finite float32 otherwise."""
    kind = infer_value_kind(values)
    made = convert_to_kind(values, kind)
    bad = invalid_rows(made, "numbers")
    if len(bad):
        raise ValueError(
            f"{where} has NaN or infinite values in {len(bad)} of {len(made)} examples, the first at index {bad[0]}: "
            "expected finite numbers; remove or fill them"
        )
    return made


def encode_labels(y: Any, count: int, classes: tuple[str, ...] | None, where: str) -> Tensor:
    """Labels as int64 (strings by their place in ``classes``), or attributes as float32."""
    values = as_numpy(y)
    if values.ndim not in (1, 2) or len(values) != count:
        raise ValueError(
            f"y has shape {values.shape} for the {count} examples of {where}: expected one label (or row of "
            "attributes) for each example"
        )
    if values.dtype.kind in "US":
        places = {name: place for place, name in enumerate(classes or class_names([values]) or ())}
        strange = sorted(set(values.astype(str).ravel()) - set(places))
        if strange:
            raise ValueError(f"label '{strange[0]}' of {where} is not a class of the training examples: rename it")
        values = np.vectorize(places.__getitem__, otypes=[np.int64])(values.astype(str))
    if values.dtype.kind in "bui":
        values = values[:, 0] if values.shape[1:] == (1,) else values
        return torch.from_numpy(values.astype(np.int64))
    if values.dtype.kind == "f":
        return torch.from_numpy(values.astype(np.float32))
    raise ValueError(f"y of {where} holds {values.dtype} values: expected class numbers, names or float attributes")


def class_names(ys: Iterable[Any]) -> tuple[str, ...] | None:
    """Names for the classes of these labels: the strings, or the numbers from 0; None for attributes."""
    values = [as_numpy(y) for y in ys if y is not None]
    if not values or any(v.size == 0 or v.shape[1:] not in ((), (1,)) for v in values):
        return None
    if all(v.dtype.kind in "US" for v in values):
        return tuple(sorted({str(name) for v in values for name in v.astype(str).ravel()}))
    # beyond a thousand, whole numbers are more likely identities than classes
    if all(v.dtype.kind in "bui" and int(v.min()) >= 0 and int(v.max()) < 1000 for v in values):
        return tuple(map(str, range(1 + max(int(v.max()) for v in values))))
    return None
