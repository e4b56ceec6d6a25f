"""Inference of what the columns of a table are: numbers, dates or categories, by all of their values."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from types import MappingProxyType

import numpy as np

from elbowroom import errors
from elbowroom.data.readers import table_encoding
from elbowroom.data.readers.date_format import (
    CYCLIC_PARTS,
    cyclic_part,
    date_resolution,
    find_date_format,
    is_ambiguous,
)
from elbowroom.data.readers.number_format import (
    PLAIN_NUMBER,
    NumberFormat,
    count_decimals,
    find_number_format,
    has_leading_zero,
    has_other_reading,
)
from elbowroom.data.readers.table_encoding import Cell, Column, RawColumn, RawTable, category_name, parse_number

MAX_CATEGORIES = 1000
"""Most categories in a column."""
ALWAYS_ALLOWED_CATEGORIES = 20
"""Categories above which a column must have two rows for each, on average."""
MAX_DECIMALS = 6
"""Decimals above which numbers are not rounded when they are written."""
MIN_ID_ROWS = 20
"""Rows from which whole numbers that count them are taken for ids."""
ID_NAME = re.compile(r"(^|[_\W])id$|Id$|ID$|^uuid$|^index$", re.ASCII)
"""Names of columns of ids."""


@dataclass(frozen=True)
class InferredColumns:
    """What the columns of a table were taken for.

    Attributes:
        columns: the encoding of those that are learned from.
        constants: the value of those with one value in all rows, which are left out; None for an empty one.
        notes: what was guessed, in words.
        doubts: those guesses that may be wrong.
        ids: the names of columns that look like ids.
    """

    columns: tuple[Column, ...]
    constants: Mapping[str, Cell]
    notes: tuple[str, ...]
    doubts: tuple[str, ...]
    ids: tuple[str, ...]


@dataclass(frozen=True)
class ColumnProblem:
    """Why a column cannot be learned from as it is, and what to say of it in ``columns=``."""

    name: str
    reason: str
    remedy: str


@dataclass(frozen=True)
class ColumnSource:
    """A column in each of several tables, those of the splits, with what is asked of it.

    Attributes:
        parts: the column of each table that has it; the first is that of train.
        table: that of train.
        choice: the kind that was asked for; "" where it is to be inferred.
        categories: those that were asked for, in their order.
    """

    parts: tuple[RawColumn, ...]
    table: RawTable
    choice: str = ""
    categories: tuple[str, ...] = ()

    @property
    def column(self) -> RawColumn:
        """The column in train."""
        return self.parts[0]

    @property
    def name(self) -> str:
        """The column's name."""
        return self.column.name

    @cached_property
    def values(self) -> list[str | float]:
        """The different values in all tables."""
        if len(self.parts) == 1:
            return self.column.present_values
        return list(dict.fromkeys(value for part in self.parts for value in part.present_values))

    @cached_property
    def texts(self) -> list[str]:
        """The different values as texts."""
        return [str(value) for value in self.values]


Inferred = Column | ColumnProblem | None
Rule = Callable[[ColumnSource], Inferred]


def infer_columns(
    tables: Sequence[RawTable],
    kinds: Mapping[str, str],
    path: str,
    categories: Mapping[str, tuple[str, ...]] = MappingProxyType({}),
) -> InferredColumns:
    """Infer the encoding of the columns of the first of several tables; values are looked at in all of them.

    Args:
        tables: those of the splits, train first.
        kinds: the kinds that were asked for, by the name of the column.
        path: what the table is called in errors.
        categories: the categories that were asked for, by the name of the column.

    Raises:
        ValueError: columns that nothing can be learned from, or that may be one thing or another. The message names all
            of them, with what to give as ``columns=``.
    """
    names = (*tables[0].columns, *tables[0].unreadable)
    unknown = next((name for name in kinds if name not in names), None)
    if unknown is not None:
        raise errors.unknown_name(f"column of {path}", unknown, names)
    sources = [
        ColumnSource(
            tuple(table.columns[name] for table in tables if name in table.columns),
            tables[0],
            kinds.get(name, ""),
            categories.get(name, ()),
        )
        for name in tables[0].columns
        if kinds.get(name) != "drop"
    ]
    constants = {source.name: constant_value(source) for source in sources if len(source.values) < 2}
    inferred = [infer_column(source) for source in sources if source.name not in constants]
    problems = [one for one in inferred if isinstance(one, ColumnProblem)]
    columns = [one for one in inferred if isinstance(one, Column)]
    by_name = {source.name: source for source in sources}
    ids = [column.name for column in columns if not kinds.get(column.name) and is_id(by_name[column.name], column)]
    if problems:
        problems += [ColumnProblem(name, f"'{name}' may be an id of each row", "drop") for name in ids]
        raise ValueError(describe_problems(problems, kinds, path))
    if not columns:
        why = f"; nothing varies in {', '.join(map(repr, constants))}" if constants else ""
        raise ValueError(f"{path} has no columns for examples: expected numbers or categories beside the labels{why}")
    notes = {column.name: describe_guess(column, by_name[column.name]) for column in columns}
    doubts = [notes[c.name] for c in columns if not kinds.get(c.name) and is_doubtful(c, by_name[c.name])]
    said = tuple(note for note in notes.values() if note)
    return InferredColumns(with_cyclic_parts(columns, by_name), constants, said, tuple(doubts), tuple(ids))


def constant_value(source: ColumnSource) -> Cell:
    """Return the one value of a column, None if it is empty."""
    counts = source.column.value_counts
    return next((cell for cell, n in zip(source.column.distinct_cells, counts, strict=True) if n), None)


def infer_column(source: ColumnSource) -> Inferred:
    """Infer what a column is from its values, or check that it is what was asked for."""
    if source.choice:
        return CHOICES[source.choice](source)
    return next(found for rule in RULES if (found := rule(source)) is not None)


def infer_declared(source: ColumnSource) -> Inferred:
    """Return the encoding of a column whose source says what its values are: categories, dates or numbers."""
    column = source.column
    if column.categories:
        return Column(column.name, "category", column.categories)
    if column.date_format:
        return date_column(source, column.date_format)
    return None if column.is_text else number_or_two_classes(source, NumberFormat())


def infer_names(source: ColumnSource) -> Inferred:
    """Return the encoding of texts that are names though they look like numbers: typed as text, or led by a zero."""
    is_numeric = all(PLAIN_NUMBER.fullmatch(text) for text in source.texts)
    is_name = source.column.is_typed or any(map(has_leading_zero, source.texts))
    return as_category(source) if is_numeric and is_name else None


def infer_number(source: ColumnSource) -> Inferred:
    """Return the encoding of texts that all are numbers, plain or of one written form."""
    if all(not np.isnan(parse_number(text)) for text in source.texts):
        return number_or_two_classes(source, NumberFormat())
    number_format = find_number_format(source.texts, source.table.has_decimal_commas)
    return None if number_format is None else number_column(source, number_format)


def infer_date(source: ColumnSource) -> Inferred:
    """Return the encoding of texts that all are dates of one form."""
    date_format = find_date_format(source.texts)
    return None if date_format is None else date_column(source, date_format)


def infer_category(source: ColumnSource) -> Inferred:
    """Return the encoding of other texts as categories; among many numbers they are a problem."""
    counts = source.column.value_counts
    is_number = ~np.isnan(source.column.numeric_values)
    n_numbers, n = int(counts[is_number].sum()), int(counts.sum())
    as_names = as_category(source)
    if 2 * n_numbers < n or source.column.is_typed:
        return as_names
    expected = f"{n_numbers:,} of {n:,} are numbers"
    reason = table_encoding.cell_error(source.column, is_number | (counts == 0), source.table, expected)
    return ColumnProblem(source.name, reason, "category" if isinstance(as_names, Column) else "drop")


RULES: tuple[Rule, ...] = (infer_declared, infer_names, infer_number, infer_date, infer_category)
"""What a column may be, in the order of asking; the first that is something decides."""


def number_or_two_classes(source: ColumnSource, number_format: NumberFormat) -> Inferred:
    """Return numbers; those of two whole values, as 0 and 1, are categories, while more have an order."""
    values = [parse_number(value) for value in source.values]
    if len(set(values)) <= 2 and all(value == round(value) for value in values if np.isfinite(value)):
        return Column(source.name, "category", tuple(sorted({category_name(v) for v in source.values}, key=float)))
    return number_column(source, number_format)


def choose_number(source: ColumnSource) -> Inferred:
    """Return the encoding as numbers, as was asked for."""
    if source.column.date_format:
        return ColumnProblem(source.name, f"'{source.name}' holds dates, which are numbers as such", "date")
    number_format = find_number_format(source.texts, source.table.has_decimal_commas)
    return number_column(source, number_format or NumberFormat())


def choose_date(source: ColumnSource) -> Inferred:
    """Return the encoding as dates, as was asked for."""
    column = source.column
    date_format = column.date_format or (find_date_format(source.texts) if column.is_text else None)
    if date_format is None:
        as_found = infer_column(replace(source, choice=""))
        remedy = as_found.kind if isinstance(as_found, Column) else "drop"
        reason = f"'{source.name}' has '{source.texts[0]}' and others that are no dates of one form"
        return ColumnProblem(source.name, reason, remedy)
    return date_column(source, date_format)


def number_column(source: ColumnSource, number_format: NumberFormat) -> Inferred:
    """Return the encoding as numbers that are written in one form."""
    column = Column(source.name, "number", format=number_format.name)
    values = [table_encoding.parse_values(part, column) for part in source.parts]
    invalid = ~np.isfinite(values[0]) & (source.column.value_counts > 0)
    if invalid.any():
        reason = table_encoding.cell_error(source.column, ~invalid, source.table, "numbers are expected")
        return ColumnProblem(source.name, reason, "drop")
    return measure_numbers(column, source, values, find_decimals(source, values, number_format))


def date_column(source: ColumnSource, date_format: str) -> Column:
    """Return the encoding as dates that are written in one form."""
    column = Column(source.name, "date", format=date_format)
    return measure_numbers(column, source, [table_encoding.parse_values(part, column) for part in source.parts], None)


def measure_numbers(column: Column, source: ColumnSource, values: Sequence[np.ndarray], decimals: int | None) -> Column:
    """Return a column of numbers with its decimals and range, and mean and standard deviation in train."""
    by_row = source.column.by_row(values[0])
    everything = np.concatenate([v[part.value_counts > 0] for v, part in zip(values, source.parts, strict=True)])
    return Column(
        column.name,
        column.kind,
        mean=float(np.nanmean(by_row)),
        sd=float(np.nanstd(by_row)) or 1.0,
        format=column.format,
        decimals=decimals,
        low=float(everything.min()),
        high=float(everything.max()),
    )


def find_decimals(source: ColumnSource, values: Sequence[np.ndarray], number_format: NumberFormat) -> int | None:
    """Return the most decimals of a column's numbers, 0 if all are whole; None if they have more than a few."""
    finite = np.concatenate(values)
    finite = finite[np.isfinite(finite)]
    if (finite == finite.round()).all():
        return 0
    texts = source.texts if source.column.is_text else [repr(float(value)) for value in finite.tolist()]
    if any("e" in text.lower() for text in texts):
        return None
    most = max(count_decimals(text, number_format.decimal) for text in texts)
    return most if most <= MAX_DECIMALS else None


def as_category(source: ColumnSource) -> Inferred:
    """Return the encoding as categories, as they are written; too many of them are a problem."""
    return check_categories(source, Column(source.name, "category", tuple(sorted(source.texts))))


def choose_category(source: ColumnSource) -> Inferred:
    """Return the encoding as categories, as was asked for; numbers of a typed source in their order."""
    if source.categories:
        return Column(source.name, "category", source.categories)
    if source.column.categories:
        return infer_declared(source)
    if source.column.is_text:
        return as_category(source)
    if source.column.date_format:
        texts = {str(cell) for part in source.parts for cell in part.cells(np.arange(len(part.value_indices))) if cell}
        return check_categories(source, Column(source.name, "category", tuple(sorted(texts))))
    return check_categories(
        source, Column(source.name, "category", tuple(sorted({category_name(v) for v in source.values}, key=float)))
    )


def check_categories(source: ColumnSource, column: Column) -> Inferred:
    """Return a column of categories, or the problem that there are nearly as many as rows."""
    rows = int(source.column.value_counts.sum())
    limit = min(MAX_CATEGORIES, max(ALWAYS_ALLOWED_CATEGORIES, rows // 2))
    if column.n_categories <= limit:
        return column
    is_numeric = all(PLAIN_NUMBER.fullmatch(name) and not has_leading_zero(name) for name in column.categories)
    remedy = "number" if is_numeric and not source.choice else "drop"
    what = ", as ids" if column.n_categories == rows else ""
    reason = (
        f"'{source.name}' has {column.n_categories:,} different texts in {rows:,} rows{what}, too many for categories"
    )
    return ColumnProblem(source.name, reason, remedy)


CHOICES: Mapping[str, Rule] = {
    "number": choose_number,
    "category": choose_category,
    "date": choose_date,
    "cyclic": choose_date,
}
"""How a column is encoded as what was asked for."""


def describe_problems(problems: Sequence[ColumnProblem], kinds: Mapping[str, str], path: str) -> str:
    """Return the message for all columns of a table that cannot be learned from, with what mends them together."""
    choices = dict(kinds) | {problem.name: problem.remedy for problem in problems}
    text = ",".join(f"{name}={choice}" for name, choice in choices.items())
    flag = shlex.quote(text)
    reasons = "; ".join(problem.reason for problem in problems)
    return f"{path}: {reasons}. Say what they are: columns='{text}', on the command line --columns {flag}"


def describe_guess(column: Column, source: ColumnSource) -> str:
    """Return how the texts of a column are read as numbers or dates, in words; "" where that is no guess."""
    if column.kind == "date" and not source.column.date_format:
        order = ", the month first" if is_ambiguous(source.texts, column.format) else ""
        return f"'{column.name}' read as dates {column.format}{order}"
    if column.kind == "number" and column.format:
        return f"'{column.name}' read as numbers written like {column.format}"
    return ""


def is_doubtful(column: Column, source: ColumnSource) -> bool:
    """Return whether the texts of a column would be other dates, or other numbers, in another reading."""
    if column.kind == "date":
        return not source.column.date_format and is_ambiguous(source.texts, column.format)
    return bool(column.format) and has_other_reading(source.texts, NumberFormat.from_name(column.format))


def is_id(source: ColumnSource, column: Column) -> bool:
    """Return whether a column of numbers tells rows apart: it counts them, or is called an id and never repeats."""
    n = source.table.n_rows
    if column.kind != "number" or column.format or column.decimals != 0 or n < MIN_ID_ROWS:
        return False
    is_unique = len(source.column.present_values) == n
    spread = (column.high or 0) - (column.low or 0)
    return is_unique and (spread == n - 1 or ID_NAME.search(column.name) is not None)


def with_cyclic_parts(columns: Sequence[Column], sources: Mapping[str, ColumnSource]) -> tuple[Column, ...]:
    """Return columns with those of the cyclic parts behind each date that was asked to be cyclic."""
    return tuple(part for column in columns for part in (column, *(cyclic_columns(column, sources[column.name]))))


def cyclic_columns(date: Column, source: ColumnSource) -> list[Column]:
    """Return the columns of the sines and cosines of a date that is cyclic; of its hour only where it has one."""
    if source.choice != "cyclic":
        return []
    days = source.column.by_row(table_encoding.parse_values(source.column, date))
    columns = []
    for part in CYCLIC_PARTS:
        if part.endswith("day") and date_resolution(date.format) >= 1:
            continue
        values = cyclic_part(days, part)
        mean, sd = float(np.nanmean(values)), float(np.nanstd(values)) or 1.0
        name = f"{date.name}: {part}"
        columns.append(Column(name, "date", mean=mean, sd=sd, format=date.format, part=part, source=date.name))
    return columns
