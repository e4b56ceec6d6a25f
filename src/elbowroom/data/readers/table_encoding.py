"""Encoding of the columns of a table as numbers: applied to tables, decoded again, standardised by training rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, dataclass, fields, replace
from functools import cached_property
from typing import Any, Literal, get_args

import numpy as np
import torch

from elbowroom.data.readers.date_format import cyclic_part, find_date_format, parse_date, write_date
from elbowroom.data.readers.number_format import NumberFormat
from elbowroom.data.splits.memory import InMemorySplit

ColumnKind = Literal["number", "category", "date"]
ColumnChoice = Literal["number", "category", "date", "cyclic", "drop"]
"""What ``columns=`` may say of a column; cyclic is a date with its place in the year, the week and the day."""
Cell = float | int | str | None


@dataclass(frozen=True)
class RawColumn:
    """A column as read: its different values, texts or numbers, and the index of each row's value, -1 if missing.

    Attributes:
        is_typed: texts were meant as texts, as in a .parquet, and not written so for want of types, as in a .csv.
        categories: the order of the texts, where the source declares one.
        date_format: of numbers that are days since 1970, how they would be written.
        written: of texts with spaces around them the index of each row's text, and the texts with their spaces.

    >>> RawColumn("age", np.array([1, 0, -1]), ["20", "x"]).numbers_by_row
    array([nan, 20., nan])
    """

    name: str
    value_indices: np.ndarray
    values: Sequence[str] | np.ndarray
    is_typed: bool = False
    categories: tuple[str, ...] = ()
    date_format: str = ""
    written: tuple[np.ndarray, Sequence[str]] | None = None

    @cached_property
    def numeric_values(self) -> np.ndarray:
        """The different values as numbers, NaN for texts that are none."""
        return np.array([parse_number(value) for value in self.values], dtype=np.float64)

    @property
    def numbers_by_row(self) -> np.ndarray:
        """The number in every row, NaN where there is none."""
        return self.by_row(self.numeric_values)

    def by_row(self, numbers: np.ndarray) -> np.ndarray:
        """Return a number for each row from one for each different value; NaN where it is missing."""
        numbers_by_row: np.ndarray = np.append(numbers, np.nan)[self.value_indices]
        return numbers_by_row

    @cached_property
    def value_counts(self) -> np.ndarray:
        """The number of rows that have each value."""
        return np.bincount(self.value_indices[self.value_indices >= 0], minlength=len(self.values))

    @cached_property
    def present_values(self) -> list[Any]:
        """The different values that some row has."""
        return [value for value, count in zip(self.values, self.value_counts, strict=True) if count]

    @property
    def is_text(self) -> bool:
        """Whether it was written as text, as all columns of a .csv are."""
        return not isinstance(self.values, np.ndarray)

    @cached_property
    def distinct_cells(self) -> list[Cell]:
        """The different values as cells have them: texts, numbers, dates as text."""
        if self.date_format:
            return [write_date(float(value), self.date_format) for value in self.values]
        return [value.item() if isinstance(value, np.generic) else value for value in self.values]

    def cells(self, rows: np.ndarray) -> list[Cell]:
        """Return what stands in some rows: texts as written, numbers, None where nothing is."""
        indices, texts = (self.value_indices, self.distinct_cells) if self.written is None else self.written
        is_there = self.value_indices[rows] >= 0
        return [texts[index] if there else None for index, there in zip(indices[rows], is_there, strict=True)]


@dataclass(frozen=True)
class RawTable:
    """The columns of one or more files, of ``n_rows`` rows; ``describe_row`` names a row by its index, for errors.

    Attributes:
        has_decimal_commas: whether a comma within a number is taken for a decimal mark where it may be either.
        note: how the text was read where that was no matter of course.
        unreadable: the names of columns that are left out, since they hold no numbers, texts or dates.
    """

    columns: dict[str, RawColumn]
    n_rows: int
    describe_row: Callable[[int], str]
    has_decimal_commas: bool = False
    note: str = ""
    unreadable: tuple[str, ...] = ()


@dataclass(frozen=True)
class Column:
    """The encoding of a column: a number as (value - mean) / sd, a category as its index in ``categories``.

    A date is a number, the days since 1970. A category that is none of them has the index behind the last.

    Attributes:
        format: how numbers are written (how 1000.5 would be), or dates, as ``strftime`` has it; "" for plain numbers.
        decimals: of the numbers, 0 for whole ones; None where they have more than a few.
        low: the smallest number in the source.
        high: the largest.
        missing: the share of the training rows without it.
        rows: the number of training rows, which leaves 1 / (rows + 1) for a category that is in none of them; 0 for
            none.
        part: of a cyclic column what it is of the date in the column ``source``, as ``"sin of year"``.
        source: the name of that column.

    >>> Column("sex", "category", ("f", "m")).n_categories
    2
    """

    name: str
    kind: ColumnKind
    categories: tuple[str, ...] = ()
    mean: float = 0.0
    sd: float = 1.0
    format: str = ""
    decimals: int | None = None
    low: float | None = None
    high: float | None = None
    missing: float = 0.0
    rows: int = 0
    part: str = ""
    source: str = ""

    @property
    def n_categories(self) -> int:
        """The number of categories, 0 for a column of numbers."""
        return len(self.categories)

    @property
    def is_whole(self) -> bool:
        """Whether it has only certain numbers, so that what is decoded is rounded, and stays between low and high."""
        return self.decimals == 0 or self.kind == "date"

    @property
    def record(self) -> dict[str, Any]:
        """The encoding as JSON, without what has its default."""
        own = {"categories": list(self.categories)} if self.n_categories else {"mean": self.mean, "sd": self.sd}
        more = [field for field in fields(self) if field.name not in ("name", "kind", "categories", "mean", "sd")]
        assert all(field.default is not MISSING for field in more)
        return {"name": self.name, "kind": self.kind, **own} | {
            field.name: getattr(self, field.name) for field in more if getattr(self, field.name) != field.default
        }


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

    Of categories their names may be given instead, in their order: see :func:`parse_categories`.

    Raises:
        ValueError: a kind that there is not.

    >>> parse_column_kinds({"size": ["S", "M", "L"]}), parse_column_kinds("size=S|M|L,id=drop")
    ({'size': 'category'}, {'size': 'category', 'id': 'drop'})
    """
    choices = _parse_choices(columns)
    kinds = {name: choice if isinstance(choice, str) else "category" for name, choice in choices.items()}
    for name, kind in kinds.items():
        if kind not in get_args(ColumnChoice) or not name:
            *others, last = [f"NAME={choice}" for choice in get_args(ColumnChoice)]
            raise ValueError(f"columns: '{name}={kind}' is not understood: give {', '.join(others)} or {last}")
    return kinds


def parse_categories(columns: Any) -> dict[str, tuple[str, ...]]:
    """Return the categories of columns that are given by name: ``{"size": ["S", "M", "L"]}`` or ``"size=S|M|L"``.

    >>> parse_categories("size=S|M|L,id=drop")
    {'size': ('S', 'M', 'L')}
    """
    return {name: choice for name, choice in _parse_choices(columns).items() if isinstance(choice, tuple)}


def format_choices(choices: Mapping[str, Any]) -> str | Mapping[str, Any]:
    """Return the kinds or categories of columns as ``columns=`` takes them in one text, where their names allow it.

    >>> format_choices({"size": ("S", "M", "L"), "id": "drop"}), format_choices({"a,b": "drop"})
    ('size=S|M|L,id=drop', {'a,b': 'drop'})
    """
    text = ",".join(
        f"{name}={choice if isinstance(choice, str) else '|'.join(map(str, choice))}"
        for name, choice in choices.items()
    )
    given = {str(name): choice if isinstance(choice, str) else tuple(choice) for name, choice in choices.items()}
    return text if _parse_choices(text) == given else choices


def _parse_choices(columns: Any) -> dict[str, str | tuple[str, ...]]:
    """Return what is given of each column: a kind, or the categories."""
    if isinstance(columns, str):
        pairs = [pair.rpartition("=")[::2] for pair in columns.split(",")]
        columns = {name: kind.split("|") if "|" in kind else kind for name, kind in pairs}
    if not isinstance(columns, Mapping):
        return {}
    return {
        str(name).strip(): choice.strip() if isinstance(choice, str) else tuple(map(str, choice))
        for name, choice in columns.items()
    }


def drop_hint(name: str) -> str:
    """Return the words of an error message that tell how to leave a column out."""
    return f"leave it out: columns='{name}=drop', on the command line --columns {name}=drop"


def cell_error(raw_column: RawColumn, is_valid: np.ndarray, table: RawTable, reason: str, hint: str = "") -> str:
    """Return the message for the first cell of a column whose value is not valid, and how many others are not."""
    rows = np.flatnonzero(np.isin(raw_column.value_indices, np.flatnonzero(~is_valid)))
    value = raw_column.values[raw_column.value_indices[rows[0]]]
    return (
        f"{table.describe_row(int(rows[0]))} has '{value}' in the column '{raw_column.name}', where "
        f"{reason}{others_suffix(rows)}: mend or empty the cell{hint}"
    )


def others_suffix(rows: np.ndarray) -> str:
    """Return how many rows share an error with the first of them, for its message.

    >>> others_suffix(np.array([4])), others_suffix(np.array([4, 7]))
    ('', ', one of 2 such rows')
    """
    return f", one of {len(rows)} such rows" if len(rows) > 1 else ""


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
        ValueError: columns that are missing, cells that are none of their column's values; the message has all of them.
    """
    missing = [
        name for name in dict.fromkeys(column.source or column.name for column in columns) if name not in table.columns
    ]
    if missing:
        raise ValueError(
            f"{path} lacks the column{'s' * (len(missing) > 1)} {', '.join(map(repr, missing))}: expected "
            f"{', '.join(column.name for column in columns if not column.part)}; add "
            f"{'them' if len(missing) > 1 else 'it'}, with empty cells where nothing is known"
        )
    encoded = [encode_column(table.columns[column.source or column.name], column, table) for column in columns]
    errors = dict.fromkeys(values for values in encoded if isinstance(values, str))
    if errors:
        raise ValueError("; ".join(errors))
    return np.column_stack([values for values in encoded if not isinstance(values, str)])


def encode_column(raw_column: RawColumn, column: Column, table: RawTable) -> np.ndarray | str:
    """Encode one column as numbers (N,); or return the message of the error where a cell is none of its values."""
    if column.kind != "category":
        values = parse_values(raw_column, column)
        if not np.isfinite(values).all():
            reason = "dates are expected" if column.kind == "date" else "numbers are expected"
            return cell_error(raw_column, np.isfinite(values), table, reason)
        values = cyclic_part(values, column.part) if column.part else values
        return (raw_column.by_row(values) - column.mean) / column.sd
    codes = category_codes(raw_column, column)
    if np.isin(raw_column.value_indices, np.flatnonzero(codes < 0)).any():
        return unknown_category_error(raw_column, codes, column, table)
    return raw_column.by_row(codes.astype(np.float64))


def parse_values(raw_column: RawColumn, column: Column) -> np.ndarray:
    """Return the different values of a column as numbers, dates as days since 1970; NaN for what is neither."""
    if raw_column.date_format or not raw_column.is_text:
        is_expected = bool(raw_column.date_format) == (column.kind == "date")
        return raw_column.numeric_values if is_expected else np.full(len(raw_column.values), np.nan)
    texts = [str(value) for value in raw_column.values]
    if column.kind == "date":
        return parse_dates(texts, column.format)
    own = NumberFormat.from_name(column.format)
    numbers = [own.parse(text) if column.format else None for text in texts]
    return np.array(
        [parse_number(t) if n is None else n for t, n in zip(texts, numbers, strict=True)], dtype=np.float64
    )


def parse_dates(texts: Sequence[str], date_format: str) -> np.ndarray:
    """Return dates as days since 1970, of one format or, if all are, of another; NaN for a text that is none."""
    days = [parse_date(text, date_format) for text in texts]
    other = find_date_format(texts) if None in days else None
    days = days if other is None else [parse_date(text, other) for text in texts]
    return np.array(days, dtype=np.float64)


def category_codes(raw_column: RawColumn, column: Column) -> np.ndarray:
    """Return the index of each different value in the categories; of an unknown one the next, or -1 without a mass.

    Numbers are the same in any form where all categories are numbers, and truth values in any case.
    """
    index_of = {name: index for index, name in enumerate(column.categories)}
    if all(np.isfinite(parse_number(name)) and category_name(name) == name for name in column.categories):
        normalize: Callable[[Any], str] = category_name
    else:
        is_bool = {name.lower() for name in column.categories} == {"false", "true"}
        index_of |= {name.lower(): index for name, index in index_of.items()} if is_bool else {}
        normalize = (lambda value: str(value).lower()) if is_bool else str
    unseen = column.n_categories if column.rows else -1
    codes = [index_of.get(str(value), index_of.get(normalize(value), unseen)) for value in raw_column.values]
    return np.array(codes, dtype=np.int64)


def unknown_category_error(raw_column: RawColumn, codes: np.ndarray, column: Column, table: RawTable) -> str:
    """Return the message for the first unknown category of a column whose likelihood has nothing left for one."""
    rows = np.flatnonzero(np.isin(raw_column.value_indices, np.flatnonzero(codes < 0)))
    value = raw_column.values[raw_column.value_indices[rows[0]]]
    return (
        f"{table.describe_row(int(rows[0]))} has the unknown category '{value}' in the column '{column.name}', in "
        f"{len(rows)} of {table.n_rows} rows: expected {format_names(column.categories)}; mend the "
        "cells, or empty them to leave them out of account"
    )


def describe_unseen(x: np.ndarray, columns: Sequence[Column]) -> str:
    """Return how many cells of encoded rows hold categories that were not seen in training, in words; "" for none.

    >>> describe_unseen(np.array([[2.0]]), [Column("town", "category", ("Bonn", "Rome"), rows=99)])
    "1 cell in 'town' holds a category that training never saw, which has the probability 1/100"
    """
    counts = {c.name: int((x[:, i] == c.n_categories).sum()) for i, c in enumerate(columns) if c.n_categories}
    names = [name for name, count in counts.items() if count]
    if not names:
        return ""
    total, rows = sum(counts.values()), next(column.rows for column in columns if column.name == names[0])
    return (
        f"{total:,} cell{'s' * (total > 1)} in {', '.join(map(repr, names))} hold{'s' * (total == 1)} a category that "
        f"training never saw, which has the probability 1/{rows + 1}"
    )


def decode_rows(x: torch.Tensor, columns: Any) -> list[list[Cell]]:
    """Decode rows (N, D) to the cells they stand for, None for missing ones and unknown categories.

    Whole numbers come as such, within the range of the source; dates, and numbers that were written as text, as texts
    of the same form. Cyclic parts of dates have no cells of their own.

    Args:
        x: encoded rows.
        columns: their encoding, as :class:`Data <elbowroom.data.load.Data>` or as JSON has it.

    >>> columns = [Column("age", "number", mean=40, sd=10), Column("sex", "category", ("f", "m"))]
    >>> decode_rows(torch.tensor([[0.5, 1.0], [torch.nan, 0.0]]), columns)
    [[45.0, 'm'], [None, 'f']]
    >>> columns = [Column("n", "number", mean=2.5, decimals=0, low=1, high=9), Column("on", "date", format="%d.%m.%Y")]
    >>> decode_rows(torch.tensor([[0.9, 0.2], [7.0, 31.0]]), columns)
    [[3, '01.01.1970'], [9, '01.02.1970']]
    """
    parsed = parse_columns(columns)
    assert parsed is not None
    return [
        [decode_cell(value, column) for value, column in zip(row, parsed, strict=True) if not column.part]
        for row in x.double().tolist()
    ]


def decode_cell(value: float, column: Column) -> Cell:
    """Decode one number of an encoded row."""
    if np.isnan(value):
        return None
    if column.n_categories:
        index = round(value)
        return column.categories[index] if index < column.n_categories else None
    number = value * column.sd + column.mean
    if column.is_whole and column.low is not None and column.high is not None:
        number = min(max(number, column.low), column.high)
    return format_value(number, column)


def format_value(number: float, column: Column) -> Cell:
    """Return a number of a column as its cells have it: of its decimals, and as text where it was written as such.

    What rounds to zero has no sign.

    >>> format_value(-0.001, Column("price", "number", decimals=2))
    0.0
    """
    if column.kind == "date":
        return write_date(number, column.format)
    if column.format:
        return NumberFormat.from_name(column.format).write(number, column.decimals)
    if column.decimals is None:
        return number
    return round(number) if column.decimals == 0 else round(number, column.decimals) + 0.0


def format_names(names: Sequence[str], conjunction: str = "or") -> str:
    """Format the first few of many names.

    >>> format_names("abcdefgh")
    'a, b, c, d, e, f or 2 more'
    """
    return ", ".join(names[:6]) + (f" {conjunction} {len(names) - 6} more" if len(names) > 6 else "")


def standardize_splits(
    splits: Mapping[str, Any], columns: Sequence[Column]
) -> tuple[dict[str, Any], tuple[Column, ...], dict[str, Cell]]:
    """Standardize the numbers of a table to mean 0 and standard deviation 1 in train.

    Returns:
        The splits, the encoding of the columns that includes it, and the columns of numbers with one value, or none, in
        the training rows: those are left out.

    Raises:
        ValueError: no column is left.
    """
    train = splits["train"].x.double()
    present = ~train.isnan()
    # column by column, since sums over other axes round otherwise, and runs from before know their values by a hash
    mean, sd = torch.tensor(
        [
            (float("nan"), 0.0) if not len(values) else (float(values.mean()), float(values.std(correction=0)))
            for values in (train[:, i][present[:, i]] for i in range(len(columns)))
        ],
        dtype=torch.double,
    ).T
    is_number = torch.tensor([column.kind != "category" for column in columns])
    kept = ~is_number | ((present.sum(0) > 1) & (sd > 0))
    if not kept.any():
        raise ValueError("no column of the table has two values in the rows that are trained on: give more rows")
    mean, sd = mean.where(is_number, 0), sd.where(is_number, 1)
    constants = {
        column.name: None if mean[i].isnan() else format_value(column.mean + column.sd * float(mean[i]), column)
        for i, column in enumerate(columns)
        if not kept[i] and not column.part
    }
    standardized = tuple(
        replace(
            column,
            mean=column.mean + column.sd * float(mean[i]),
            sd=column.sd * float(sd[i]),
            missing=round(1 - float(present[:, i].double().mean()), 6),
            rows=len(train),
        )
        for i, column in enumerate(columns)
        if kept[i]
    )
    return (
        {
            name: split.replace(x=((split.x.double() - mean) / sd)[:, kept].float())
            if isinstance(split, InMemorySplit)
            else split
            for name, split in splits.items()
        },
        standardized,
        constants,
    )
