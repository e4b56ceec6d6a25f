"""Tables of numbers and categories as splits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from elbowroom import errors
from elbowroom.data.memory import available
from elbowroom.data.options import Asked
from elbowroom.data.raw import Found, Whole, class_names, labels
from elbowroom.data.readers import table_encoding
from elbowroom.data.readers.csv import Table, from_text
from elbowroom.data.readers.shards import by_split, is_text
from elbowroom.data.splits.loader import Y_KEYS
from elbowroom.data.splits.memory import Arrays


def is_table(files: Sequence[Path], asked: Asked) -> bool:
    """Whether files are tables to be read whole: text, and .parquet without pictures or lists that is no larger.

    With ``buffer=``, and above a quarter of the memory that is free, .parquet is read in parts, its numbers as they
    are.
    """
    suffixes = {file.suffix.lower() for file in files}
    if suffixes != {".parquet"} or asked.buffer is not None:
        return all(is_text(file.name) for file in files)
    try:
        from elbowroom.data.readers import arrow, parquet
    except ImportError:
        return False  # whoever reads it in parts says what is missing
    about = [parquet.metadata_of(file) for file in files]
    size = sum(one.row_group(group).total_byte_size for one in about for group in range(one.num_row_groups))
    return arrow.is_table(about[0].schema.to_arrow_schema()) and size <= available() // 4


def read_table(files: Sequence[Path], asked: Asked) -> Found:
    """The rows of .csv or .parquet files, coded as they tell themselves or as other columns were.

    Splits are those that names like ``train.csv`` and ``test.csv`` tell, or all is one. The label is the column that
    is asked for, or one called ``label`` or the like; ``label=""`` is for none.

    Raises:
        ValueError: what is wrong, with which row and column.
    """
    known, kinds, path = table_encoding.given(asked.columns), table_encoding.kinds(asked.columns), files[0].name
    tables = {split: table_of(held, kinds) for split, held in by_split(files).items()}
    names = {split: taken_labels(table, asked.label, known, path) for split, table in tables.items()}
    classes = class_names(names.values())
    columns = known or table_encoding.learned([tables["train"], *tables.values()], kinds, path)
    splits = {}
    for split, table in tables.items():
        x = torch.from_numpy(table_encoding.coded(table, columns, path).astype(np.float32))
        y = names[split]
        splits[split] = Arrays(x, None if y is None else labels(y, len(x), classes, f"the {split} rows of {path}"))
    return Found(
        splits["train"],
        splits.get("validation"),
        splits.get("test"),
        classes=classes,
        columns=columns,
        as_coded=known is not None,
    )


def table_of(files: Sequence[Path], kinds: dict[str, str]) -> Table:
    """The table in some files; columns to be dropped need not be read."""
    if is_text(files[0].name):
        return from_text(files)
    from elbowroom.data.readers import arrow

    return arrow.table(files, [name for name, kind in kinds.items() if kind == "drop"])


def taken_labels(
    table: Table, label: str | None, known: Sequence[table_encoding.Column] | None, path: str
) -> np.ndarray | None:
    """The labels, which are taken out of the table; a table that is coded as another was may have none."""
    columns = () if known is None else tuple(column.name for column in known)
    if label is None:
        label = next((name for name in Y_KEYS if name in table.cells and name not in columns), None)
    if not label or (known is not None and label not in table.cells):
        return None
    if label not in table.cells:
        raise errors.unknown(f"column of {path}", label, table.cells)
    cells = table.cells.pop(label)
    empty = np.flatnonzero(cells.codes < 0)
    if len(empty):
        raise ValueError(
            f"{table.where(int(empty[0]))} has no label in the column '{label}'{table_encoding.such(empty)}: fill "
            'it, leave the row out, or give label="" to do without labels'
        )
    numbers = cells.numbers
    if np.isnan(numbers).any():
        return np.array([str(value) for value in cells.values])[cells.codes]
    return numbers.astype(np.int64) if (numbers == numbers.round()).all() else numbers


def coded(found: Found, splits: dict[str, Whole]) -> tuple[Found, dict[str, Whole], str]:
    """A table with its numbers standardised by the rows that are trained on, and what was done in words."""
    if found.columns is None:
        return found, splits, ""
    words = "numbers coded as given"
    if not found.as_coded:
        splits, columns = table_encoding.standardised(splits, found.columns)
        found, words = replace(found, columns=columns), "numbers standardised by the training rows"
    missing = sum(int(split.x.isnan().sum()) for split in splits.values() if isinstance(split, Arrays))
    return found, splits, f"{words}, {missing:,} cells missing"
