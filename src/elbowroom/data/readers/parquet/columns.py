"""Columns of parquet files: which hold the examples, and their conversion to arrays. Needs pyarrow."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from elbowroom.data.file_io import io_errors
from elbowroom.data.readers.data_frame import INDEX_PREFIX, frame_to_table
from elbowroom.data.readers.table_encoding import RawTable
from elbowroom.data.splits.batching import X_KEYS, Y_KEYS

DescribeRow = Callable[[int], str]
"""Function from the index of a row to its name in an error message."""


def select_columns(schema: Any, where: object) -> tuple[list[str], str | None]:
    """Return the columns of the examples, and that of the labels where there is one.

    Raises:
        ValueError: no columns for examples, several of images or lists, or one of another kind among numbers.
    """
    label = next((name for name in Y_KEYS if name in schema.names), None)
    names = [name for name in schema.names if name != label and not name.startswith(INDEX_PREFIX)]
    kinds = {name: content_kind(schema.field(name).type) for name in names}
    for kind in ("image", "list"):
        matching = [name for name in kinds if kinds[name] == kind]
        preferred = [name for name in X_KEYS if name in matching]
        if len(matching) > 1 and not preferred:
            raise ValueError(
                f"{where} has {len(matching)} columns of {kind}s ({', '.join(matching)}): expected one, or one that is "
                f"called {' or '.join(X_KEYS[:2])}; rename it"
            )
        if matching:
            return (preferred or matching)[:1], label
    other = [name for name in kinds if not kinds[name]]
    if other:
        raise ValueError(
            f"the column '{other[0]}' of {where} holds {schema.field(other[0]).type} values: expected numbers, or "
            "one column of images or of lists of numbers beside it; write the file without that column, or leave out "
            "buffer= to read a table of texts and numbers into memory"
        )
    if not kinds:
        raise ValueError(f"{where} has no columns for examples: expected numbers, images or lists of numbers")
    return list(kinds), label


def content_kind(arrow_type: Any) -> str:
    """Return what a column holds: "number", "list" (of lists) of them, or "image"; "" for anything else.

    >>> content_kind(pa.int64()), content_kind(pa.list_(pa.list_(pa.uint8())))
    ('number', 'list')
    >>> content_kind(pa.binary()), content_kind(pa.string())
    ('image', '')
    """
    if pa.types.is_struct(arrow_type):
        arrow_type = next((field.type for field in arrow_type if field.name == "bytes"), arrow_type)
    if pa.types.is_binary(arrow_type) or pa.types.is_large_binary(arrow_type):
        return "image"
    kind = "number"
    while is_list_type(arrow_type):
        arrow_type, kind = arrow_type.value_type, "list"
    is_number = (pa.types.is_integer, pa.types.is_floating, pa.types.is_boolean)
    return kind if any(test(arrow_type) for test in is_number) else ""


def is_list_type(arrow_type: Any) -> bool:
    """Return whether a type is one of lists."""
    is_list = (pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list)
    return any(test(arrow_type) for test in is_list)


def column_bytes(table: Any, describe_row: DescribeRow) -> list[bytes]:
    """Return the encoded images of the first column."""
    column = table.column(0).combine_chunks()
    if pa.types.is_struct(column.type):
        column = pc.struct_field(column, "bytes")
    check_no_nulls(column, 1, describe_row)
    contents: list[bytes] = column.to_pylist()
    return contents


def columns_to_array(table: Any, describe_row: DescribeRow) -> np.ndarray:
    """Return columns of numbers side by side (N, D), or one of lists (of lists) of one length (N, ...)."""
    columns = [column_to_array(column.combine_chunks(), describe_row) for column in table.columns]
    return np.column_stack(columns) if columns[0].ndim == 1 else columns[0]


def labels_to_array(column: Any, describe_row: DescribeRow) -> np.ndarray:
    """Return labels as numbers, names or rows of attributes."""
    values = combine_decoded(column)
    check_no_nulls(values, 1, describe_row)
    return np.array(values.to_pylist(), dtype=str) if is_text(values) else column_to_array(values, describe_row)


def combine_decoded(column: Any) -> Any:
    """Return a column as one array, its values in place of the indices of a dictionary."""
    values = column.combine_chunks()
    return values.dictionary_decode() if pa.types.is_dictionary(values.type) else values


def is_text(values: Any) -> bool:
    """Return whether an array holds texts."""
    return any(test(values.type) for test in (pa.types.is_string, pa.types.is_large_string))


def column_to_array(column: Any, describe_row: DescribeRow) -> np.ndarray:
    """Return numbers (N,), or lists of one length, as an array."""
    shape, per_row = [len(column)], 1
    check_no_nulls(column, per_row, describe_row)
    while is_list_type(column.type):
        lengths = np.asarray(pc.list_value_length(column))
        other = np.flatnonzero(lengths != lengths[0])
        if len(other):
            raise ValueError(
                f"{describe_row(other[0] // per_row)} has a list of {lengths[other[0]]} where others have "
                f"{lengths[0]}: expected one length; cut or fill them"
            )
        shape.append(int(lengths[0]))
        per_row *= shape[-1]
        column = pc.list_flatten(column)
        check_no_nulls(column, per_row, describe_row)
    values: np.ndarray = column.to_numpy(zero_copy_only=False).reshape(shape)
    return values


def check_no_nulls(column: Any, values_per_row: int, describe_row: DescribeRow) -> None:
    """Raise for a column in which a value is missing, of ``values_per_row`` each."""
    if column.null_count:
        index = pc.index(pc.is_null(column), True).as_py()
        raise ValueError(
            f"{describe_row(index // values_per_row)} has a field with nothing in it: fill it, or leave the row out"
        )


def has_only_scalars(schema: Any) -> bool:
    """Return whether no column holds images or lists, so that a row is an example."""
    return not any(content_kind(field.type) in ("image", "list") for field in schema)


def read_parquet_table(files: Sequence[Path], dropped: Collection[str] = ()) -> RawTable:
    """Read the columns of parquet files, one file after the other, without those that are ``dropped``.

    Raises:
        ValueError: a damaged or empty file, columns of another kind than numbers, texts, booleans and dates.
    """
    tables = []
    for file in files:
        with io_errors(file):
            tables.append(pq.read_table(file))
        if tables[-1].schema.names != tables[0].schema.names:
            actual, expected = (", ".join(table.schema.names) for table in (tables[-1], tables[0]))
            raise ValueError(
                f"the columns of {file} are {actual} and those of {files[0]} {expected}: expected the same"
            )
    starts = np.cumsum([0, *map(len, tables)])
    combined = pa.concat_tables(tables, promote_options="permissive")

    def describe_row(row: int) -> str:
        file = int(np.searchsorted(starts, row, side="right")) - 1
        return f"row {row - starts[file]} of {files[file]}"

    return frame_to_table(combined, describe_row, str(files[0]), dropped)
