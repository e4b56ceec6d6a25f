"""Labels of examples: names, class numbers and attributes, in whatever array they come, as tensors."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from elbowroom.data.splits.batching import tensor_to_numpy

MAX_CLASSES = 1000
"""Whole numbers from this on are more likely identities than classes."""


def label_array(y: Any, where: str = "the source") -> np.ndarray:
    """Return labels as an array of names, whole numbers or floats; names and numbers in objects as what they are.

    Raises:
        ValueError: a label that is missing, or names among numbers.

    >>> label_array(np.array(["b", "a"], dtype=object)), label_array(np.array([1, 0], dtype=object)).dtype
    (array(['b', 'a'], dtype='<U1'), dtype('int64'))
    """
    values = tensor_to_numpy(y) if isinstance(y, Tensor) else np.asarray(y)
    if values.dtype.kind not in "OT":
        return values
    missing = [index for index, label in enumerate(values.ravel().tolist()) if label is None or label != label]
    if missing:
        raise ValueError(
            f"the label of example {missing[0]} of {where} is missing: fill it in or leave the example out"
        )
    kinds = {type(label) for label in values.ravel().tolist()}
    if kinds <= {str} or kinds <= {bool} or kinds <= {int, float, bool}:
        return np.array(values.tolist())
    raise ValueError(
        f"the labels of {where} are of the types {', '.join(sorted(kind.__name__ for kind in kinds))}: expected names, "
        "or numbers; bring them to one type"
    )


def encode_labels(y: Any, count: int, classes: tuple[str, ...] | None, where: str) -> Tensor:
    """Return labels as int64 (names by their index in ``classes``), or attributes as float32."""
    values = label_array(y, where)
    if values.ndim not in (1, 2) or len(values) != count:
        raise ValueError(
            f"y has shape {values.shape} for the {count} examples of {where}: expected one label (or row of "
            "attributes) for each example"
        )
    if values.dtype.kind in "US":
        indices = {name: index for index, name in enumerate(classes or class_names([values]) or ())}
        unknown = sorted(set(values.astype(str).ravel()) - set(indices))
        if unknown:
            raise ValueError(f"label '{unknown[0]}' of {where} is not a class of the training examples: rename it")
        values = np.vectorize(indices.__getitem__, otypes=[np.int64])(values.astype(str))
    if values.dtype.kind in "bui":
        values = values[:, 0] if values.shape[1:] == (1,) else values
        return torch.from_numpy(values.astype(np.int64))
    if values.dtype.kind == "f":
        return torch.from_numpy(values.astype(np.float32))
    raise ValueError(f"y of {where} holds {values.dtype} values: expected class numbers, names or float attributes")


def class_names(ys: Iterable[Any]) -> tuple[str, ...] | None:
    """Return names for the classes of these labels: the strings, or the numbers from 0; None for attributes."""
    values = [label_array(y) for y in ys if y is not None]
    if not values or any(v.size == 0 or v.shape[1:] not in ((), (1,)) for v in values):
        return None
    if all(v.dtype.kind in "US" for v in values):
        return tuple(sorted({str(name) for v in values for name in v.astype(str).ravel()}))
    if all(v.dtype.kind in "bui" and int(v.min()) >= 0 and int(v.max()) < MAX_CLASSES for v in values):
        return tuple(map(str, range(1 + max(int(v.max()) for v in values))))
    return None
