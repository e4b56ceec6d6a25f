"""Encoding of the columns of a table as numbers: inferred from one table, applied to others, decoded again."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import torch

from elbowroom import errors
from elbowroom.data.splits.memory import InMemorySplit

ColumnKind = Literal["number", "category"]
MAX_INTEGER_CATEGORIES = 10
"""Most different whole numbers in a column of categories; only two are always categories."""
MIN_ROWS_PER_CATEGORY = 10
"""Average number of rows for each of these numbers, at least."""
MAX_CATEGORIES = 1000
"""Most categories in a column."""
ALWAYS_ALLOWED_CATEGORIES = 20
"""Categories above which a column must have two rows for each, on average."""


@dataclass(frozen=True)
class RawColumn:
    """A column as read: its different values, texts or numbers, and the index of each row's value, -1 if missing.

    >>> RawColumn("age", np.array([1, 0, -1]), ["20", "x"]).numbers_by_row
    array([nan, 20., nan])
    """

    name: str
    value_indices: np.ndarray
    values: Sequence[str] | np.ndarray

    @property
    def numeric_values(self) -> np.ndarray:
        """The different values as numbers, NaN for texts that are none."""
        return np.array([parse_number(value) for value in self.values], dtype=np.float64)

    @property
    def numbers_by_row(self) -> np.ndarray:
        """The number in every row, NaN where there is none."""
        numbers: np.ndarray = np.append(self.numeric_values, np.nan)[self.value_indices]
        return numbers

    @property
    def value_counts(self) -> np.ndarray:
        """The number of rows that have each value."""
        return np.bincount(self.value_indices[self.value_indices >= 0], minlength=len(self.values))

    @property
    def is_text(self) -> bool:
        """Whether it was written as text, as all columns of a .csv are."""
        return not isinstance(self.values, np.ndarray)


@dataclass(frozen=True)
class RawTable:
    """The columns of one or more files, of ``n_rows`` rows; ``describe_row`` names a row by its index, for errors."""

    columns: dict[str, RawColumn]
    n_rows: int
    describe_row: Callable[[int], str]


@dataclass(frozen=True)
class Column:
    """The encoding of a column: a number as (value - mean) / sd, a category as its index in ``categories``.

    >>> Column("sex", "category", ("f", "m")).n_categories
    2
    """

    name: str
    kind: ColumnKind
    categories: tuple[str, ...] = ()
    mean: float = 0.0
    sd: float = 1.0

    @property
    def n_categories(self) -> int:
        """The number of categories, 0 for a column of numbers."""
        return len(self.categories)

    @property
    def record(self) -> dict[str, Any]:
        """The encoding as JSON."""
        return {"name": self.name, "kind": self.kind} | (
            {"categories": list(self.categories)} if self.n_categories else {"mean": self.mean, "sd": self.sd}
        )


def parse_number(text: str | float) -> float:
    """Parse a number, or return NaN for anything else.

    >>> parse_number("1e3"), parse_number("1_000")
    (1000.0, nan)
    """
    try:
        return float("nan") if isinstance(text, str) and "_" in text else float(text)
    except ValueError:
        return float("nan")


def parse_columns(columns: Any) -> tuple[Column, ...] | None:
    """Return the encoding of columns, given as such or as JSON has it; None where only kinds are given."""
    if columns is None or isinstance(columns, str | Mapping):
        return None
    parsed = [Column(**column) if isinstance(column, Mapping) else column for column in columns]
    return tuple(replace(column, categories=tuple(column.categories)) for column in parsed)


def parse_column_kinds(columns: Any) -> dict[str, str]:
    """Parse the kinds of columns by name: ``{"age": "number", "id": "drop"}`` or ``"age=number,id=drop"``.

    Raises:
        ValueError: another kind than number, category and drop.
    """
    if columns is not None and not isinstance(columns, str | Mapping):
        return {}
    if isinstance(columns, str):
        columns = dict(pair.rpartition("=")[::2] for pair in columns.split(","))
    kinds = {str(name).strip(): str(kind).strip() for name, kind in columns.items()} if columns else {}
    for name, kind in kinds.items():
        if kind not in ("number", "category", "drop") or not name:
            raise ValueError(
                f"columns: '{name}={kind}' is not understood: give NAME=number, NAME=category or NAME=drop"
            )
    return kinds


def infer_columns(tables: Sequence[RawTable], kind_overrides: Mapping[str, str], path: str) -> tuple[Column, ...]:
    """Infer the encoding of the columns of the first of several tables; categories are collected from all of them.

    Raises:
        ValueError: a column that is empty, constant, has texts among numbers or too many different texts.
    """
    raw_columns = tables[0].columns
    unknown = next((name for name in kind_overrides if name not in raw_columns), None)
    if unknown is not None:
        raise errors.unknown_name(f"column of {path}", unknown, raw_columns)
    columns = []
    for name, raw_column in raw_columns.items():
        override = kind_overrides.get(name)
        if override == "drop":
            continue
        kind = infer_kind(raw_column, override, tables[0], path)
        if kind == "number":
            values = raw_column.numbers_by_row
            column = Column(name, kind, mean=float(np.nanmean(values)), sd=float(np.nanstd(values)) or 1.0)
            n_distinct = len(np.unique(values[~np.isnan(values)]))
        else:
            parts = [table.columns[name] for table in tables if name in table.columns]
            as_written = override is not None and raw_column.is_text
            column = Column(name, kind, collect_categories(parts, as_written))
            n_distinct = column.n_categories
        check_informative(n_distinct, column, raw_column, path)
        columns.append(column)
    if not columns:
        raise ValueError(f"{path} has no columns for examples: expected numbers or categories beside the labels")
    return tuple(columns)


def infer_kind(raw_column: RawColumn, kind_override: str | None, table: RawTable, path: str) -> ColumnKind:
    """Infer from the values of a column whether they are numbers or categories, unless its kind is given."""
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
    distinct = np.unique(values)
    few = len(distinct) <= 2 or (
        len(distinct) <= MAX_INTEGER_CATEGORIES and counts.sum() >= MIN_ROWS_PER_CATEGORY * len(distinct)
    )
    return "category" if few and (distinct == distinct.round()).all() else "number"


def drop_hint(name: str) -> str:
    """Return the words of an error message that tell how to leave a column out."""
    return f"leave it out: columns='{name}=drop', on the command line --columns {name}=drop"


def check_informative(n_distinct: int, column: Column, raw_column: RawColumn, path: str) -> None:
    """Raise for a column from which nothing can be learned: a constant, or nearly as many categories as rows."""
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
    """Return the error for the first text, or infinite number, in a column of numbers."""
    invalid = np.flatnonzero(~np.isfinite(raw_column.numeric_values))
    rows = np.flatnonzero(np.isin(raw_column.value_indices, invalid))
    value = raw_column.values[raw_column.value_indices[rows[0]]]
    return ValueError(
        f"{table.describe_row(int(rows[0]))} has '{value}' in the column '{raw_column.name}', where "
        f"{reason}{others_suffix(rows)}: mend or empty the cell{hint}"
    )


def others_suffix(rows: np.ndarray) -> str:
    """Return how many rows share an error with the first of them, for its message.

    >>> others_suffix(np.array([4])), others_suffix(np.array([4, 7]))
    ('', ', one of 2 such rows')
    """
    return f", one of {len(rows)} such rows" if len(rows) > 1 else ""


def collect_categories(raw_columns: Sequence[RawColumn], as_written: bool) -> tuple[str, ...]:
    """Return the different values in some columns, sorted: numbers by size, unless they are taken ``as_written``."""
    values = {value for column in raw_columns for value, n in zip(column.values, column.value_counts, strict=True) if n}
    if not as_written and all(not np.isnan(parse_number(value)) for value in values):
        return tuple(sorted({category_name(value) for value in values}, key=parse_number))
    return tuple(sorted(map(str, values)))


def category_name(value: str | float) -> str:
    """Return the name of a category: a number in its shortest form, a text as it is.

    >>> category_name("1.0"), category_name(2.5), category_name("a")
    ('1', '2.5', 'a')
    """
    number = parse_number(value)
    return f"{number:.15g}" if np.isfinite(number) else str(value)


def encode_table(table: RawTable, columns: Sequence[Column], path: str) -> np.ndarray:
    """Encode the rows of a table as numbers (N, D), NaN for missing cells.

    Raises:
        ValueError: a column that is missing, texts in a column of numbers, a category that the encoding lacks.
    """
    missing = [column.name for column in columns if column.name not in table.columns]
    if missing:
        raise ValueError(
            f"{path} lacks the column '{missing[0]}': expected {', '.join(column.name for column in columns)}; add it, "
            "with empty cells where nothing is known"
        )
    return np.column_stack([encode_column(table.columns[column.name], column, table) for column in columns])


def encode_column(raw_column: RawColumn, column: Column, table: RawTable) -> np.ndarray:
    """Encode one column as numbers (N,)."""
    if column.kind == "number":
        if not np.isfinite(raw_column.numeric_values).all():
            raise not_a_number_error(raw_column, table, "numbers are expected")
        return (raw_column.numbers_by_row - column.mean) / column.sd
    index_of = {name: index for index, name in enumerate(column.categories)}
    codes = [index_of.get(str(value), index_of.get(category_name(value), -1)) for value in raw_column.values]
    unknown = np.isin(raw_column.value_indices, [value for value, code in enumerate(codes) if code < 0])
    if unknown.any():
        row = int(unknown.argmax())
        value = raw_column.values[raw_column.value_indices[row]]
        raise ValueError(
            f"{table.describe_row(row)} has the unknown category '{value}' in the column '{column.name}', in "
            f"{int(unknown.sum())} of {table.n_rows} rows: expected {format_names(column.categories)}; mend the "
            "cells, or empty them to leave them out of account"
        )
    encoded: np.ndarray = np.append(np.array(codes, dtype=np.float64), np.nan)[raw_column.value_indices]
    return encoded


def decode_rows(x: torch.Tensor, columns: Any) -> list[list[float | str | None]]:
    """Decode rows (N, D) to the cells they stand for, None for missing ones.

    Args:
        x: encoded rows.
        columns: their encoding, as :class:`Data <elbowroom.data.load.Data>` or as JSON has it.

    >>> columns = [Column("age", "number", mean=40, sd=10), Column("sex", "category", ("f", "m"))]
    >>> decode_rows(torch.tensor([[0.5, 1.0], [torch.nan, 0.0]]), columns)
    [[45.0, 'm'], [None, 'f']]
    """
    parsed = parse_columns(columns)
    assert parsed is not None
    return [[decode_cell(*pair) for pair in zip(row, parsed, strict=True)] for row in x.double().tolist()]


def decode_cell(value: float, column: Column) -> float | str | None:
    """Decode one number of an encoded row."""
    if np.isnan(value):
        return None
    return column.categories[round(value)] if column.n_categories else value * column.sd + column.mean


def format_names(names: Sequence[str]) -> str:
    """Format the first few of many names.

    >>> format_names("abcdefgh")
    'a, b, c, d, e, f or 2 more'
    """
    return ", ".join(names[:6]) + (f" or {len(names) - 6} more" if len(names) > 6 else "")


def standardize_splits(
    splits: Mapping[str, Any], columns: Sequence[Column]
) -> tuple[dict[str, Any], tuple[Column, ...]]:
    """Standardize the numbers of a table to mean 0 and standard deviation 1 in train.

    Returns:
        The splits, and the encoding of the columns that includes it.

    Raises:
        ValueError: a column of numbers that is empty, or constant, in the training rows.
    """
    train = splits["train"].x.double()
    mean, sd = torch.zeros(len(columns), dtype=torch.double), torch.ones(len(columns), dtype=torch.double)
    standardized = []
    for index, column in enumerate(columns):
        values = train[:, index]
        values = values[~values.isnan()]
        if column.kind == "number":
            if len(values) < 2 or not values.std(correction=0) > 0:
                content = "one value" if len(values) else "nothing"
                raise ValueError(
                    f"the column '{column.name}' has {content} in the rows that are trained on: fill it, or "
                    f"{drop_hint(column.name)}"
                )
            mean[index], sd[index] = values.mean(), values.std(correction=0)
            column = replace(column, mean=column.mean + column.sd * float(mean[index]), sd=column.sd * float(sd[index]))
        standardized.append(column)
    return {
        name: split.replace(x=((split.x.double() - mean) / sd).float()) if isinstance(split, InMemorySplit) else split
        for name, split in splits.items()
    }, tuple(standardized)
