"""Tables of numbers and categories as splits."""

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
from elbowroom.data.readers.csv import RawTable, read_csv
from elbowroom.data.readers.shards import group_by_split, is_text_table
from elbowroom.data.splits.loader import Y_KEYS
from elbowroom.data.splits.memory import InMemorySplit


def is_table(files: Sequence[Path], options: ReadOptions) -> bool:
    """Whether files are tables to be read whole: text, and .parquet without pictures or lists that is no larger.

    With ``buffer=``, and above a quarter of the memory that is free, .parquet is read in parts, its numbers as they
    are.
    """
    suffixes = {file.suffix.lower() for file in files}
    if suffixes != {".parquet"} or options.buffer is not None:
        return all(is_text_table(file.name) for file in files)
    try:
        from elbowroom.data.readers import arrow, parquet
    except ImportError:
        return False  # whoever reads it in parts says what is missing
    about = [parquet.read_parquet_metadata(file) for file in files]
    size = sum(one.row_group(group).total_byte_size for one in about for group in range(one.num_row_groups))
    return arrow.has_only_scalars(about[0].schema.to_arrow_schema()) and size <= available_memory() // 4


def read_table(files: Sequence[Path], options: ReadOptions) -> RawDataset:
    """The rows of .csv or .parquet files, coded as they tell themselves or as other columns were.

    Splits are those that names like ``train.csv`` and ``test.csv`` tell, or all is one. The label is the column that
    is asked for, or one called ``label`` or the like; ``label=""`` is for none.

    Raises:
        ValueError: what is wrong, with which row and column.
    """
    known, kinds, path = (
        table_encoding.parse_columns(options.columns),
        table_encoding.parse_column_kinds(options.columns),
        files[0].name,
    )
    tables = {split: read_raw_table(held, kinds) for split, held in group_by_split(files).items()}
    names = {split: pop_labels(table, options.label, known, path) for split, table in tables.items()}
    classes = class_names(names.values())
    columns = known or table_encoding.infer_columns([tables["train"], *tables.values()], kinds, path)
    splits = {}
    for split, table in tables.items():
        x = torch.from_numpy(table_encoding.encode_table(table, columns, path).astype(np.float32))
        y = names[split]
        splits[split] = InMemorySplit(
            x, None if y is None else encode_labels(y, len(x), classes, f"the {split} rows of {path}")
        )
    return RawDataset(
        splits["train"],
        splits.get("validation"),
        splits.get("test"),
        classes=classes,
        columns=columns,
        has_fixed_encoding=known is not None,
    )


def read_raw_table(files: Sequence[Path], kinds: dict[str, str]) -> RawTable:
    """The table in some files; columns to be dropped need not be read."""
    if is_text_table(files[0].name):
        return read_csv(files)
    from elbowroom.data.readers import arrow

    return arrow.read_parquet_table(files, [name for name, kind in kinds.items() if kind == "drop"])


def pop_labels(
    table: RawTable, label: str | None, fixed_columns: Sequence[table_encoding.Column] | None, path: str
) -> np.ndarray | None:
    """The labels, which are taken out of the table; a table that is coded as another was may have none."""
    columns = () if fixed_columns is None else tuple(column.name for column in fixed_columns)
    if label is None:
        label = next((name for name in Y_KEYS if name in table.columns and name not in columns), None)
    if not label or (fixed_columns is not None and label not in table.columns):
        return None
    if label not in table.columns:
        raise errors.unknown_name(f"column of {path}", label, table.columns)
    cells = table.columns.pop(label)
    empty = np.flatnonzero(cells.value_indices < 0)
    if len(empty):
        raise ValueError(
            f"{table.describe_row(int(empty[0]))} has no label in the column '{label}'{table_encoding.others_suffix(empty)}: fill "
            'it, leave the row out, or give label="" to do without labels'
        )
    numbers = cells.numbers_by_row
    if np.isnan(numbers).any():
        return np.array([str(value) for value in cells.values])[cells.value_indices]
    return numbers.astype(np.int64) if (numbers == numbers.round()).all() else numbers


def standardize_table(raw: RawDataset, splits: dict[str, AnySplit]) -> tuple[RawDataset, dict[str, AnySplit], str]:
    """A table with its numbers standardised by the rows that are trained on, and what was done in words."""
    if raw.columns is None:
        return raw, splits, ""
    words = "numbers coded as given"
    if not raw.has_fixed_encoding:
        splits, columns = table_encoding.standardize_splits(splits, raw.columns)
        raw, words = replace(raw, columns=columns), "numbers standardised by the training rows"
    missing = sum(int(split.x.isnan().sum()) for split in splits.values() if isinstance(split, InMemorySplit))
    return raw, splits, f"{words}, {missing:,} cells missing"
