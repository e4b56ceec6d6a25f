"""Examples that are rows: their columns, and their cells as texts in the units of the source, with probabilities."""

from __future__ import annotations

import math
from functools import cached_property
from typing import Annotated, Any

import msgspec
import torch
from msgspec import UNSET, Meta, UnsetType
from torch import Tensor

from elbowroom import formatting
from elbowroom.data.readers.table_encoding import Cell, Column, decode_rows, parse_columns
from elbowroom.runs.run_view import RunView

#: Numbers of an example without columns up to which it is shown as a row; longer ones are drawn as curves.
MAX_ROW_NUMBERS = 24
#: A number without a known range stands between these standard deviations of the training rows.
RANGE_SD = 3.0


class ColumnInfo(msgspec.Struct):
    """A column of examples that are rows."""

    name: str
    kind: Annotated[str, Meta(description="number, category or date")]
    categories: Annotated[list[str], Meta(description="names of the categories; empty for numbers and dates")]
    low: Annotated[str | None, Meta(description="the smallest value in the source, as text; null if unknown")]
    high: Annotated[str | None, Meta(description="the largest")]


class CellInfo(msgspec.Struct, omit_defaults=True):
    """A cell of a row."""

    text: Annotated[str | None, Meta(description="in the unit of the column; null if it is empty")]
    at: Annotated[
        float | UnsetType, Meta(description="of a number, its place between the smallest, 0, and the largest, 1")
    ] = UNSET
    p: Annotated[list[float] | UnsetType, Meta(description="of a category, the probability of each under p(x|z)")] = (
        UNSET
    )


class ExampleColumns:
    """The columns of a run's examples: those of its table, or numbered ones of a short vector.

    Args:
        view: the run.
    """

    def __init__(self, view: RunView) -> None:
        columns = parse_columns(view.record["data"].get("columns"))
        self._is_table = columns is not None
        self.encoded: tuple[Column, ...] = columns or _numbered_columns(math.prod(view.shape))
        self._own = [(i, column) for i, column in enumerate(self.encoded) if not column.part]

    @property
    def infos(self) -> list[ColumnInfo]:
        """The columns, without the cyclic parts of dates."""
        return [
            ColumnInfo(column.name, column.kind, list(column.categories), *(_limit(column, end) for end in (0.0, 1.0)))
            for _, column in self._own
        ]

    def rows(self, x: Tensor, probabilities: Tensor | None = None) -> list[list[CellInfo]]:
        """Return the cells of encoded rows (N, *shape).

        Args:
            x: the rows.
            probabilities: those of :attr:`category_queries`, (N, S).
        """
        x = x.flatten(1).cpu()
        cells = decode_rows(x, self.encoded)
        columns = [
            self._column_cells(column, x[:, i], [row[k] for row in cells]) for k, (i, column) in enumerate(self._own)
        ]
        if probabilities is not None and probabilities.shape[1]:
            self._add_probabilities(columns, probabilities)
        return [list(row) for row in zip(*columns, strict=True)]

    def _add_probabilities(self, columns: list[list[CellInfo]], probabilities: Tensor) -> None:
        categorical = [
            (cells, column.n_categories)
            for cells, (_, column) in zip(columns, self._own, strict=True)
            if column.n_categories
        ]
        parts = torch.split(probabilities.cpu(), [n for _, n in categorical], 1)
        for (cells, _), part in zip(categorical, parts, strict=True):
            for cell, row in zip(cells, part.tolist(), strict=True):
                cell.p = row

    @cached_property
    def category_queries(self) -> Tensor:
        """Rows (S, D) that are empty but for one category each.

        Their log-probabilities under p(x|z) of a table, where empty cells add nothing, are those of the categories.
        """
        categorical = [(i, column.n_categories) for i, column in self._own if column.n_categories]
        queries = torch.full((sum(n for _, n in categorical), len(self.encoded)), torch.nan)
        row = 0
        for i, n in categorical:
            queries[row : row + n, i] = torch.arange(n, dtype=torch.float32)
            row += n
        return queries

    def _column_cells(self, column: Column, values: Tensor, cells: list[Cell]) -> list[CellInfo]:
        texts = [None if cell is None else self._format(cell) for cell in cells]
        if column.n_categories or not self._is_table:
            return [CellInfo(text) for text in texts]
        low, high = (_standardized_limit(column, end) for end in (0.0, 1.0))
        places = ((values.double() - low) / max(high - low, 1e-9)).clamp(0, 1).tolist()
        return [
            CellInfo(text) if text is None else CellInfo(text, place) for text, place in zip(texts, places, strict=True)
        ]

    @staticmethod
    def _format(cell: Cell) -> str:
        if isinstance(cell, float):
            return formatting.format_number(cell)
        return str(cell).replace("-", "−") if isinstance(cell, int) else str(cell)


def _numbered_columns(n: int) -> tuple[Column, ...]:
    return tuple(Column(f"value {i}", "number") for i in range(1, n + 1))


def _standardized_limit(column: Column, end: float) -> float:
    """Return the smallest (0) or largest (1) number of a column as a model sees it."""
    limit = column.high if end else column.low
    return (RANGE_SD if end else -RANGE_SD) if limit is None else (limit - column.mean) / column.sd


def _limit(column: Column, end: float) -> str | None:
    if column.n_categories or (column.high if end else column.low) is None:
        return None
    value: Any = decode_rows(torch.tensor([[_standardized_limit(column, end)]]), [column])[0][0]
    return ExampleColumns._format(value)
