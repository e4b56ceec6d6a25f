"""The cells of a table, column by column, and how they are read from text."""

from __future__ import annotations

import csv
from array import array
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from elbowroom.data.file_io import io_errors

MISSING_VALUES = {"", "NA", "N/A", "n/a", "NaN", "nan", "NULL", "null", "?"}
"""What stands in a cell of text that has nothing in it."""
DELIMITERS = ",;\t|"


@dataclass(frozen=True)
class RawColumn:
    """One column: the different values in it, texts or numbers, and which of them each row has, -1 for none.

    >>> RawColumn("age", np.array([1, 0, -1]), ["20", "x"]).numbers
    array([nan, 20., nan])
    """

    name: str
    value_indices: np.ndarray
    values: Sequence[str] | np.ndarray

    @property
    def numeric_values(self) -> np.ndarray:
        """The different values as numbers, NaN for texts that are none."""
        return np.array([parse_number(text) for text in self.values], dtype=np.float64)

    @property
    def numbers_by_row(self) -> np.ndarray:
        """The number in every row, NaN where there is none."""
        return np.append(self.numeric_values, np.nan)[self.value_indices]

    @property
    def value_counts(self) -> np.ndarray:
        """How many rows have each value."""
        return np.bincount(self.value_indices[self.value_indices >= 0], minlength=len(self.values))

    @property
    def is_text(self) -> bool:
        """Whether it was written as text, as all columns of a .csv are."""
        return not isinstance(self.values, np.ndarray)


@dataclass(frozen=True)
class RawTable:
    """The columns of one or more files, ``count`` rows of them; ``where`` is what a row is called."""

    columns: dict[str, RawColumn]
    n_rows: int
    describe_row: Callable[[int], str]


def parse_number(text: str | float) -> float:
    """A number as it is written, or NaN for anything else.

    >>> parse_number("1e3"), parse_number("1_000")
    (1000.0, nan)
    """
    try:
        return float("nan") if isinstance(text, str) and "_" in text else float(text)
    except ValueError:
        return float("nan")


def read_csv(files: Sequence[Path]) -> RawTable:
    """The table in files of text: a line of names, then a line for every row.

    Raises:
        ValueError: a damaged or empty file, columns without a name or twice, rows of another length, other columns in
            another file.
    """
    names: list[str] = []
    codes: list[array[int]] = []
    places: list[dict[str, int]] = []
    lines, begins = array("q"), []
    for file in files:
        begins.append(len(lines))
        rows = iter_csv_rows(file)
        _, header = next(rows, (0, []))
        if not names:
            names = header
            codes, places = [array("i") for _ in names], [{} for _ in names]
        check_header(header, names, file, files[0])
        for line, row in rows:
            if len(row) != len(names):
                raise ValueError(
                    f"line {line} of {file} has {len(row)} cells and its first line {len(names)}: expected as many; "
                    "put texts with a delimiter in them into quotes"
                )
            lines.append(line)
            for text, held, known in zip(row, codes, places, strict=True):
                held.append(-1 if text in MISSING_VALUES else known.setdefault(text, len(known)))
    if not len(lines):
        raise ValueError(f"{files[0]} has no rows: expected a line of names, then a line for every example")
    cells = {
        name: RawColumn(name, np.array(held), list(known))
        for name, held, known in zip(names, codes, places, strict=True)
        if name  # what pandas calls the rows has none
    }

    def where(row: int) -> str:
        return f"line {lines[row]} of {files[int(np.searchsorted(begins, row, side='right')) - 1]}"

    return RawTable(cells, len(lines), where)


def iter_csv_rows(file: Path) -> Iterator[tuple[int, list[str]]]:
    """The lines of a file of text that are not empty: their numbers, as an editor counts, and their cells."""
    try:
        with io_errors(file), open(file, encoding="utf-8-sig", newline="") as text:
            first = text.readline()
            text.seek(0)
            delimiter = max(DELIMITERS, key=first.count)
            rows = csv.reader(text, delimiter=delimiter, skipinitialspace=True)
            for row in rows:
                if row:
                    yield rows.line_num, [cell.strip() for cell in row]
    except csv.Error as error:
        raise ValueError(f"{file} is no table of text ({error}): save it as .csv again") from error


def check_header(header: list[str], names: list[str], file: Path, first_file: Path) -> None:
    """Refuse a first line that does not name the columns, or names others than the first file."""
    if header and not any(np.isnan([parse_number(name) for name in header])):
        raise ValueError(f"the first line of {file} holds numbers: expected the names of the columns; add them")
    twice = next((name for place, name in enumerate(header) if name in header[:place]), None)
    if twice is not None or "" in header[1:]:
        what = "a column without a name" if "" in header[1:] else f"more than one column called '{twice}'"
        raise ValueError(f"{file} has {what}: expected a name for each; mend its first line")
    if header != names:
        raise ValueError(
            f"the columns of {file} are {', '.join(header)} and those of {first_file} {', '.join(names)}: expected the same"
        )
