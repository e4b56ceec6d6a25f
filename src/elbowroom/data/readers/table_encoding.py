"""How the columns of a table become numbers: learned from one table, used for others as well."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import torch

from elbowroom import errors
from elbowroom.data.readers.csv import Cells, Table, number
from elbowroom.data.splits.memory import Arrays

Kind = Literal["number", "category"]
FEW, ROWS = 10, 10
"""Whole numbers are categories if there are at most so many of them, each in so many rows on average; or only two."""
MANY, SOME = 1000, 20
"""Categories there may be at most, and those there may be in any table; between them, each must come twice."""


@dataclass(frozen=True)
class Column:
    """How a column is coded: a number as (value - mean) / sd, a category as its place among ``categories``.

    >>> Column("sex", "category", ("f", "m")).count
    2
    """

    name: str
    kind: Kind
    categories: tuple[str, ...] = ()
    mean: float = 0.0
    sd: float = 1.0

    @property
    def count(self) -> int:
        """How many categories there are; 0 of a number."""
        return len(self.categories)

    @property
    def record(self) -> dict[str, Any]:
        """What JSON keeps of it."""
        return {"name": self.name, "kind": self.kind} | (
            {"categories": list(self.categories)} if self.count else {"mean": self.mean, "sd": self.sd}
        )


def given(columns: Any) -> tuple[Column, ...] | None:
    """Columns that are coded already, as data has them or as JSON keeps them; None where only kinds are given."""
    if columns is None or isinstance(columns, str | Mapping):
        return None
    made = [Column(**one) if isinstance(one, Mapping) else one for one in columns]
    return tuple(replace(column, categories=tuple(column.categories)) for column in made)


def kinds(columns: Any) -> dict[str, str]:
    """The kinds that are asked for by name: ``{"age": "number", "id": "drop"}`` or ``"age=number,id=drop"``.

    Raises:
        ValueError: another kind than number, category and drop.
    """
    if columns is not None and not isinstance(columns, str | Mapping):
        return {}
    if isinstance(columns, str):
        columns = dict(pair.rpartition("=")[::2] for pair in columns.split(","))
    asked = {str(name).strip(): str(kind).strip() for name, kind in columns.items()} if columns else {}
    for name, kind in asked.items():
        if kind not in ("number", "category", "drop") or not name:
            raise ValueError(
                f"columns: '{name}={kind}' is not understood: give NAME=number, NAME=category or NAME=drop"
            )
    return asked


def learned(tables: Sequence[Table], asked: Mapping[str, str], path: str) -> tuple[Column, ...]:
    """The coding of the columns of the first of several tables; categories are those of all of them.

    Raises:
        ValueError: a column with nothing in it, with one value, with texts among numbers or too many different ones.
    """
    held = tables[0].cells
    unknown = next((name for name in asked if name not in held), None)
    if unknown is not None:
        raise errors.unknown(f"column of {path}", unknown, held)
    columns = []
    for name, cells in held.items():
        wish = asked.get(name)
        if wish == "drop":
            continue
        kind = kind_of(cells, wish, tables[0], path)
        if kind == "number":
            values = cells.numbers
            column = Column(name, kind, mean=float(np.nanmean(values)), sd=float(np.nanstd(values)) or 1.0)
            count = len(np.unique(values[~np.isnan(values)]))
        else:
            parts = [table.cells[name] for table in tables if name in table.cells]
            column = Column(name, kind, categories(parts, as_written=wish is not None and cells.is_text))
            count = column.count
        must_be_some(count, column, cells, path)
        columns.append(column)
    if not columns:
        raise ValueError(f"{path} has no columns for examples: expected numbers or categories beside the labels")
    return tuple(columns)


def kind_of(cells: Cells, wish: str | None, table: Table, path: str) -> Kind:
    """What a column holds, as far as its values tell."""
    counts, values = cells.counts, cells.as_numbers
    if not counts.sum():
        raise ValueError(f"the column '{cells.name}' of {path} is empty in every row: fill it, or {leave(cells.name)}")
    if wish is not None:
        return "number" if wish == "number" else "category"
    share = counts[~np.isnan(values)].sum() / counts.sum()
    if share < 0.5:
        return "category"
    if share < 1:
        raise text_in(cells, table, f"{share:.0%} are numbers", f", or give columns='{cells.name}=category'")
    different = np.unique(values)
    few = len(different) <= 2 or (len(different) <= FEW and counts.sum() >= ROWS * len(different))
    return "category" if few and (different == different.round()).all() else "number"


def leave(name: str) -> str:
    """How a column is left out."""
    return f"leave it out: columns='{name}=drop', on the command line --columns {name}=drop"


def must_be_some(count: int, column: Column, cells: Cells, path: str) -> None:
    """Refuse columns from which nothing can be learned."""
    if count < 2:
        value = next(text for text, n in zip(cells.values, cells.counts, strict=True) if n)
        raise ValueError(
            f"the column '{column.name}' of {path} is {value} in every row that has it: there is nothing to learn, so "
            f"{leave(column.name)}"
        )
    rows = int(cells.counts.sum())
    if column.kind == "category" and (count > MANY or count > max(SOME, rows // 2)):
        raise ValueError(
            f"the column '{column.name}' of {path} has {count} different texts in {rows} rows, too many for "
            f"categories: make them numbers or fewer, or {leave(column.name)}"
        )


def text_in(cells: Cells, table: Table, where: str, more: str = "") -> ValueError:
    """What is wrong with the first text, or number without end, in a column of numbers."""
    strange = np.flatnonzero(~np.isfinite(cells.as_numbers))
    rows = np.flatnonzero(np.isin(cells.codes, strange))
    return ValueError(
        f"{table.where(int(rows[0]))} has '{cells.values[cells.codes[rows[0]]]}' in the column '{cells.name}', where "
        f"{where}{such(rows)}: mend or empty the cell{more}"
    )


def such(rows: np.ndarray) -> str:
    """How many rows share a trouble, beside the first of them.

    >>> such(np.array([4])), such(np.array([4, 7]))
    ('', ', one of 2 such rows')
    """
    return f", one of {len(rows)} such rows" if len(rows) > 1 else ""


def categories(parts: Sequence[Cells], as_written: bool) -> tuple[str, ...]:
    """The different values in some columns: numbers by size, unless they are to be taken ``as_written``."""
    values = {value for cells in parts for value, n in zip(cells.values, cells.counts, strict=True) if n}
    if not as_written and all(not np.isnan(number(value)) for value in values):
        return tuple(sorted({name_of(value) for value in values}, key=number))
    return tuple(sorted(map(str, values)))


def name_of(value: str | float) -> str:
    """What a category is called: a number as it is shortest.

    >>> name_of("1.0"), name_of(2.5), name_of("a")
    ('1', '2.5', 'a')
    """
    size = number(value)
    return f"{size:.15g}" if np.isfinite(size) else str(value)


def coded(table: Table, columns: Sequence[Column], path: str) -> np.ndarray:
    """The rows of a table as numbers (N, D), NaN for what is missing.

    Raises:
        ValueError: a column that is not there, texts in a column of numbers, a category that the coding lacks.
    """
    lacking = [column.name for column in columns if column.name not in table.cells]
    if lacking:
        raise ValueError(
            f"{path} lacks the column '{lacking[0]}': expected {', '.join(column.name for column in columns)}; add it, "
            "with empty cells where nothing is known"
        )
    return np.column_stack([code(table.cells[column.name], column, table) for column in columns])


def code(cells: Cells, column: Column, table: Table) -> np.ndarray:
    """One column as numbers (N,)."""
    if column.kind == "number":
        if not np.isfinite(cells.as_numbers).all():
            raise text_in(cells, table, "numbers are expected")
        return (cells.numbers - column.mean) / column.sd
    places = {name: place for place, name in enumerate(column.categories)}
    found = [places.get(str(value), places.get(name_of(value), -1)) for value in cells.values]
    strange = np.isin(cells.codes, [value for value, place in enumerate(found) if place < 0])
    if strange.any():
        row = int(strange.argmax())
        raise ValueError(
            f"{table.where(row)} has the unknown category '{cells.values[cells.codes[row]]}' in the column "
            f"'{column.name}', in {int(strange.sum())} of {table.count} rows: expected {some(column.categories)}; mend "
            "the cells, or empty them to leave them out of account"
        )
    return np.append(np.array(found, dtype=np.float64), np.nan)[cells.codes]


def decoded(x: torch.Tensor, columns: Any) -> list[list[float | str | None]]:
    """The cells that coded rows (N, D) stand for, None for what is missing.

    ``columns`` are as data has them, or as JSON keeps them.

    >>> columns = [Column("age", "number", mean=40, sd=10), Column("sex", "category", ("f", "m"))]
    >>> decoded(torch.tensor([[0.5, 1.0], [torch.nan, 0.0]]), columns)
    [[45.0, 'm'], [None, 'f']]
    """
    known = given(columns)
    assert known is not None
    return [[cell(*pair) for pair in zip(row, known, strict=True)] for row in x.double().tolist()]


def cell(value: float, column: Column) -> float | str | None:
    """What one number of a coded row stands for."""
    if np.isnan(value):
        return None
    return column.categories[round(value)] if column.count else value * column.sd + column.mean


def some(names: Sequence[str]) -> str:
    """The first few of many names."""
    return ", ".join(names[:6]) + (f" or {len(names) - 6} more" if len(names) > 6 else "")


def standardised(splits: Mapping[str, Any], columns: Sequence[Column]) -> tuple[dict[str, Any], tuple[Column, ...]]:
    """The splits of a table with numbers of mean 0 and standard deviation 1 in train, and the coding that does so.

    Raises:
        ValueError: a column of numbers that is empty, or the same, in every row that is trained on.
    """
    train = splits["train"].x.double()
    mean, sd = torch.zeros(len(columns), dtype=torch.double), torch.ones(len(columns), dtype=torch.double)
    made = []
    for place, column in enumerate(columns):
        values = train[:, place]
        values = values[~values.isnan()]
        if column.kind == "number":
            if len(values) < 2 or not values.std(correction=0) > 0:
                held = "one value" if len(values) else "nothing"
                raise ValueError(
                    f"the column '{column.name}' has {held} in the rows that are trained on: fill it, or "
                    f"{leave(column.name)}"
                )
            mean[place], sd[place] = values.mean(), values.std(correction=0)
            column = replace(column, mean=column.mean + column.sd * float(mean[place]), sd=column.sd * float(sd[place]))
        made.append(column)
    return {
        name: split.but(x=((split.x.double() - mean) / sd).float()) if isinstance(split, Arrays) else split
        for name, split in splits.items()
    }, tuple(made)
