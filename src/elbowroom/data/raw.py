"""A source before it is divided (``RawDataset``), and the conversion of arrays, data sets and loaders to splits."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from torch import Tensor

from elbowroom.data.file_io import available_memory
from elbowroom.data.labels import encode_labels
from elbowroom.data.series_source import SeriesSource
from elbowroom.data.split_names import SPLIT_WORDS
from elbowroom.data.splits.batching import tensor_to_numpy
from elbowroom.data.splits.buffered import ArrayRowSource, BufferedSplit
from elbowroom.data.splits.dataset import DatasetSplit
from elbowroom.data.splits.loader import LoaderSplit
from elbowroom.data.splits.memory import InMemorySplit
from elbowroom.data.value_coding import ValueCoding, ValueSummary, summarize
from elbowroom.data.value_options import Layout
from elbowroom.view_shape import ViewShape

if TYPE_CHECKING:
    from elbowroom.data.readers.table_cells import TableSource
    from elbowroom.data.readers.table_encoding import Column

AnySplit = InMemorySplit | DatasetSplit | LoaderSplit | BufferedSplit
"""A split that a smaller one can be taken from."""
SPLIT_SUFFIXES = {"": "train", **{f"_{word}": split for word, split in SPLIT_WORDS.items()}}
"""The endings of names of arrays, and the split each stands for."""
ALWAYS_IN_MEMORY_BYTES = 2**26
"""Size of arrays in files up to which they are read into memory, however little of it is free."""


@dataclass
class RawDataset:
    """The splits that a source comes with, and what dividing them has to know.

    Attributes:
        source: loads the same again; None for what was given as a Python object.
        defaults: the fractions (or counts) of train to set aside as (validation, test) where there are none.
        is_video: neighbours are alike, so that only whole blocks may be set aside.
        is_stratified: whether examples are set aside class by class where there are classes, unless asked otherwise.
        content_hash: identifies large files, where hashing all their values would take too long.
        columns: those of a table.
        has_fixed_encoding: the encoding of the columns was given and stays as it is.
        attributes: the names of labels of several columns.
        layout: the axes of the arrays, where they are known.
        skipped: the names of what could not be read.
        row_names: what each row of the source is called, as the file of an image; ``source_rows`` of splits are such.
        table: the cells of a table as they were written.
        views: the views that each example consists of.
        vocabulary: the tokens of texts by their index.
        items: what the values of an example count, as the words of a text.
        tokens: what these are: words, characters.
        series: channels and gaps, where examples are series.
    """

    train: RawSplit
    validation: RawSplit | None = None
    test: RawSplit | None = None
    classes: tuple[str, ...] | None = None
    name: str = "arrays"
    source: str | None = None
    preprocessing: str = ""
    defaults: tuple[float | int, float | int] = (0.1, 0.1)
    is_video: bool = False
    is_stratified: bool = True
    content_hash: str | None = None
    columns: tuple[Column, ...] | None = None
    has_fixed_encoding: bool = False
    attributes: tuple[str, ...] | None = None
    layout: Layout = "auto"
    skipped: tuple[str, ...] = ()
    row_names: tuple[str, ...] | None = None
    table: TableSource | None = None
    views: ViewShape | None = None
    vocabulary: tuple[str, ...] | None = None
    items: tuple[str, ...] | None = None
    tokens: str = "words"
    series: SeriesSource | None = None


def _advise_gaps(values: np.ndarray) -> str:
    """Return how values that may be series are read with their gaps."""
    return "; gaps of series are read from a file by --series or --window" if values.ndim in (2, 3) else ""


class RawArrays:
    """Examples (N, ...) in memory as they are stored, with their labels; :meth:`encode` makes a split of them.

    >>> RawArrays(np.array([[[0, 9]]]), None, "x").summary.high
    9.0
    """

    def __init__(self, values: np.ndarray, y: Tensor | None, where: str, source_rows: Tensor | None = None) -> None:
        self.values, self.y, self.where, self.source_rows = values, y, where, source_rows
        self.summary = summarize(values)

    def __len__(self) -> int:
        return len(self.values)

    def encode(self, coding: ValueCoding) -> InMemorySplit:
        """Return the split in memory, of uint8 where the values are bits or pixels, else of float32.

        Raises:
            ValueError: an example that is not finite, or outside the range.
        """
        x, invalid = coding.encode(self.values)
        if (len(invalid) and not self.summary.is_finite) or (len(invalid) and coding.value_range is None):
            raise ValueError(
                f"{self.where} has NaN or infinite values in {len(invalid)} of {len(x)} examples, the first at index "
                f"{invalid[0]}: expected finite numbers; remove or fill them{_advise_gaps(self.values)}"
            )
        if len(invalid):
            raise ValueError(
                f"the example at index {invalid[0]} of {self.where} {coding.describe_invalid(self.values[invalid[0]])}"
            )
        return InMemorySplit(x, self.y, source_rows=self.source_rows)

    def subset(self, index: Tensor, training: bool = True) -> RawArrays:
        """Return the examples at the positions ``index``; their summary is that of all."""
        y = None if self.y is None else self.y[index]
        other = copy.copy(self)
        other.values, other.y = self.values[index.numpy()], y
        other.source_rows = index if self.source_rows is None else self.source_rows[index]
        return other

    def summarize_all(self) -> ValueSummary:
        """Return the summary of all examples."""
        return self.summary


@dataclass
class EncodedDataset(RawDataset):
    """A source whose values are encoded."""

    train: AnySplit


RawSplit = AnySplit | RawArrays
"""A split as a reader returns it: arrays get their coding with the other splits, a split in memory has it already."""


def split_from_arrays(x: Any, y: Any = None, classes: tuple[str, ...] | None = None, where: str = "x") -> RawArrays:
    """Return numbers as a split: rows (N, D), or images (N, H, W), (N, H, W, C) or (N, C, H, W).

    >>> split_from_arrays(np.eye(4).reshape(1, 4, 4)).summary.shape
    (4, 4)
    """
    values = validate_array(as_numpy(x), where)
    return RawArrays(values, None if y is None else encode_labels(y, len(values), classes, where), where)


def split_from_rows(
    array: np.ndarray, y: Any, classes: tuple[str, ...] | None, where: str, buffer: int | None
) -> RawArrays | BufferedSplit:
    """Return an array in memory or a memory map of a file as a split, in memory or read in parts.

    With a ``buffer`` it is read in parts, and so is a file larger than a quarter of the memory that is free.
    """
    is_file = isinstance(array, np.memmap)
    if buffer is None and (not is_file or array.nbytes <= max(ALWAYS_IN_MEMORY_BYTES, available_memory() // 4)):
        return split_from_arrays(np.array(array) if is_file else array, y, classes, where)
    source = ArrayRowSource(validate_array(array, where), where)
    return BufferedSplit(source, None if y is None else encode_labels(y, len(source), classes, where), buffer=buffer)


def validate_array(values: np.ndarray, where: str) -> np.ndarray:
    """Return an array if it is one of examples: numbers, not empty, of two to four dimensions."""
    if values.dtype.kind not in "buif":
        raise ValueError(f"{where} holds {values.dtype} values: expected numbers; give images or rows as an array")
    if values.size == 0:
        raise ValueError(f"{where} is empty, with shape {values.shape}: expected at least one example of one value")
    if not 2 <= values.ndim <= 4:
        raise ValueError(
            f"{where} has shape {values.shape}: expected (N, D), (N, H, W), (N, H, W, C) or (N, C, H, W); reshape it"
        )
    return values


def as_numpy(x: Any) -> np.ndarray:
    """Return a tensor of any kind, or anything numpy understands, as an array."""
    return tensor_to_numpy(x) if isinstance(x, Tensor) else np.asarray(x)
