"""Columns of parquet files: which are the examples, and their values as arrays. Needs pyarrow."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from elbowroom.data.file_io import io_errors
from elbowroom.data.readers.csv import RawColumn, RawTable
from elbowroom.data.splits.loader import X_KEYS, Y_KEYS

DescribeRow = Callable[[int], str]
"""What a row is called, for an error."""


def select_columns(schema: Any, where: object) -> tuple[list[str], str | None]:
    """The columns of the examples, and that of the labels where there is one."""
    label = next((name for name in Y_KEYS if name in schema.names), None)
    # pandas leaves its index among the columns
    kinds = {
        n: content_kind(schema.field(n).type) for n in schema.names if n != label and not n.startswith("__index_level_")
    }
    for kind in ("picture", "list"):
        held = [name for name in kinds if kinds[name] == kind]
        named = [name for name in X_KEYS if name in held]
        if len(held) > 1 and not named:
            raise ValueError(
                f"{where} has {len(held)} columns of {kind}s ({', '.join(held)}): expected one, or one that is called "
                f"{' or '.join(X_KEYS[:2])}; rename it"
            )
        if held:
            return (named or held)[:1], label
    strange = [name for name in kinds if not kinds[name]]
    if strange:
        raise ValueError(
            f"the column '{strange[0]}' of {where} holds {schema.field(strange[0]).type} values: expected numbers, or "
            "one column of pictures or of lists of numbers beside it; write the file without that column, or leave out "
            "buffer= to read a table of texts and numbers into memory"
        )
    if not kinds:
        raise ValueError(f"{where} has no columns for examples: expected numbers, pictures or lists of numbers")
    return list(kinds), label


def content_kind(arrow_type: Any) -> str:
    """What a column holds: numbers, lists (of lists) of them, or pictures; nothing for anything else.

    >>> content_kind(pa.int64()), content_kind(pa.list_(pa.list_(pa.uint8()))), content_kind(pa.binary()), content_kind(pa.string())
    ('number', 'list', 'picture', '')
    """
    if pa.types.is_struct(arrow_type):
        arrow_type = next((field.type for field in arrow_type if field.name == "bytes"), arrow_type)
    if pa.types.is_binary(arrow_type) or pa.types.is_large_binary(arrow_type):
        return "picture"
    kind = "number"
    while is_list_type(arrow_type):
        arrow_type, kind = arrow_type.value_type, "list"
    return (
        kind
        if pa.types.is_integer(arrow_type) or pa.types.is_floating(arrow_type) or pa.types.is_boolean(arrow_type)
        else ""
    )


def is_list_type(arrow_type: Any) -> bool:
    """Whether a type is one of lists."""
    return pa.types.is_list(arrow_type) or pa.types.is_large_list(arrow_type) or pa.types.is_fixed_size_list(arrow_type)


def column_bytes(table: Any, describe_row: DescribeRow) -> list[bytes]:
    """The files of a column of pictures."""
    column = table.column(0).combine_chunks()
    if pa.types.is_struct(column.type):
        column = pc.struct_field(column, "bytes")
    check_no_nulls(column, 1, describe_row)
    return column.to_pylist()


def columns_to_array(table: Any, describe_row: DescribeRow) -> np.ndarray:
    """Columns of numbers side by side (N, D), or one of lists (of lists) of one length (N, ...)."""
    columns = [column_to_array(column.combine_chunks(), describe_row) for column in table.columns]
    return np.column_stack(columns) if columns[0].ndim == 1 else columns[0]


def labels_to_array(column: Any, describe_row: DescribeRow) -> np.ndarray:
    """Numbers, names or rows of attributes."""
    held = column.combine_chunks()
    if pa.types.is_dictionary(held.type):
        held = held.dictionary_decode()
    check_no_nulls(held, 1, describe_row)
    text = pa.types.is_string(held.type) or pa.types.is_large_string(held.type)
    return np.array(held.to_pylist(), dtype=str) if text else column_to_array(held, describe_row)


def column_to_array(column: Any, describe_row: DescribeRow) -> np.ndarray:
    """Numbers (N,), or lists of one length, as an array."""
    shape, per_row = [len(column)], 1
    check_no_nulls(column, per_row, describe_row)
    while is_list_type(column.type):
        lengths = np.asarray(pc.list_value_length(column))
        odd = np.flatnonzero(lengths != lengths[0])
        if len(odd):
            raise ValueError(
                f"{describe_row(odd[0] // per_row)} has a list of {lengths[odd[0]]} where others have {lengths[0]}: expected "
                "one length; cut or fill them"
            )
        shape.append(int(lengths[0]))
        per_row *= shape[-1]
        column = pc.list_flatten(column)
        check_no_nulls(column, per_row, describe_row)
    return column.to_numpy(zero_copy_only=False).reshape(shape)


def check_no_nulls(column: Any, values_per_row: int, describe_row: DescribeRow) -> None:
    """Refuse a column in which something is missing."""
    if column.null_count:
        place = pc.index(pc.is_null(column), True).as_py()
        raise ValueError(
            f"{describe_row(place // values_per_row)} has a field with nothing in it: fill it, or leave the row out"
        )


def has_only_scalars(schema: Any) -> bool:
    """Whether no column holds pictures or lists, so that a row is an example."""
    return not any(content_kind(field.type) in ("picture", "list") for field in schema)


def read_parquet_table(files: Sequence[Path], dropped: Collection[str] = ()) -> RawTable:
    """The columns of parquet files, one file after the other, without those that are ``dropped``.

    Raises:
        ValueError: a damaged or empty file, columns of another kind than numbers, texts and booleans.
    """
    parts = []
    for file in files:
        with io_errors(file):
            parts.append(pq.read_table(file))
        if parts[-1].schema.names != parts[0].schema.names:
            mine, first = (", ".join(part.schema.names) for part in (parts[-1], parts[0]))
            raise ValueError(f"the columns of {file} are {mine} and those of {files[0]} {first}: expected the same")
    begins = np.cumsum([0, *map(len, parts)])
    whole = pa.concat_tables(parts, promote_options="permissive")

    def where(row: int) -> str:
        file = int(np.searchsorted(begins, row, side="right")) - 1
        return f"row {row - begins[file]} of {files[file]}"

    names = [name for name in whole.schema.names if name not in dropped and not name.startswith("__index_level_")]
    if not len(whole):
        raise ValueError(f"{files[0]} is empty: expected at least one row")
    return RawTable({name: to_raw_column(name, whole.column(name), files[0]) for name in names}, len(whole), where)


def to_raw_column(name: str, column: Any, file: Path) -> RawColumn:
    """A column as the different values in it and the place of each row's."""
    held = column.combine_chunks()
    if pa.types.is_dictionary(held.type):
        held = held.dictionary_decode()
    if pa.types.is_null(held.type):
        return RawColumn(name, np.full(len(held), -1), [])
    if pa.types.is_boolean(held.type):
        held = held.cast(pa.string())
    if pa.types.is_string(held.type) or pa.types.is_large_string(held.type):
        coded = held.dictionary_encode()
        return RawColumn(name, coded.indices.fill_null(-1).to_numpy(), coded.dictionary.to_pylist())
    if not (pa.types.is_integer(held.type) or pa.types.is_floating(held.type) or pa.types.is_decimal(held.type)):
        raise ValueError(
            f"the column '{name}' of {file} holds {held.type} values: expected numbers, texts or booleans; write it as "
            f"one of them, or leave it out with columns='{name}=drop'"
        )
    numbers = held.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
    there = ~np.isnan(numbers)
    values, places = np.unique(numbers[there], return_inverse=True)
    codes = np.full(len(numbers), -1)
    codes[there] = places
    return RawColumn(name, codes, values)
