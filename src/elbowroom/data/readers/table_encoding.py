"""How the columns of a table become numbers: learned from one table, used for others as well."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import torch

from elbowroom import errors
from elbowroom.data.readers.csv import RawColumn, RawTable, parse_number
from elbowroom.data.splits.memory import InMemorySplit

ColumnKind = Literal["number", "category"]
MAX_INTEGER_CATEGORIES, MIN_ROWS_PER_CATEGORY = 10, 10
"""Whole numbers are categories if there are at most so many of them, each in so many rows on average; or only two."""
MAX_CATEGORIES, ALWAYS_ALLOWED_CATEGORIES = 1000, 20
"""Categories there may be at most, and those there may be in any table; between them, each must come twice."""


@dataclass(frozen=True)
class Column:
    """How a column is coded: a number as (value - mean) / sd, a category as its place among ``collect_categories``.

    >>> Column("sex", "category", ("f", "m")).count
    2
    """

    name: str
    kind: ColumnKind
    categories: tuple[str, ...] = ()
    mean: float = 0.0
    sd: float = 1.0

    @property
    def n_categories(self) -> int:
        """How many categories there are; 0 of a number."""
        return len(self.categories)

    @property
    def record(self) -> dict[str, Any]:
        """What JSON keeps of it."""
        return {"name": self.name, "kind": self.kind} | (
            {"categories": list(self.categories)} if self.n_categories else {"mean": self.mean, "sd": self.sd}
        )


def parse_columns(columns: Any) -> tuple[Column, ...] | None:
    """Columns that are coded already, as data has them or as JSON keeps them; None where only kinds are given."""
    if columns is None or isinstance(columns, str | Mapping):
        return None
    made = [Column(**one) if isinstance(one, Mapping) else one for one in columns]
    return tuple(replace(column, categories=tuple(column.categories)) for column in made)


def parse_column_kinds(columns: Any) -> dict[str, str]:
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


def infer_columns(tables: Sequence[RawTable], kind_overrides: Mapping[str, str], path: str) -> tuple[Column, ...]:
    """The coding of the columns of the first of several tables; categories are those of all of them.

    Raises:
        ValueError: a column with nothing in it, with one value, with texts among numbers or too many different ones.
    """
    held = tables[0].columns
    unknown = next((name for name in kind_overrides if name not in held), None)
    if unknown is not None:
        raise errors.unknown_name(f"column of {path}", unknown, held)
    columns = []
    for name, cells in held.items():
        wish = kind_overrides.get(name)
        if wish == "drop":
            continue
        kind = infer_kind(cells, wish, tables[0], path)
        if kind == "number":
            values = cells.numbers_by_row
            column = Column(name, kind, mean=float(np.nanmean(values)), sd=float(np.nanstd(values)) or 1.0)
            count = len(np.unique(values[~np.isnan(values)]))
        else:
            parts = [table.columns[name] for table in tables if name in table.columns]
            column = Column(name, kind, collect_categories(parts, as_written=wish is not None and cells.is_text))
            count = column.n_categories
        check_informative(count, column, cells, path)
        columns.append(column)
    if not columns:
        raise ValueError(f"{path} has no columns for examples: expected numbers or categories beside the labels")
    return tuple(columns)


def infer_kind(raw_column: RawColumn, kind_override: str | None, table: RawTable, path: str) -> ColumnKind:
    """What a column holds, as far as its values tell."""
    counts, values = raw_column.value_counts, raw_column.numeric_values
    if not counts.sum():
        raise ValueError(
            f"the column '{raw_column.name}' of {path} is empty in every row: fill it, or {drop_hint(raw_column.name)}"
        )
    if kind_override is not None:
        return "number" if kind_override == "number" else "category"
    share = counts[~np.isnan(values)].sum() / counts.sum()
    if share < 0.5:
        return "category"
    if share < 1:
        raise not_a_number_error(
            raw_column, table, f"{share:.0%} are numbers", f", or give columns='{raw_column.name}=category'"
        )
    different = np.unique(values)
    few = len(different) <= 2 or (
        len(different) <= MAX_INTEGER_CATEGORIES and counts.sum() >= MIN_ROWS_PER_CATEGORY * len(different)
    )
    return "category" if few and (different == different.round()).all() else "number"


def drop_hint(name: str) -> str:
    """How a column is left out."""
    return f"leave it out: columns='{name}=drop', on the command line --columns {name}=drop"


def check_informative(n_distinct: int, column: Column, raw_column: RawColumn, path: str) -> None:
    """Refuse columns from which nothing can be learned."""
    if n_distinct < 2:
        value = next(text for text, n in zip(raw_column.values, raw_column.value_counts, strict=True) if n)
        raise ValueError(
            f"the column '{column.name}' of {path} is {value} in every row that has it: there is nothing to learn, so "
            f"{drop_hint(column.name)}"
        )
    rows = int(raw_column.value_counts.sum())
    if column.kind == "category" and (
        n_distinct > MAX_CATEGORIES or n_distinct > max(ALWAYS_ALLOWED_CATEGORIES, rows // 2)
    ):
        raise ValueError(
            f"the column '{column.name}' of {path} has {n_distinct} different texts in {rows} rows, too many for "
            f"categories: make them numbers or fewer, or {drop_hint(column.name)}"
        )


def not_a_number_error(raw_column: RawColumn, table: RawTable, reason: str, hint: str = "") -> ValueError:
    """What is wrong with the first text, or number without end, in a column of numbers."""
    strange = np.flatnonzero(~np.isfinite(raw_column.numeric_values))
    rows = np.flatnonzero(np.isin(raw_column.value_indices, strange))
    return ValueError(
        f"{table.describe_row(int(rows[0]))} has '{raw_column.values[raw_column.value_indices[rows[0]]]}' in the column '{raw_column.name}', where "
        f"{reason}{others_suffix(rows)}: mend or empty the cell{hint}"
    )


def others_suffix(rows: np.ndarray) -> str:
    """How many rows share a trouble, beside the first of them.

    >>> others_suffix(np.array([4])), others_suffix(np.array([4, 7]))
    ('', ', one of 2 such rows')
    """
    return f", one of {len(rows)} such rows" if len(rows) > 1 else ""


def collect_categories(raw_columns: Sequence[RawColumn], as_written: bool) -> tuple[str, ...]:
    """The different values in some columns: numbers by size, unless they are to be taken ``as_written``."""
    values = {value for cells in raw_columns for value, n in zip(cells.values, cells.value_counts, strict=True) if n}
    if not as_written and all(not np.isnan(parse_number(value)) for value in values):
        return tuple(sorted({category_name(value) for value in values}, key=parse_number))
    return tuple(sorted(map(str, values)))


def category_name(value: str | float) -> str:
    """What a category is called: a number as it is shortest.

    >>> category_name("1.0"), category_name(2.5), category_name("a")
    ('1', '2.5', 'a')
    """
    size = parse_number(value)
    return f"{size:.15g}" if np.isfinite(size) else str(value)


def encode_table(table: RawTable, columns: Sequence[Column], path: str) -> np.ndarray:
    """The rows of a table as numbers (N, D), NaN for what is missing.

    Raises:
        ValueError: a column that is not there, texts in a column of numbers, a category that the coding lacks.
    """
    lacking = [column.name for column in columns if column.name not in table.columns]
    if lacking:
        raise ValueError(
            f"{path} lacks the column '{lacking[0]}': expected {', '.join(column.name for column in columns)}; add it, "
            "with empty cells where nothing is known"
        )
    return np.column_stack([encode_column(table.columns[column.name], column, table) for column in columns])


def encode_column(raw_column: RawColumn, column: Column, table: RawTable) -> np.ndarray:
    """One column as numbers (N,)."""
    if column.kind == "number":
        if not np.isfinite(raw_column.numeric_values).all():
            raise not_a_number_error(raw_column, table, "numbers are expected")
        return (raw_column.numbers_by_row - column.mean) / column.sd
    places = {name: place for place, name in enumerate(column.categories)}
    found = [places.get(str(value), places.get(category_name(value), -1)) for value in raw_column.values]
    strange = np.isin(raw_column.value_indices, [value for value, place in enumerate(found) if place < 0])
    if strange.any():
        row = int(strange.argmax())
        raise ValueError(
            f"{table.describe_row(row)} has the unknown category '{raw_column.values[raw_column.value_indices[row]]}' in the column "
            f"'{column.name}', in {int(strange.sum())} of {table.n_rows} rows: expected {format_names(column.categories)}; mend "
            "the cells, or empty them to leave them out of account"
        )
    return np.append(np.array(found, dtype=np.float64), np.nan)[raw_column.value_indices]


def decode_rows(x: torch.Tensor, columns: Any) -> list[list[float | str | None]]:
    """The cells that coded rows (N, D) stand for, None for what is missing.

    ``columns`` are as data has them, or as JSON keeps them.

    >>> columns = [Column("age", "number", mean=40, sd=10), Column("sex", "category", ("f", "m"))]
    >>> decode_rows(torch.tensor([[0.5, 1.0], [torch.nan, 0.0]]), columns)
    [[45.0, 'm'], [None, 'f']]
    """
    known = parse_columns(columns)
    assert known is not None
    return [[decode_cell(*pair) for pair in zip(row, known, strict=True)] for row in x.double().tolist()]


def decode_cell(value: float, column: Column) -> float | str | None:
    """What one number of a coded row stands for."""
    if np.isnan(value):
        return None
    return column.categories[round(value)] if column.n_categories else value * column.sd + column.mean


def format_names(names: Sequence[str]) -> str:
    """The first few of many names."""
    return ", ".join(names[:6]) + (f" or {len(names) - 6} more" if len(names) > 6 else "")


def standardize_splits(
    splits: Mapping[str, Any], columns: Sequence[Column]
) -> tuple[dict[str, Any], tuple[Column, ...]]:
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
                    f"{drop_hint(column.name)}"
                )
            mean[place], sd[place] = values.mean(), values.std(correction=0)
            column = replace(column, mean=column.mean + column.sd * float(mean[place]), sd=column.sd * float(sd[place]))
        made.append(column)
    return {
        name: split.replace(x=((split.x.double() - mean) / sd).float()) if isinstance(split, InMemorySplit) else split
        for name, split in splits.items()
    }, tuple(made)
