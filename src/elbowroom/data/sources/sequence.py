"""Lists and tuples: of examples, of pairs (example, label), or of ready batches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from elbowroom.data.labels import class_names
from elbowroom.data.options import ReadOptions
from elbowroom.data.raw import RawDataset, split_from_arrays
from elbowroom.data.sources.registry import Classes, object_reader
from elbowroom.data.splits.batching import item_to_array, unpack_item
from elbowroom.data.splits.loader import LoaderSplit

MAX_EXAMPLE_DIMS = 3
"""Dimensions of an example; an array of more is a batch."""


@object_reader(
    "sequence", "a list of examples, of (x, y) or of batches", matches=lambda source: isinstance(source, list | tuple)
)
def read_sequence(source: Any, options: ReadOptions, classes: Classes, where: str) -> RawDataset:
    """Read a list of examples of one shape, each with its label or without; or one of batches, as of a loader.

    Raises:
        ValueError: an empty list, examples of several shapes, labels of some only.
    """
    if not source:
        raise ValueError(f"the {type(source).__name__} of {where} is empty: expected at least one example")
    if is_nested_list(source):
        return RawDataset(
            split_from_arrays(stack_examples(source, where), None, classes, where), classes=classes, name="list"
        )
    if is_list_of_batches(source):
        return RawDataset(LoaderSplit(list(source)), classes=classes, name="list", preprocessing="a list of batches")
    pairs = [unpack_item(item, f"item {index} of the list") for index, item in enumerate(source)]
    labels = [y for _, y in pairs]
    unlabeled = [index for index, y in enumerate(labels) if y is None]
    if 0 < len(unlabeled) < len(labels):
        raise ValueError(f"item {unlabeled[0]} of the list has no label, and others have: give one for each, or none")
    y = None if unlabeled else np.stack([item_to_array(label) for label in labels])
    classes = classes or (None if y is None else class_names([y]))
    x = stack_examples([x for x, _ in pairs], where)
    return RawDataset(split_from_arrays(x, y, classes, where), classes=classes, name=type(source).__name__)


def is_nested_list(source: Any) -> bool:
    """Return whether the examples of a list are lists of numbers, or lists of such lists.

    >>> is_nested_list([[0.5, 1.0], [0.0, 0.0]]), is_nested_list([([0.5, 1.0], 3)])
    (True, False)
    """
    first = source[0]
    if not isinstance(first, list) or not first:
        return False
    return all(isinstance(value, int | float) for value in first) or all(isinstance(value, list) for value in first)


def stack_examples(items: Sequence[Any], where: str) -> np.ndarray:
    """Return a sequence of examples (arrays, images or numbers) as one array.

    Raises:
        ValueError: examples of several shapes; the first that differs is named.

    >>> stack_examples([np.zeros((2, 2)), np.ones((2, 2))], "x").shape
    (2, 2, 2)
    """
    arrays = [item_to_array(item) for item in items]
    for index, array in enumerate(arrays):
        if array.shape != arrays[0].shape:
            raise ValueError(
                f"example {index} of {where} has shape {array.shape} and example 0 has {arrays[0].shape}: expected one "
                "shape; bring images to one size"
            )
    return np.stack(arrays)


def is_list_of_batches(items: Sequence[Any]) -> bool:
    """Return whether the items of a list are batches, as a ``DataLoader`` gives them, and not examples.

    They are where labels beside x are as many as there are examples in it; where an array has four dimensions; where
    there is one alone; and where the last one is shorter than the others. Arrays of one shape are examples.

    >>> is_list_of_batches([(np.zeros((2, 9)), [1, 0])]), is_list_of_batches([np.zeros((9, 9))] * 3)
    (True, False)
    """
    x, y = unpack_item(items[0], "item 0 of the list")
    if y is not None and len(items) > 1:
        is_one_image = np.ndim(x) == MAX_EXAMPLE_DIMS and len(x) == 1
        return np.ndim(y) >= 1 and np.ndim(x) > 1 and len(y) == len(x) and not is_one_image
    if hasattr(x, "getbands") or (y is not None and np.ndim(y) == 0):
        return False
    shapes = [np.shape(unpack_item(item, f"item {index} of the list")[0]) for index, item in enumerate(items)]
    if len(shapes[0]) > MAX_EXAMPLE_DIMS or len(shapes) == 1:
        return True
    return is_cut_short(shapes)


def is_cut_short(shapes: Sequence[tuple[int, ...]]) -> bool:
    """Return whether arrays differ in their number of rows only, as the batches of a loader or the parts of a division.

    >>> is_cut_short([(8, 5), (8, 5), (3, 5)]), is_cut_short([(8, 5), (7, 5), (7, 5)]), is_cut_short([(8, 5), (8, 4)])
    (True, True, False)
    """
    first, last = shapes[0], shapes[-1]
    if len(first) < 2 or any(len(shape) < 2 or shape[1:] != first[1:] for shape in shapes) or last[0] >= first[0]:
        return False
    is_last_short = all(shape == first for shape in shapes[:-1])
    return is_last_short or all(shape[0] in (first[0], first[0] - 1) for shape in shapes)
