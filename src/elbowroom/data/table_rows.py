"""Rows of a table written as their source was: .csv, .tsv or .parquet, with its columns, forms and empty cells."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from elbowroom.data.readers.date_format import find_date_format
from elbowroom.data.readers.number_format import NumberFormat
from elbowroom.data.readers.table_cells import SourceCells
from elbowroom.data.readers.table_encoding import Cell, Column, decode_rows, parse_columns, parse_number

DELIMITERS = {".csv": ",", ".tsv": "\t"}
"""The delimiter of each kind of text."""


def write_table(
    path: str | Path,
    x: Tensor,
    record: Mapping[str, Any],
    y: Tensor | None = None,
    known: SourceCells | None = None,
    extra: Mapping[str, Sequence[Cell]] | None = None,
) -> list[str]:
    """Write rows of a table as .csv, .tsv or .parquet, by the ending of the path.

    Args:
        path: of the file.
        x: encoded rows (N, D); NaN is an empty cell.
        record: of the data, ``Data.protocol`` or the field ``data`` of a run's record.
        y: the class indices (N,) of the label column, which stands in its place; -1 is an empty cell.
        known: cells as their source has them, ``data.cells(split)``. What is there is written as it is, with all
            columns of the source; ``x`` fills the others. Row i of ``x`` belongs to row i modulo their number.
        extra: further columns, which come first.

    Returns:
        The names of the columns.

    Raises:
        ValueError: the record is not one of a table.
        OSError: the file cannot be written.
    """
    columns = table_columns(x, record, y, known, extra)
    path, encoding = Path(path), parse_columns(record["columns"]) or ()
    if path.suffix.lower() == ".parquet":
        _write_parquet(path, columns, encoding)
    else:
        _write_text(path, columns, _delimiter(path, encoding))
    return list(columns)


def require_table(record: Mapping[str, Any]) -> None:
    """Raise a ValueError for a record of data that was no table."""
    if "columns" not in record:
        raise ValueError(
            "this model was not trained on a table, so that its examples have no columns: give an --out that ends in "
            ".npz"
        )


def table_columns(
    x: Tensor,
    record: Mapping[str, Any],
    y: Tensor | None = None,
    known: SourceCells | None = None,
    extra: Mapping[str, Sequence[Cell]] | None = None,
) -> dict[str, list[Cell]]:
    """Return the cells that :func:`write_table` writes, by column; None where a cell is empty.

    >>> record = {"columns": [{"name": "n", "kind": "number", "mean": 4.0, "sd": 2.0, "decimals": 0}]}
    >>> table_columns(torch.tensor([[0.6], [torch.nan]]), record)
    {'n': [5, None]}
    >>> table_columns(torch.tensor([[0.6], [0.6]]), record, known=SourceCells({"id": ["a", "b"], "n": ["07", None]}))
    {'id': ['a', 'b'], 'n': ['07', 5]}
    """
    require_table(record)
    made = _decoded_columns(x, record, y)
    if known is not None:
        rows = [row % len(known) for row in range(len(x))]
        there = known.take(rows).columns
        filled = {name: _fill(cells, made.get(name)) for name, cells in there.items()}
        made = filled | {name: cells for name, cells in made.items() if name not in filled}
    return {name: list(cells) for name, cells in (extra or {}).items()} | made


def read_columns(x: Tensor, record: Mapping[str, Any]) -> dict[str, list[Cell]]:
    """Return the cells of rows that were read, by column: also beyond the range of the training rows' source.

    What a model makes of whole numbers and dates stays within that range (:func:`table_columns`); what others wrote is
    shown as it is.

    >>> record = {"columns": [{"name": "n", "kind": "number", "decimals": 0, "low": 0, "high": 3}]}
    >>> read_columns(torch.tensor([[7.0]]), record), table_columns(torch.tensor([[7.0]]), record)
    ({'n': [7]}, {'n': [3]})
    """
    columns = [replace(column, low=None, high=None) for column in parse_columns(record["columns"]) or ()]
    return _decoded_columns(x, {**record, "columns": columns}, None)


def draw_missing(x: Tensor, record: Mapping[str, Any], generator: torch.Generator | None = None) -> Tensor:
    """Empty cells of rows (N, D) at random: each column's in its share of the training rows, independently.

    Which cells are empty together, and what they would have held, is no part of the model.

    >>> record = {"columns": [{"name": "a", "kind": "number"}, {"name": "b", "kind": "number", "missing": 1.0}]}
    >>> draw_missing(torch.zeros(1, 2), record)
    tensor([[0., nan]])
    """
    shares = torch.tensor([column.missing for column in parse_columns(record["columns"]) or ()])
    return x.masked_fill(torch.rand(x.shape, generator=generator).to(x.device) < shares.to(x.device), torch.nan)


def draw_labels(n: int, record: Mapping[str, Any], generator: torch.Generator | None = None) -> Tensor | None:
    """Draw class indices (n,) by the shares of the labels of the training rows; None where none are on record.

    >>> draw_labels(2, {"table": {"label_shares": [0.0, 1.0]}})
    tensor([1, 1])
    """
    shares = (record.get("table") or {}).get("label_shares")
    return None if not shares else torch.multinomial(torch.tensor(shares), n, replacement=True, generator=generator)


def _decoded_columns(x: Tensor, record: Mapping[str, Any], y: Tensor | None) -> dict[str, list[Cell]]:
    """Return the cells of encoded rows by column, in the order of the source, with constants and labels."""
    own = [column for column in parse_columns(record["columns"]) or () if not column.part]
    cells = decode_rows(x, record["columns"])
    columns = {column.name: [_round(row[i], column) for row in cells] for i, column in enumerate(own)}
    table = record.get("table") or {}
    columns |= {name: [value] * len(x) for name, value in (table.get("constants") or {}).items()}
    if y is not None:
        classes = record.get("classes")
        columns[table.get("label") or "label"] = [_label(index, classes) for index in y.tolist()]
    order = [name for name in table.get("names") or columns if name in columns]
    return {name: columns[name] for name in (*order, *(name for name in columns if name not in order))}


def _round(cell: Cell, column: Column) -> Cell:
    """Return a decoded number without the digits that single precision does not have: to a millionth of the sd."""
    if not isinstance(cell, float) or column.decimals is not None:
        return cell
    return round(cell, 6 - math.floor(math.log10(column.sd))) + 0.0


def _label(index: float, classes: Sequence[str] | None) -> Cell:
    """Return the name of a class, its number where it has none; None for an unknown one."""
    if index != index or index < 0:
        return None
    return classes[int(index)] if classes and index < len(classes) else index


def _fill(known: Sequence[Cell], made: Sequence[Cell] | None) -> list[Cell]:
    """Return the known cells, and those that were made where nothing is known.

    A file with a space after each comma has it before what is filled in too: ' a' and 'a' would be read as two names.

    >>> _fill([" a", None], ["a", "b"])
    [' a', ' b']
    """
    there = [cell for cell in known if cell is not None]
    has_space = bool(there) and all(isinstance(cell, str) and cell.startswith(" ") for cell in there)
    guesses = [f" {cell}" if has_space and cell is not None else cell for cell in made or [None] * len(known)]
    return [b if a is None else a for a, b in zip(known, guesses, strict=True)]


def _delimiter(path: Path, encoding: Sequence[Column]) -> str:
    """Return what stands between cells; beside decimal commas a comma would make "1,234" a thousand."""
    delimiter = DELIMITERS.get(path.suffix.lower(), ",")
    names = [column.format for column in encoding if column.kind == "number" and column.format]
    return ";" if delimiter == "," and any(NumberFormat.from_name(name).decimal == "," for name in names) else delimiter


def _write_text(path: Path, columns: Mapping[str, Sequence[Cell]], delimiter: str) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file, delimiter=delimiter, lineterminator="\n")
        rows.writerow(columns)
        rows.writerows(zip(*columns.values(), strict=True))


def _write_parquet(path: Path, columns: Mapping[str, Sequence[Cell]], encoding: Sequence[Column]) -> None:
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        raise ValueError(
            f'writing {path.name} needs pyarrow, which is not installed: pip install "elbowroom[parquet]"'
        ) from error
    kinds = {column.name: column.kind for column in encoding if not column.format or column.kind == "date"}
    pq.write_table(pa.table({name: _typed_cells(cells, kinds.get(name)) for name, cells in columns.items()}), path)


def _typed_cells(cells: Sequence[Cell], kind: str | None) -> list[Any]:
    """Return the cells of a column as values of one type: numbers, dates where all are of one form, or texts."""
    present = [cell for cell in cells if cell is not None]
    if all(isinstance(cell, int) for cell in present):
        return list(cells)
    if kind == "number" and not any(math.isnan(parse_number(cell)) for cell in present):
        numbers = [None if cell is None else parse_number(cell) for cell in cells]
        is_whole = all(number is None or number.is_integer() for number in numbers)
        return [int(n) if is_whole and n is not None else n for n in numbers]
    date_format = find_date_format([str(cell) for cell in present]) if kind == "date" else None
    if date_format is not None:
        return [None if cell is None else datetime.strptime(str(cell), date_format) for cell in cells]
    if all(isinstance(cell, int | float) for cell in present):
        return list(cells)
    return [None if cell is None else str(cell) for cell in cells]
