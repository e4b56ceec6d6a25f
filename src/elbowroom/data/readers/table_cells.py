"""The cells of a table as they stood in its source, beside the encoded rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from elbowroom.data.readers.table_encoding import Cell, RawTable
from elbowroom.data.splits.memory import InMemorySplit


@dataclass(frozen=True)
class SourceCells:
    """The cells of some rows of a table as they were written, by column in the order of the source; None where empty.

    >>> SourceCells({"a": ["01", None], "b": [1, 2]}).first(1)
    SourceCells(columns={'a': ['01'], 'b': [1]})
    """

    columns: Mapping[str, Sequence[Cell]]

    def __len__(self) -> int:
        return len(next(iter(self.columns.values())))

    def take(self, rows: Sequence[int]) -> SourceCells:
        """Return the cells of the rows at these positions."""
        return SourceCells({name: [cells[row] for row in rows] for name, cells in self.columns.items()})

    def first(self, n: int) -> SourceCells:
        """Return the cells of the first ``n`` rows."""
        return SourceCells({name: cells[:n] for name, cells in self.columns.items()})


def join_cells(parts: Sequence[SourceCells | None]) -> SourceCells | None:
    """Return the cells of several splits as one, one split after the other; None where those of a split are not known.

    >>> join_cells([SourceCells({"a": ["01"]}), SourceCells({"a": ["02", None]})])
    SourceCells(columns={'a': ['01', '02', None]})
    """
    known = [part for part in parts if part is not None]
    if len(known) < len(parts):
        return None
    return SourceCells({name: [cell for part in known for cell in part.columns[name]] for name in known[0].columns})


@dataclass(frozen=True)
class TableSource:
    """The tables that rows were encoded from, one for each split that the source has.

    Attributes:
        label: the name of the column of the labels.
        left_out: the names of columns that were asked to be left out.
        constants: the columns with one value, which are left out, and that value.
        notes: what was guessed, in words.
        foreign_splits: the names of splits that are not rows of these tables.
    """

    tables: Mapping[str, RawTable]
    label: str | None = None
    left_out: tuple[str, ...] = ()
    constants: Mapping[str, Cell] | None = None
    notes: tuple[str, ...] = ()
    foreign_splits: tuple[str, ...] = ()

    def cells(self, split_name: str, split: Any) -> SourceCells | None:
        """Return the cells of the rows of a split; None where they come from elsewhere."""
        if split_name in self.foreign_splits or not isinstance(split, InMemorySplit):
            return None
        table = self.tables.get(split_name, self.tables["train"])
        rows = np.arange(len(split)) if split.source_rows is None else split.source_rows.cpu().numpy()
        return SourceCells({name: column.cells(rows) for name, column in table.columns.items()})

    def record(self, train: Any) -> dict[str, Any]:
        """Return as JSON what writing rows needs beside the encoding: the order of columns, constants, label.

        Args:
            train: the training rows; of their labels, where they are class indices, the shares are recorded.
        """
        labels = train.y if isinstance(train, InMemorySplit) else None
        names = [name for name in self.tables["train"].columns if name not in self.left_out]
        record: dict[str, Any] = {"names": names, "label": self.label, "constants": dict(self.constants or {})}
        if labels is not None and labels.dim() == 1 and not labels.is_floating_point() and (labels >= 0).any():
            counts = torch.bincount(labels[labels >= 0]).double()
            record["label_shares"] = [round(share, 6) for share in (counts / counts.sum()).tolist()]
        return record
