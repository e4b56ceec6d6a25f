"""Bins of the columns of a table, chosen by its training rows."""

from __future__ import annotations

from collections.abc import Sequence

from elbowroom.column_bins import ColumnBins, choose_bins
from elbowroom.data.raw import AnySplit
from elbowroom.data.readers.table_encoding import Column
from elbowroom.data.splits.memory import InMemorySplit


def choose_table_bins(columns: Sequence[Column], train: AnySplit) -> list[ColumnBins | None]:
    """Return the bins of each column of numbers, in its encoding; None for categories, and for rows not in memory."""
    if not isinstance(train, InMemorySplit):
        return [None] * len(columns)
    x = train.x.double().cpu().numpy()
    return [None if column.n_categories else choose_bins(x[:, i]) for i, column in enumerate(columns)]
