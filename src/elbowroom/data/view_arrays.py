"""Arrays of several views (modalities) of the same examples, as one row of numbers for each example."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from elbowroom.data.labels import class_names, encode_labels
from elbowroom.data.raw import RawDataset, as_numpy
from elbowroom.data.split_names import SPLIT_WORDS
from elbowroom.data.splits.memory import InMemorySplit
from elbowroom.table_shape import TableShape
from elbowroom.view_shape import View, ViewShape

LABEL_NAME = "y"
"""The name of an array of labels beside the views."""
MAX_CHANNELS = 4
"""Channels of an image whose last axis they are, at most."""

Arrays = dict[str, np.ndarray]


def is_view_mapping(source: Any) -> bool:
    """Return whether a source is a mapping of two views or more: arrays of as many rows, one of them of several axes.

    >>> is_view_mapping({"image": np.zeros((5, 8, 8)), "digit": np.arange(5)})
    True
    >>> is_view_mapping({"x": np.zeros((5, 2)), "y": np.arange(5)}), is_view_mapping({"a": [1, 2], "b": [3, 4]})
    (False, False)
    """
    if not isinstance(source, Mapping) or not all(isinstance(array, np.ndarray | Tensor) for array in source.values()):
        return False
    names = [split_name(str(name))[0] for name in source]
    views = {name for name in names if name != LABEL_NAME}
    return len(views) > 1 and "x" not in views and any(array.ndim > 1 for array in source.values())


def read_view_arrays(arrays: Mapping[str, Any], where: str) -> RawDataset:
    """Return views as splits: the arrays ``image`` and ``digit``, or ``image_train``, ``image_test`` and so on.

    An array of bytes is pixels, of truth values bits, of single whole numbers or names classes; others are numbers as
    they are. Where a view of an example is missing its numbers are NaN, and its class -1. ``y`` are the labels, or the
    classes of the one view that has classes, if there is such.

    Raises:
        ValueError: views of other lengths, or not numbers; no training examples; other views in another split.
    """
    parts: dict[str, Arrays] = {}
    for key, array in arrays.items():
        name, split = split_name(str(key))
        parts.setdefault(split, {})[name] = as_numpy(array)
    if "train" not in parts:
        name = next(iter(next(iter(parts.values()))))
        raise ValueError(
            f"{where} has views of {', '.join(parts)} alone: name those to train on {name}_train or {name}"
        )
    labels = [part[LABEL_NAME] for part in parts.values() if LABEL_NAME in part]
    coded = {
        name: CodedView.from_arrays(name, [part[name] for part in parts.values() if name in part], where)
        for name in parts["train"]
        if name != LABEL_NAME
    }
    of_classes = [view for view in coded.values() if view.classes]
    classes = class_names(labels) if labels else of_classes[0].classes if len(of_classes) == 1 else None
    shape = ViewShape(view.view for view in coded.values())
    splits = {split: _make_split(part, coded, classes, f"{where}, {split}") for split, part in parts.items()}
    kinds = ", ".join(f"{view.name} {'x'.join(map(str, view.shape))}" for view in shape.views)
    return RawDataset(
        splits["train"],
        splits.get("validation"),
        splits.get("test"),
        classes,
        preprocessing=f"views: {kinds}",
        views=shape,
    )


@dataclass(frozen=True)
class CodedView:
    """A view, and how its arrays become numbers.

    Attributes:
        view: name, shape and likelihood.
        classes: the names of its classes, if it has such.
        is_pixels: whether its arrays are of bytes.
        axes: of an array, in the order of the shape.
    """

    view: View
    classes: tuple[str, ...] | None
    is_pixels: bool
    axes: tuple[int, ...]

    @classmethod
    def from_arrays(cls, name: str, arrays: list[np.ndarray], where: str) -> CodedView:
        """Return the coding of the arrays of a view, by the kind of their values.

        Raises:
            ValueError: values that are neither numbers nor classes.
        """
        first = arrays[0]
        if not all(array.size for array in arrays):
            raise ValueError(f"view '{name}' of {where} holds no examples: give some in each split, or leave it out")
        if first.ndim == 1 and first.dtype.kind in "iuUSO":
            classes = class_names([array[_is_known(array)] for array in arrays])
            if classes is not None:
                shape = TableShape((max(2, len(classes)),))
                return cls(View(name, shape, shape.likelihood), classes, False, (0,))
        if first.dtype.kind not in "biuf":
            raise ValueError(f"view '{name}' of {where} holds {first.dtype} values: expected numbers or single classes")
        if _has_gappy_classes(arrays):
            warnings.warn(
                f"view '{name}' of {where} holds whole numbers with gaps, which are read as numbers: "
                "give classes as whole numbers of an integer type, -1 where one is missing",
                stacklevel=2,
            )
        is_last = first.ndim == 4 and first.shape[-1] <= MAX_CHANNELS < first.shape[1]
        axes = (0, 3, 1, 2) if is_last else tuple(range(first.ndim))
        own = tuple(first.shape[axis] for axis in axes[1:]) or (1,)
        own = (1, *own) if len(own) == 2 and first.ndim == 3 else own
        is_unit = first.dtype.kind == "b" or first.dtype == np.uint8 or (len(own) == 3 and _is_in_unit(arrays))
        return cls(View(name, own, "bernoulli" if is_unit else "gaussian"), None, first.dtype == np.uint8, axes)

    def encode(self, array: np.ndarray, where: str) -> Tensor:
        """Return an array as rows (N, numbers), bytes as they are, classes as their indices."""
        if self.classes is not None:
            known = _is_known(array)
            index = np.full((len(array), 1), np.nan, np.float32)
            index[known, 0] = encode_labels(array[known], int(known.sum()), self.classes, where).numpy()
            return torch.from_numpy(index)
        rows = array.transpose(self.axes).reshape(len(array), -1)
        if rows.shape[1] != self.view.size:
            raise ValueError(f"{where} has {rows.shape[1]} numbers in each example, and {self.view.size} in train")
        if rows.dtype.kind == "f" and (invalid := np.isinf(rows).any(1)).any():
            raise ValueError(
                f"{where} has infinite values in {int(invalid.sum())} of {len(rows)} examples, the first at index "
                f"{int(invalid.argmax())}: give numbers, NaN where one is missing"
            )
        return torch.from_numpy(rows.astype(np.uint8 if self.is_pixels else np.float32))


def _is_known(array: np.ndarray) -> np.ndarray:
    """Return where an array of classes, numbers or names, has one; -1, None and NaN stand for a missing class."""
    known: np.ndarray = array.astype(str) != "-1"
    if array.dtype == object:
        known &= np.array([value is not None and value == value for value in array])
    return known


def _has_gappy_classes(arrays: list[np.ndarray]) -> bool:
    """Whether these are single whole numbers from 0 with NaN among them, as pandas makes them of missing classes."""
    if any(array.ndim != 1 or array.dtype.kind != "f" for array in arrays):
        return False
    values = np.concatenate(arrays)
    known = values[~np.isnan(values)]
    return len(known) < len(values) and bool((known >= 0).all() and (known == np.floor(known)).all())


def _is_in_unit(arrays: list[np.ndarray]) -> bool:
    return all(np.nanmin(array) >= 0 and np.nanmax(array) <= 1 for array in arrays)


def _make_split(part: Arrays, coded: Mapping[str, CodedView], classes: Any, where: str) -> InMemorySplit:
    if missing := [name for name in coded if name not in part]:
        raise ValueError(f"{where} has no view '{missing[0]}': give it for every example, as NaN where it is missing")
    lengths = {name: len(array) for name, array in part.items()}
    if len(set(lengths.values())) > 1:
        counts = ", ".join(f"{name} {n:,}" for name, n in lengths.items())
        raise ValueError(f"{where} has views of different lengths ({counts}): give a row of each for every example")
    rows = [view.encode(part[name], f"view '{name}' of {where}") for name, view in coded.items()]
    if not all(view.is_pixels for view in coded.values()):
        # All pixels stay bytes, which are divided by 255 in each batch.
        rows = [row.float() / 255 if row.dtype == torch.uint8 else row for row in rows]
    return InMemorySplit(torch.cat(rows, 1), _labels(part, coded, classes, where))


def _labels(part: Arrays, coded: Mapping[str, CodedView], classes: Any, where: str) -> Tensor | None:
    """Return the labels of examples, or the classes of the one view that has classes; None where there are neither."""
    if LABEL_NAME in part:
        return encode_labels(part[LABEL_NAME], len(part[LABEL_NAME]), classes, where)
    of_classes = [name for name, view in coded.items() if view.classes]
    if len(of_classes) != 1:
        return None
    index = coded[of_classes[0]].encode(part[of_classes[0]], where)[:, 0]
    return index.nan_to_num(-1).long()


def split_name(key: str) -> tuple[str, str]:
    """Return the name of a view and of its split.

    >>> split_name("image_test"), split_name("left_eye")
    (('image', 'test'), ('left_eye', 'train'))
    """
    name, _, word = key.rpartition("_")
    return (name, SPLIT_WORDS[word]) if name and word in SPLIT_WORDS else (key, "train")
