"""Reader of tables of numbers, dates and categories: .csv, .parquet, data frames and dictionaries of columns."""

from __future__ import annotations

import shlex
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from elbowroom import errors
from elbowroom.data.file_io import available_memory
from elbowroom.data.labels import class_names, encode_labels
from elbowroom.data.options import ReadOptions
from elbowroom.data.raw import AnySplit, EncodedDataset, RawDataset
from elbowroom.data.readers import data_frame, table_encoding
from elbowroom.data.readers.column_inference import InferredColumns, infer_columns
from elbowroom.data.readers.csv import read_csv
from elbowroom.data.readers.listing import TEXT_TABLE_SUFFIXES, Listing, is_text_table
from elbowroom.data.readers.number_format import has_leading_zero
from elbowroom.data.readers.registry import reader
from elbowroom.data.readers.shards import group_by_split
from elbowroom.data.readers.table_cells import TableSource
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
    kinds = table_encoding.parse_column_kinds(options.columns)
    dropped = [name for name, kind in kinds.items() if kind == "drop"]
    tables = {split: read_raw_table(paths, dropped) for split, paths in group_by_split(listing.files).items()}
    return encode_tables(tables, options, listing.files[0].name)


def read_raw_table(files: Sequence[Path], dropped: Sequence[str]) -> RawTable:
    """Read the table in some files; columns that are ``dropped`` need not be readable."""
    if is_text_table(files[0].name):
        return read_csv(files)
    from elbowroom.data.readers.parquet.columns import read_parquet_table

    return read_parquet_table(files, dropped)


def read_frame(source: Any, options: ReadOptions) -> RawDataset:
    """Read a data frame, a dictionary of columns, or a pair of one of them and its labels, as the .csv of it is read.

    Raises:
        ValueError: as for :func:`read_table`.

    >>> read_frame({"size": [1.5, 2.5, 4.0], "kind": ["a", "b", "a"]}, ReadOptions()).train.x[:, 1]
    tensor([0., 1., 0.])
    """
    return read_frames({"train": source}, options)


def read_frames(sources: Mapping[str, Any], options: ReadOptions) -> RawDataset:
    """Read the tables of several splits by name, each as :func:`read_frame` takes them, and encode them together.

    Raises:
        ValueError: as for :func:`read_table`.
    """
    kinds = table_encoding.parse_column_kinds(options.columns)
    dropped = [name for name, kind in kinds.items() if kind == "drop"]
    where = describe_frame(sources["train"])
    label = next(filter(None, (beside_label(source) for source in sources.values())), None)
    tables = {name: raw_frame(source, dropped, label) for name, source in sources.items()}
    options = options if label is None else replace(options, label=label)
    return replace(encode_tables(tables, options, f"the {where}"), name=where)


def describe_frame(source: Any) -> str:
    """Return what a data frame, or the one in a pair, is called in errors."""
    frame = source[0] if isinstance(source, tuple) else source
    return "dict of columns" if isinstance(frame, Mapping) else type(frame).__name__


def beside_label(source: Any) -> str | None:
    """Return the name of labels that are given beside a table; None where they are one of its columns, or none."""
    return str(getattr(source[1], "name", None) or Y_KEYS[0]) if isinstance(source, tuple) else None


def raw_frame(source: Any, dropped: Sequence[str], label: str | None) -> RawTable:
    """Return the columns of a data frame, with labels that are given beside it as the column ``label``."""
    where = describe_frame(source)
    frame = source[0] if isinstance(source, tuple) else source
    table = data_frame.frame_to_table(frame, lambda row: f"row {row} of the {where}", f"the {where}", dropped)
    if isinstance(source, tuple) and label is not None:
        table.columns[label] = data_frame.label_column(label, source[1], table.n_rows)
    return table


def encode_tables(tables: Mapping[str, RawTable], options: ReadOptions, where: str) -> RawDataset:
    """Return the tables of the splits as one data set, their columns encoded as inferred or as was asked for."""
    fixed_columns = table_encoding.parse_columns(options.columns)
    kinds = table_encoding.parse_column_kinds(options.columns)
    label = find_label(tables["train"], options.label, fixed_columns, where)
    labels = {split: label_values(table, label) for split, table in tables.items()}
    classes = class_names(labels.values())
    inputs = {split: without_column(table, label) for split, table in tables.items()}
    inferred = None
    if fixed_columns is None:
        inferred = infer_columns(
            [inputs["train"], *(table for split, table in inputs.items() if split != "train")],
            kinds,
            where,
            table_encoding.parse_categories(options.columns),
        )
        warn_of_guesses(inferred, kinds, where)
    columns = fixed_columns or (inferred.columns if inferred else ())
    encoded = {split: table_encoding.encode_table(table, columns, where) for split, table in inputs.items()}
    splits = {
        split: InMemorySplit(
            torch.from_numpy(x.astype(np.float32)),
            encode_optional_labels(labels[split], len(x), classes, f"the {split} rows of {where}"),
        )
        for split, x in encoded.items()
    }
    unseen = table_encoding.describe_unseen(np.concatenate(list(encoded.values())), columns)
    notes = tuple(filter(None, (tables["train"].note, *(inferred.notes if inferred else ()), unseen)))
    if unseen:
        warnings.warn(f"{where}: {unseen}", stacklevel=2)
    left_out = tuple(name for name, kind in kinds.items() if kind == "drop")
    return RawDataset(
        splits["train"],
        splits.get("validation"),
        splits.get("test"),
        classes=classes,
        columns=columns,
        has_fixed_encoding=fixed_columns is not None,
        table=TableSource(tables, label, left_out, inferred.constants if inferred else {}, notes),
    )


def without_column(table: RawTable, name: str | None) -> RawTable:
    """Return a table without one of its columns."""
    return replace(table, columns={own: column for own, column in table.columns.items() if own != name})


def warn_of_guesses(inferred: InferredColumns, kinds: Mapping[str, str], where: str) -> None:
    """Warn of what was guessed and may be wrong, of columns that are left out, and of ids, which say nothing of a row.

    Nothing is said where the kinds of all columns are given, as those of a run are.
    """
    words = list(inferred.doubts)
    if inferred.constants and not all(column.part or column.name in kinds for column in inferred.columns):
        words.append(f"left out, since nothing varies: {describe_constants(inferred.constants)}")
    if inferred.ids:
        choices = dict(kinds) | dict.fromkeys(inferred.ids, "drop")
        text = ",".join(f"{name}={kind}" for name, kind in choices.items())
        words.append(
            f"{' and '.join(map(repr, inferred.ids))} may be no more than an id of each row, and is learned as a "
            f"number; if so, leave it out: columns='{text}', on the command line --columns {shlex.quote(text)}"
        )
    if words:
        warnings.warn(f"{where}: {'; '.join(words)}", stacklevel=2)


def describe_constants(constants: Mapping[str, table_encoding.Cell]) -> str:
    """Return the columns of one value with it, in words.

    >>> describe_constants({"country": "UK", "fax": None})
    "'country' is UK, 'fax' is empty"
    """
    return table_encoding.format_names(
        [f"'{name}' is {'empty' if value is None else value}" for name, value in constants.items()], "and"
    )


def find_label(
    table: RawTable, label: str | None, fixed_columns: Sequence[table_encoding.Column] | None, where: str
) -> str | None:
    """Return the name of the column of the labels, None if there is none.

    Raises:
        ValueError: no such column, unless the encoding is given (``fixed_columns``).
    """
    columns = () if fixed_columns is None else tuple(column.name for column in fixed_columns)
    if label is None:
        label = next((name for name in Y_KEYS if name in table.columns and name not in columns), None)
    if not label or (fixed_columns is not None and label not in table.columns):
        return None
    if label not in table.columns:
        raise errors.unknown_name(f"column of {where}", label, table.columns)
    return label


def label_values(table: RawTable, label: str | None) -> np.ndarray | None:
    """Return the values of the column of the labels: whole numbers, numbers or names.

    Raises:
        ValueError: a row without a label.
    """
    if label is None or label not in table.columns:
        return None
    raw_column = table.columns[label]
    empty = np.flatnonzero(raw_column.value_indices < 0)
    if len(empty):
        raise ValueError(
            f"{table.describe_row(int(empty[0]))} has no label in the column "
            f"'{label}'{table_encoding.others_suffix(empty)}: fill it, leave the row out, or give label=\"\" to do "
            "without labels"
        )
    numbers = raw_column.numbers_by_row
    names = [str(value) for value in raw_column.values]
    if raw_column.date_format or np.isnan(numbers).any() or any(map(has_leading_zero, names)):
        texts: np.ndarray = np.array([str(cell) for cell in raw_column.distinct_cells])[raw_column.value_indices]
        return texts
    return numbers.astype(np.int64) if (numbers == numbers.round()).all() else numbers


def encode_optional_labels(
    labels: np.ndarray | None, count: int, classes: tuple[str, ...] | None, where: str
) -> Tensor | None:
    """Return labels as class indices or numbers, None where there are none."""
    return None if labels is None else encode_labels(labels, count, classes, where)


def standardize_table(
    raw: EncodedDataset, splits: dict[str, AnySplit], given: Sequence[str] = ()
) -> tuple[EncodedDataset, dict[str, AnySplit], str]:
    """Standardize the numbers of a table by its training rows, unless its encoding was given.

    Args:
        raw: the data set.
        splits: its splits, their columns encoded.
        given: the names of those that are no part of it.

    Returns:
        The data set with the encoding of its columns, the splits, and a description; unchanged for other data.
    """
    if raw.columns is None or raw.table is None:
        return raw, splits, ""
    table, description = replace(raw.table, foreign_splits=tuple(given)), "numbers coded as given"
    if not raw.has_fixed_encoding:
        splits, columns, constants = table_encoding.standardize_splits(splits, raw.columns)
        table = replace(table, constants={**(table.constants or {}), **constants})
        raw, description = replace(raw, columns=columns), "numbers standardised by the training rows"
    missing = sum(int(split.x.isnan().sum()) for split in splits.values() if isinstance(split, InMemorySplit))
    left_out = describe_constants(table.constants or {})
    constant = f"left out, since nothing varies in the training rows: {left_out}" if left_out else ""
    words = filter(None, (f"{description}, {missing:,} cells missing", constant, *table.notes))
    return replace(raw, table=table), splits, "; ".join(words)
