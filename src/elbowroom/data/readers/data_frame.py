"""Data frames (pandas, polars, pyarrow) and dictionaries of columns as tables."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import date, datetime
from typing import Any

import numpy as np

from elbowroom.data.readers.date_format import to_days
from elbowroom.data.readers.table_encoding import RawColumn, RawTable

DATE_FORMAT = "%Y-%m-%d"
"""How dates without times are written."""
TIME_FORMAT = "%Y-%m-%d %H:%M:%S"
"""How dates with times are written."""
INDEX_PREFIX = "__index_level_"
"""Beginning of the name under which pandas writes its index as a column of a .parquet."""
MAX_EXACT_INTEGER = 2**53
"""Largest whole number up to which double precision has all of them."""


def is_frame(source: Any) -> bool:
    """Return whether a source is a data frame of any library."""
    import narwhals as nw

    return bool(nw.dependencies.is_into_dataframe(source))


def read_frame(frame: Any, where: str) -> Any:
    """Return a data frame of any library as one of narwhals.

    Raises:
        ValueError: two columns have one name.
    """
    import narwhals as nw

    try:
        return nw.from_native(frame, eager_only=True)
    except nw.exceptions.DuplicateError as error:
        raise ValueError(
            f"{where} has more than one column of one name: expected a name for each; rename them"
        ) from error


def is_dict_of_columns(source: Any) -> bool:
    """Return whether a source is a dictionary of columns by name: sequences of single values, of one length."""
    if not isinstance(source, Mapping) or not source or not all(isinstance(name, str) for name in source):
        return False
    columns = [column for column in source.values() if not isinstance(column, str | bytes | Mapping)]
    if len(columns) < len(source) or not all(hasattr(column, "__len__") for column in columns):
        return False
    arrays = [np.asarray(column if hasattr(column, "dtype") else np.array(column, dtype=object)) for column in columns]
    return all(array.ndim == 1 and len(array) == len(arrays[0]) for array in arrays)


def is_table_source(source: Any) -> bool:
    """Return whether a Python object is a table: a data frame or dictionary of columns, perhaps with its labels."""
    if isinstance(source, tuple) and len(source) == 2:
        return is_frame(source[0])
    return is_frame(source) or is_dict_of_columns(source)


def frame_to_table(
    frame: Any, describe_row: Callable[[int], str], where: str, dropped: Collection[str] = ()
) -> RawTable:
    """Return the columns of a data frame, or of a dictionary; those that are ``dropped`` need not be readable.

    Raises:
        ValueError: no rows; columns of another kind than numbers, texts, booleans and dates; all of them are named.
    """
    if isinstance(frame, Mapping):
        n_rows = len(next(iter(frame.values())))
        typed = {str(name): object_column(str(name), list_values(values)) for name, values in frame.items()}
    else:
        table = read_frame(frame, where)
        n_rows = len(table)
        own = [series for series in table.iter_columns() if not str(series.name).startswith(INDEX_PREFIX)]
        typed = {str(series.name): series_column(series) for series in own}
    if not n_rows:
        raise ValueError(f"{where} is empty: expected at least one row")
    other = {name: column for name, column in typed.items() if isinstance(column, str) and name not in dropped}
    if other:
        reasons = "; ".join(f"the column '{name}' of {where} holds {kind} values" for name, kind in other.items())
        drops = ",".join(f"{name}=drop" for name in other)
        raise ValueError(
            f"{reasons}: expected numbers, texts, booleans or dates; write them as one of these, or leave out what "
            f"cannot be: columns='{drops}', on the command line --columns {drops}"
        )
    columns = {name: column for name, column in typed.items() if isinstance(column, RawColumn)}
    return RawTable(columns, n_rows, describe_row, unreadable=tuple(name for name in typed if name not in columns))


def series_column(series: Any) -> RawColumn | str:
    """Return a column of a data frame as its different values; the name of its type where that is not of a table."""
    import narwhals as nw

    dtype, name = series.dtype, str(series.name)
    if isinstance(dtype, nw.Categorical | nw.Enum):
        return text_column(name, present_values(series), declared_categories(series))
    if dtype.is_numeric():
        return number_column(name, series)
    if isinstance(dtype, nw.List | nw.Struct | nw.Array | nw.Binary | nw.Duration | nw.Time):
        return str(dtype).lower()
    return object_column(name, present_values(series))


def declared_categories(series: Any) -> tuple[str, ...]:
    """Return the categories of a column in the order that it declares; nothing where they have none."""
    import narwhals as nw

    if isinstance(series.dtype, nw.Enum):
        return tuple(map(str, series.dtype.categories))
    if not series.implementation.is_pyarrow():
        return ()
    values = series.to_native().combine_chunks()
    return tuple(map(str, values.dictionary.to_pylist())) if values.type.ordered else ()


def present_values(series: Any) -> list[Any]:
    """Return the values of a column, None for those that are missing."""
    return [None if missing else value for value, missing in zip(series, series.is_null(), strict=True)]


def list_values(values: Any) -> list[Any]:
    """Return a sequence as a list of Python's values, None for those that are missing."""
    listed = values.tolist() if hasattr(values, "tolist") else list(values)
    return [None if is_missing(value) else value for value in listed]


def is_missing(value: Any) -> bool:
    """Return whether a value stands for none: None, NaN, or what pandas has for a missing number or date."""
    try:
        return value is None or bool(value != value)
    except TypeError:  # of NA it is not known whether it is equal to itself
        return True


def number_column(name: str, series: Any) -> RawColumn:
    """Return a column of numbers; whole ones of any size stay exact."""
    missing = series.is_null().to_numpy().astype(bool)
    numbers = series.to_numpy()
    if numbers.dtype.kind not in "iuf":
        numbers = np.array([np.nan if is_missing(value) else float(value) for value in series], dtype=np.float64)
    missing = missing | np.isnan(numbers) if numbers.dtype.kind == "f" else missing
    return distinct_numbers(name, numbers, missing)


def distinct_numbers(name: str, numbers: np.ndarray, missing: np.ndarray) -> RawColumn:
    """Return numbers as the different ones and the index of each row's; whole ones as integers."""
    value_indices = np.full(len(numbers), -1)
    distinct, value_indices[~missing] = np.unique(numbers[~missing], return_inverse=True)
    if distinct.dtype.kind == "f" and np.isfinite(distinct).all() and (distinct == distinct.round()).all():
        distinct = distinct.astype(np.int64) if (np.abs(distinct) < MAX_EXACT_INTEGER).all() else distinct
    return RawColumn(name, value_indices, distinct, is_typed=True)


def object_column(name: str, values: list[Any]) -> RawColumn | str:
    """Return a column of Python's objects: numbers, dates, or texts; the name of a type that is none of them."""
    present = [value for value in values if value is not None]
    if all(isinstance(value, bool | np.bool_) for value in present):
        return text_column(name, [None if value is None else str(bool(value)) for value in values])
    if all(isinstance(value, int | float | np.number) for value in present):
        numbers = np.array([np.nan if value is None else value for value in values], dtype=np.float64)
        return distinct_numbers(name, numbers, np.isnan(numbers))
    if all(isinstance(value, date) for value in present):
        return moment_column(name, values)
    other = next((value for value in present if not isinstance(value, str | int | float | bool | np.generic)), None)
    return text_column(name, values) if other is None else type(other).__name__


def moment_column(name: str, values: list[Any]) -> RawColumn:
    """Return a column of dates, or of dates with times, as days since 1970."""
    moments = [
        None if v is None else v if isinstance(v, datetime) else datetime(v.year, v.month, v.day) for v in values
    ]
    days = np.array([np.nan if moment is None else to_days(moment) for moment in moments])
    column = distinct_numbers(name, days, np.isnan(days))
    is_whole = column.values.dtype.kind == "i" if isinstance(column.values, np.ndarray) else False
    return RawColumn(
        name, column.value_indices, column.values, is_typed=True, date_format=DATE_FORMAT if is_whole else TIME_FORMAT
    )


def text_column(name: str, values: list[Any], categories: tuple[str, ...] = ()) -> RawColumn:
    """Return a column of texts; an empty one is missing, as in a .csv."""
    index_of: dict[str, int] = {}
    indices = [-1 if v is None or v == "" else index_of.setdefault(str(v), len(index_of)) for v in values]
    return RawColumn(name, np.array(indices), list(index_of), is_typed=True, categories=categories)


def label_column(name: str, labels: Any, count: int) -> RawColumn:
    """Return labels that are given beside a table as a column of it.

    Raises:
        ValueError: another number of labels than rows, or no single values.
    """
    values = list_values(labels)
    column = object_column(name, values)
    if isinstance(column, str) or len(values) != count:
        what = f"{len(values)} labels" if len(values) != count else f"labels of the kind {column}"
        raise ValueError(f"{what} for {count} rows: expected one number or name for each row")
    return column
