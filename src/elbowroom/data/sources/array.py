"""Arrays and tensors, and pairs (x, y) of them."""

from __future__ import annotations

from typing import Any

import numpy as np
from torch import Tensor

from elbowroom.data.labels import class_names
from elbowroom.data.options import ReadOptions
from elbowroom.data.raw import RawDataset, split_from_arrays
from elbowroom.data.sources.registry import Classes, object_reader
from elbowroom.data.sources.sequence import stack_examples

MAX_LABEL_DIMS = 2
"""Dimensions of labels: classes (N,), or attributes (N, A)."""


def is_array(source: Any) -> bool:
    """Return whether a source is an array or a tensor, or a pair (x, y) of one (or of a list) and labels."""
    x = source[0] if is_pair(source) else source
    return isinstance(x, np.ndarray | Tensor) or (is_pair(source) and isinstance(x, list | tuple))


def is_pair(source: Any) -> bool:
    """Return whether a source is a pair of examples and labels: a tuple, of which the second are labels or None."""
    return isinstance(source, tuple) and len(source) == 2 and not hasattr(source[1], "getbands")


@object_reader("array", "an array", matches=is_array)
def read_array(source: Any, options: ReadOptions, classes: Classes, where: str) -> RawDataset:
    """Read examples (N, ...) with or without their labels."""
    x, y = source if isinstance(source, tuple) else (source, None)
    x = stack_examples(x, where) if isinstance(x, list | tuple) else x
    if np.ndim(y) > MAX_LABEL_DIMS and np.ndim(y) == np.ndim(x):
        raise ValueError(
            f"a tuple of two arrays is examples and their labels, and the second of {where} has shape {np.shape(y)}: "
            "give (x, y) with one label for each example; or all examples as one array, np.concatenate(...)"
        )
    classes = classes or (None if y is None else class_names([y]))
    return RawDataset(split_from_arrays(x, y, classes, where), classes=classes)
