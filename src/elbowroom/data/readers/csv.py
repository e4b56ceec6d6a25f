"""Reader of tables in .csv and other delimited text."""

from __future__ import annotations

import csv
from array import array
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from elbowroom.data.file_io import io_errors
from elbowroom.data.readers.table_encoding import RawColumn, RawTable, parse_number

MISSING_VALUES = {"", "NA", "N/A", "n/a", "NaN", "nan", "NULL", "null", "?"}
"""What a cell of text has where its value is missing."""
DELIMITERS = ",;\t|"


def read_csv(files: Sequence[Path]) -> RawTable:
    """Read a table from text files, each a line of names, then a line for every row.

    Raises:
        ValueError: a damaged or empty file, columns without a name or twice, rows of another length, other columns in
            another file.
    """
    names: list[str] = []
    value_indices: list[array[int]] = []
    index_of: list[dict[str, int]] = []
    line_numbers, first_rows = array("q"), []
    for file in files:
        first_rows.append(len(line_numbers))
        rows = iter_csv_rows(file)
        _, header = next(rows, (0, []))
        if not names:
            names = header
            value_indices, index_of = [array("i") for _ in names], [{} for _ in names]
        check_header(header, names, file, files[0])
        for line_number, row in rows:
            if len(row) != len(names):
                raise ValueError(
                    f"line {line_number} of {file} has {len(row)} cells and its first line {len(names)}: expected as "
                    "many; put texts with a delimiter in them into quotes"
                )
            line_numbers.append(line_number)
            for text, indices, known in zip(row, value_indices, index_of, strict=True):
                indices.append(-1 if text in MISSING_VALUES else known.setdefault(text, len(known)))
    if not len(line_numbers):
        raise ValueError(f"{files[0]} has no rows: expected a line of names, then a line for every example")
    columns = {
        name: RawColumn(name, np.array(indices), list(known))
        for name, indices, known in zip(names, value_indices, index_of, strict=True)
        if name  # pandas writes its index as a column without a name
    }

    def describe_row(row: int) -> str:
        return f"line {line_numbers[row]} of {files[int(np.searchsorted(first_rows, row, side='right')) - 1]}"

    return RawTable(columns, len(line_numbers), describe_row)


def iter_csv_rows(file: Path) -> Iterator[tuple[int, list[str]]]:
    """Yield the number, as an editor counts, and the cells of every line of a text file that is not empty."""
    try:
        with io_errors(file), open(file, encoding="utf-8-sig", newline="") as text:
            first_line = text.readline()
            text.seek(0)
            delimiter = max(DELIMITERS, key=first_line.count)
            rows = csv.reader(text, delimiter=delimiter, skipinitialspace=True)
            for row in rows:
                if row:
                    yield rows.line_num, [cell.strip() for cell in row]
    except csv.Error as error:
        raise ValueError(f"{file} is no table of text ({error}): save it as .csv again") from error


def check_header(header: list[str], names: list[str], file: Path, first_file: Path) -> None:
    """Raise for a first line that does not name the columns, or names others than the first file."""
    if header and not any(np.isnan([parse_number(name) for name in header])):
        raise ValueError(f"the first line of {file} holds numbers: expected the names of the columns; add them")
    duplicate = next((name for index, name in enumerate(header) if name in header[:index]), None)
    if duplicate is not None or "" in header[1:]:
        problem = "a column without a name" if "" in header[1:] else f"more than one column called '{duplicate}'"
        raise ValueError(f"{file} has {problem}: expected a name for each; mend its first line")
    if header != names:
        raise ValueError(
            f"the columns of {file} are {', '.join(header)} and those of {first_file} {', '.join(names)}: expected "
            "the same"
        )
