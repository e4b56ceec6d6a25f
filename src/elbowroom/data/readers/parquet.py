"""Tables, lists and pictures in parquet shards, read by row groups. Needs pyarrow."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import torch
from torch import Tensor

from elbowroom.data.file_io import readable
from elbowroom.data.image import AS_IS, Fit
from elbowroom.data.readers import arrow
from elbowroom.data.splits.blocks import longest_of
from elbowroom.data.value_kinds import Form, examples, form_of


class Parquet:
    """The rows of parquet files, one after the other.

    The label is the column of one of its names (``label``, ``y``, ``target``, ...), if there is one. The examples are
    the one column of pictures (their bytes, or a struct that has them), or the one column of lists of numbers, or
    lists of lists, all of one length; where there are several, the one named ``image``, ``x`` or the like. Failing
    these they are all other columns, which have to be numbers.

    Raises:
        ValueError: a damaged or empty file, files with different columns, columns of text, an empty field; on
            reading, pictures or lists of another form than those looked at first.
    """

    def __init__(self, shards: Sequence[Path], fit: Fit = AS_IS) -> None:
        self.shards, self.fit = shards, fit
        self._files = [metadata_of(shard) for shard in shards]
        self._schemas = [file.schema.to_arrow_schema() for file in self._files]
        self._groups = [(n, g) for n, file in enumerate(self._files) for g in range(file.num_row_groups)]
        self._begins = begins(self._files[n].row_group(g).num_rows for n, g in self._groups)
        self._shard_begins = begins(file.num_rows for file in self._files)
        self.columns, self.label = arrow.chosen(self._schemas[0], shards[0])
        self._must_agree()
        self.pictures = arrow.holds(self._schemas[0].field(self.columns[0]).type) == "picture"
        if fit != AS_IS and not self.pictures:
            raise ValueError(f"{fit} is for pictures, and {shards[0]} has none: leave it out")
        self.labels = None if self.label is None else np.concatenate([self._labels(n) for n in range(len(shards))])
        self.form = self._form()

    def __len__(self) -> int:
        return sum(file.num_rows for file in self._files)

    def rows(self, rows: np.ndarray) -> np.ndarray:
        """The examples at ``rows``; each row group they are in is read whole, one at a time."""
        made = np.empty((len(rows), *self.form.shape), self.form.dtype)
        group_of = np.searchsorted(self._begins, rows, side="right") - 1
        for group in np.unique(group_of):
            made[group_of == group] = self._values(group, rows[group_of == group])
        return made

    def blocks(self, buffer: int | None) -> Tensor:
        """The row groups."""
        groups = torch.from_numpy(self._begins)
        longest = longest_of(groups, len(self))
        if buffer is not None and buffer < longest:
            raise ValueError(
                f"buffer={buffer} is less than a row group, which is read whole and has up to {longest} rows: give at "
                f"least {longest}, or write the files with a smaller row_group_size"
            )
        return groups

    def where(self, row: int) -> str:
        """The row of the shard."""
        shard = int(np.searchsorted(self._shard_begins, row, side="right")) - 1
        return f"row {row - self._shard_begins[shard]} of {self.shards[shard]}"

    def _values(self, group: int, rows: np.ndarray) -> np.ndarray:
        """The examples at some rows of one group."""
        table = self._table(group, rows)

        def name(place: int) -> str:
            return self.where(int(rows[place]))

        if self.pictures:
            return examples(arrow.contents(table, name), self.form, self.fit, name)
        values = arrow.values(table, name)
        if values.shape[1:] != self.form.shape:
            raise ValueError(
                f"{name(0)} is {Form(values.shape[1:], values.dtype)}, and the first row of {self.shards[0]} is "
                f"{self.form}: expected one length; cut or fill them"
            )
        return values

    def _form(self) -> Form:
        """The form of the first row, or of the first few pictures."""
        rows = np.arange(min(64, self._files[0].row_group(self._groups[0][1]).num_rows))
        table = self._table(0, rows)
        if self.pictures:
            return form_of(arrow.contents(table, self.where), self.fit, self.where)
        values = arrow.values(table, self.where)
        return Form(values.shape[1:], values.dtype)

    def _table(self, group: int, rows: np.ndarray) -> Any:
        """The columns of the examples, at some rows of one group."""
        shard, number = self._groups[group]
        path = self.shards[shard]
        with readable(path), pq.ParquetFile(path, metadata=self._files[shard]) as file:
            return file.read_row_group(number, columns=self.columns).take(rows - self._begins[group])

    def _labels(self, shard: int) -> np.ndarray:
        """The labels of one file."""
        path = self.shards[shard]
        with readable(path):
            table = pq.read_table(path, columns=[self.label])
        return arrow.labels(table.column(0), lambda row: f"the {self.label} of row {row} of {path}")

    def _must_agree(self) -> None:
        """Refuse files whose columns are not those of the first."""
        for shard, schema in zip(self.shards, self._schemas, strict=True):
            for column in filter(None, (*self.columns, self.label)):
                have, want = (
                    str(s.field(column).type) if column in s.names else "missing" for s in (schema, self._schemas[0])
                )
                if have != want:
                    raise ValueError(
                        f"the column '{column}' is {have} in {shard} and {want} in {self.shards[0]}: expected the same "
                        "columns in all"
                    )


def metadata_of(shard: Path) -> Any:
    """What a parquet file says of itself."""
    with readable(shard):
        metadata = pq.read_metadata(shard)
    if not metadata.num_rows:
        raise ValueError(f"{shard} is empty: expected at least one row; take it out")
    return metadata


def begins(counts: Any) -> np.ndarray:
    """Where each of several runs of these lengths begins.

    >>> begins([3, 2, 4])
    array([0, 3, 5])
    """
    return np.cumsum([0, *counts])[:-1]
