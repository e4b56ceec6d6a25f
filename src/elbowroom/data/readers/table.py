"""Reader of tables of numbers and categories (.csv, .parquet)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from elbowroom import errors
from elbowroom.data.file_io import available_memory
from elbowroom.data.options import ReadOptions
from elbowroom.data.raw import AnySplit, RawDataset, class_names, encode_labels
from elbowroom.data.readers import table_encoding
from elbowroom.data.readers.csv import read_csv
from elbowroom.data.readers.listing import TEXT_TABLE_SUFFIXES, Listing, is_text_table
from elbowroom.data.readers.registry import reader
from elbowroom.data.readers.shards import group_by_split
from elbowroom.data.readers.table_encoding import RawTable
from elbowroom.data.splits.batching import Y_KEYS
from elbowroom.data.splits.memory import InMemorySplit


def is_table(listing: Listing, options: ReadOptions) -> bool:
    """Return whether files are tables to be read whole: text, and .parquet of single values that fits in memory.

    With ``buffer=``, and above a quarter of the free memory, .parquet is read in parts instead, as numbers only.
    """
    files = listing.files
    if not listing.is_table_or_shards:
        return False
    suffixes = {file.suffix.lower() for file in files}
    if suffixes != {".parquet"} or options.buffer is not None:
        return all(is_text_table(file.name) for file in files)
    try:
        from elbowroom.data.readers.parquet import columns, row_source
    except ImportError:
        return False  # reading it in parts raises the error that names the missing package
    metadata = [row_source.read_parquet_metadata(file) for file in files]
    size = sum(one.row_group(group).total_byte_size for one in metadata for group in range(one.num_row_groups))
    return columns.has_only_scalars(metadata[0].schema.to_arrow_schema()) and size <= available_memory() // 4


@reader(
    "table",
    "a .csv, .tsv or .parquet table",
    (*TEXT_TABLE_SUFFIXES, ".parquet"),
    options=("label", "columns"),
    matches=is_table,
)
def read_table(listing: Listing, options: ReadOptions) -> RawDataset:
    """Read the rows of .csv or .parquet files, their columns encoded as inferred or as ``options.columns`` gives.

    Files named like ``train.csv`` and ``test.csv`` are splits of their own; otherwise all rows are train. The label is
    the column ``options.label``, or one called ``label`` or the like; ``label=""`` is for none.

    Raises:
        ValueError: files, rows or cells that cannot be read; the message names row and column.
    """
    files, path = listing.files, listing.files[0].name
    fixed_columns = table_encoding.parse_columns(options.columns)
    kinds = table_encoding.parse_column_kinds(options.columns)
    tables = {split: read_raw_table(paths, kinds) for split, paths in group_by_split(files).items()}
    labels = {split: pop_labels(table, options.label, fixed_columns, path) for split, table in tables.items()}
    classes = class_names(labels.values())
    columns = fixed_columns or table_encoding.infer_columns([tables["train"], *tables.values()], kinds, path)
    splits = {}
    for split, table in tables.items():
        x = torch.from_numpy(table_encoding.encode_table(table, columns, path).astype(np.float32))
        y = labels[split]
        splits[split] = InMemorySplit(
            x, None if y is None else encode_labels(y, len(x), classes, f"the {split} rows of {path}")
        )
    return RawDataset(
        splits["train"],
        splits.get("validation"),
        splits.get("test"),
        classes=classes,
        columns=columns,
        has_fixed_encoding=fixed_columns is not None,
    )


def read_raw_table(files: Sequence[Path], kinds: dict[str, str]) -> RawTable:
    """Read the table in some files; columns of the kind "drop" need not be readable."""
    if is_text_table(files[0].name):
        return read_csv(files)
    from elbowroom.data.readers.parquet.columns import read_parquet_table

    return read_parquet_table(files, [name for name, kind in kinds.items() if kind == "drop"])


def pop_labels(
    table: RawTable, label: str | None, fixed_columns: Sequence[table_encoding.Column] | None, path: str
) -> np.ndarray | None:
    """Remove the column of the labels from a table and return its values, None if there is none.

    Raises:
        ValueError: no such column, unless the encoding is given (``fixed_columns``); a row without a label.
    """
    columns = () if fixed_columns is None else tuple(column.name for column in fixed_columns)
    if label is None:
        label = next((name for name in Y_KEYS if name in table.columns and name not in columns), None)
    if not label or (fixed_columns is not None and label not in table.columns):
        return None
    if label not in table.columns:
        raise errors.unknown_name(f"column of {path}", label, table.columns)
    raw_column = table.columns.pop(label)
    empty = np.flatnonzero(raw_column.value_indices < 0)
    if len(empty):
        raise ValueError(
            f"{table.describe_row(int(empty[0]))} has no label in the column "
            f"'{label}'{table_encoding.others_suffix(empty)}: fill it, leave the row out, or give label=\"\" to do "
            "without labels"
        )
    numbers = raw_column.numbers_by_row
    if np.isnan(numbers).any():
        texts: np.ndarray = np.array([str(value) for value in raw_column.values])[raw_column.value_indices]
        return texts
    return numbers.astype(np.int64) if (numbers == numbers.round()).all() else numbers


def standardize_table(raw: RawDataset, splits: dict[str, AnySplit]) -> tuple[RawDataset, dict[str, AnySplit], str]:
    """Standardize the numbers of a table by its training rows, unless its encoding was given.

    Returns:
        The data set with the encoding of its columns, the splits, and a description; unchanged for other data.
    """
    if raw.columns is None:
        return raw, splits, ""
    description = "numbers coded as given"
    if not raw.has_fixed_encoding:
        splits, columns = table_encoding.standardize_splits(splits, raw.columns)
        raw, description = replace(raw, columns=columns), "numbers standardised by the training rows"
    missing = sum(int(split.x.isnan().sum()) for split in splits.values() if isinstance(split, InMemorySplit))
    return raw, splits, f"{description}, {missing:,} cells missing"
