"""Rows of parquet shards (numbers, lists or images), read by row groups. Needs pyarrow."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import torch
from torch import Tensor

from elbowroom.data.file_io import io_errors
from elbowroom.data.image import NO_CROP_RESIZE, CropResize
from elbowroom.data.readers.encoded_examples import ArraySpec, decode_examples, infer_spec
from elbowroom.data.readers.parquet import columns
from elbowroom.data.splits.buffered import longest_block


class ParquetRowSource:
    """The rows of parquet files, one file after the other, as a source for a split that is read in parts.

    The labels are the column with one of the usual names (``label``, ``y``, ``target``, ...), if there is one. The
    examples are the one column of images (their bytes, or a struct that has them), or the one column of lists of
    numbers, or lists of lists, all of one length; where there are several, the one named ``image``, ``x`` or the like.
    Failing these they are all other columns, which have to be numbers.

    Args:
        shards: the files.
        crop_resize: the crop and size of images.

    Raises:
        ValueError: a damaged or empty file, files with different columns, columns of text, an empty field; on
            reading, images or lists of another shape than the first ones.
    """

    def __init__(self, shards: Sequence[Path], crop_resize: CropResize = NO_CROP_RESIZE) -> None:
        self.shards, self.crop_resize = shards, crop_resize
        self._metadata = [read_parquet_metadata(shard) for shard in shards]
        self._schemas = [file.schema.to_arrow_schema() for file in self._metadata]
        self._groups = [(n, g) for n, file in enumerate(self._metadata) for g in range(file.num_row_groups)]
        self._group_starts = start_offsets(self._metadata[n].row_group(g).num_rows for n, g in self._groups)
        self._shard_starts = start_offsets(file.num_rows for file in self._metadata)
        self.columns, self.label_column = columns.select_columns(self._schemas[0], shards[0])
        self._check_schemas()
        self.has_images = columns.content_kind(self._schemas[0].field(self.columns[0]).type) == "image"
        if crop_resize != NO_CROP_RESIZE and not self.has_images:
            raise ValueError(f"{crop_resize} is for images, and {shards[0]} has none: leave it out")
        self.labels = (
            None if self.label_column is None else np.concatenate([self._read_labels(n) for n in range(len(shards))])
        )
        self.spec = self._infer_spec()

    def __len__(self) -> int:
        return sum(file.num_rows for file in self._metadata)

    def read_rows(self, rows: np.ndarray) -> np.ndarray:
        """Read the examples at ``rows``; each row group they are in is read whole, one at a time."""
        examples = np.empty((len(rows), *self.spec.shape), self.spec.dtype)
        group_of = np.searchsorted(self._group_starts, rows, side="right") - 1
        for group in np.unique(group_of):
            examples[group_of == group] = self._read_values(group, rows[group_of == group])
        return examples

    def block_starts(self, buffer: int | None) -> Tensor:
        """Return the first row of each row group.

        Raises:
            ValueError: a ``buffer`` that is smaller than a row group.
        """
        starts = torch.from_numpy(self._group_starts)
        longest = longest_block(starts, len(self))
        if buffer is not None and buffer < longest:
            raise ValueError(
                f"buffer={buffer} is less than a row group, which is read whole and has up to {longest} rows: give at "
                f"least {longest}, or write the files with a smaller row_group_size"
            )
        return starts

    def describe_row(self, row: int) -> str:
        """Return the row of the shard, for an error message."""
        shard = int(np.searchsorted(self._shard_starts, row, side="right")) - 1
        return f"row {row - self._shard_starts[shard]} of {self.shards[shard]}"

    def _read_values(self, group: int, rows: np.ndarray) -> np.ndarray:
        """Read the examples at some rows of one group."""
        table = self._read_group(group, rows)

        def describe_row(index: int) -> str:
            return self.describe_row(int(rows[index]))

        if self.has_images:
            return decode_examples(columns.column_bytes(table, describe_row), self.spec, self.crop_resize, describe_row)
        values = columns.columns_to_array(table, describe_row)
        if values.shape[1:] != self.spec.shape:
            raise ValueError(
                f"{describe_row(0)} is {ArraySpec(values.shape[1:], values.dtype)}, and the first row of "
                f"{self.shards[0]} is {self.spec}: expected one length; cut or fill them"
            )
        return values

    def _infer_spec(self) -> ArraySpec:
        """Infer shape and dtype from the first row, or from the first few images."""
        rows = np.arange(min(64, self._metadata[0].row_group(self._groups[0][1]).num_rows))
        table = self._read_group(0, rows)
        if self.has_images:
            return infer_spec(columns.column_bytes(table, self.describe_row), self.crop_resize, self.describe_row)
        values = columns.columns_to_array(table, self.describe_row)
        return ArraySpec(values.shape[1:], values.dtype)

    def _read_group(self, group: int, rows: np.ndarray) -> Any:
        """Read the columns of the examples at some rows of one group."""
        shard, number = self._groups[group]
        path = self.shards[shard]
        with io_errors(path), pq.ParquetFile(path, metadata=self._metadata[shard]) as file:
            return file.read_row_group(number, columns=self.columns).take(rows - self._group_starts[group])

    def _read_labels(self, shard: int) -> np.ndarray:
        """Read the labels of one file."""
        path = self.shards[shard]
        with io_errors(path):
            table = pq.read_table(path, columns=[self.label_column])
        return columns.labels_to_array(table.column(0), lambda row: f"the {self.label_column} of row {row} of {path}")

    def _check_schemas(self) -> None:
        """Raise for files whose columns are not those of the first."""
        for shard, schema in zip(self.shards, self._schemas, strict=True):
            for column in filter(None, (*self.columns, self.label_column)):
                actual, expected = (
                    str(s.field(column).type) if column in s.names else "missing" for s in (schema, self._schemas[0])
                )
                if actual != expected:
                    raise ValueError(
                        f"the column '{column}' is {actual} in {shard} and {expected} in {self.shards[0]}: expected "
                        "the same columns in all"
                    )


def read_parquet_metadata(shard: Path) -> Any:
    """Read the metadata of a parquet file, which must not be empty."""
    with io_errors(shard):
        metadata = pq.read_metadata(shard)
    if not metadata.num_rows:
        raise ValueError(f"{shard} is empty: expected at least one row; take it out")
    return metadata


def start_offsets(counts: Any) -> np.ndarray:
    """Return the start of each of several consecutive ranges of these lengths.

    >>> start_offsets([3, 2, 4])
    array([0, 3, 5])
    """
    return np.cumsum([0, *counts])[:-1]
