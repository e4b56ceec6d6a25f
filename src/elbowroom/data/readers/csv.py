"""Reader of tables in .csv and other delimited text."""

from __future__ import annotations

import csv
import gzip
import io
import re
from array import array
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from elbowroom.data.file_io import io_errors
from elbowroom.data.readers.table_encoding import RawColumn, RawTable, parse_number

MISSING_VALUES = {"", "NA", "N/A", "n/a", "NaN", "nan", "NULL", "null", "?"}
"""What a cell of text has where its value is missing."""
DELIMITERS = ",;\t|"
MAX_NAME_LENGTH = 200
"""Characters in the name of a column above which it is taken for a cell of a file without names."""
SNIFFED_LINES = 50
"""Lines by which the delimiter of a file is found."""
BYTE_ORDER_MARKS = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16", b"\xef\xbb\xbf": "utf-8-sig"}
FALLBACK_ENCODINGS = ("cp1252", "latin-1")
"""Encodings of files that are not UTF-8, the first that decodes them; the second decodes any."""


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
    texts = [read_text(file) for file in files]
    for file, (text, _) in zip(files, texts, strict=True):
        first_rows.append(len(line_numbers))
        rows = iter_csv_rows(file, text)
        header = [name.strip() for name in next(rows, (0, []))[1]]
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
            for cell, indices, known in zip(row, value_indices, index_of, strict=True):
                indices.append(known.setdefault(cell, len(known)))
    if not len(line_numbers):
        raise ValueError(f"{files[0]} has no rows: expected a line of names, then a line for every example")
    columns = {
        name: text_column(name, np.array(indices), list(known))
        for name, indices, known in zip(names, value_indices, index_of, strict=True)
        if name  # pandas writes its index as a column without a name
    }

    def describe_row(row: int) -> str:
        return f"line {line_numbers[row]} of {files[int(np.searchsorted(first_rows, row, side='right')) - 1]}"

    other = next((encoding for _, encoding in texts if encoding in FALLBACK_ENCODINGS), "")
    return RawTable(
        columns,
        len(line_numbers),
        describe_row,
        has_decimal_commas=find_delimiter(texts[0][0]) == ";",
        note=f"text read as {other}, since it is not UTF-8" if other else "",
    )


def text_column(name: str, indices: np.ndarray, texts: list[str]) -> RawColumn:
    """Return a column of texts, which are the same with and without spaces around them, and may be missing.

    >>> text_column("a", np.array([0, 1, 2]), [" x", "x", "NA"]).value_indices
    array([ 0,  0, -1])
    """
    index_of: dict[str, int] = {}
    stripped = [text.strip() for text in texts]
    values = [-1 if text in MISSING_VALUES else index_of.setdefault(text, len(index_of)) for text in stripped]
    written = None if stripped == texts else (indices, texts)
    return RawColumn(name, np.array(values, dtype=np.int64)[indices], list(index_of), written=written)


def read_text(file: Path) -> tuple[str, str]:
    """Return the text of a file, which may be gzipped, and its encoding: by its mark, UTF-8, or of Western Europe."""
    with io_errors(file):
        content = gzip.decompress(file.read_bytes()) if file.suffix.lower() == ".gz" else file.read_bytes()
    marked = next((encoding for mark, encoding in BYTE_ORDER_MARKS.items() if content.startswith(mark)), None)
    with io_errors(file):
        for encoding in (marked,) if marked else ("utf-8", *FALLBACK_ENCODINGS):
            try:
                return content.decode(encoding), encoding
            except UnicodeDecodeError:
                if marked:
                    raise
    raise AssertionError("latin-1 decodes all bytes")


def iter_csv_rows(file: Path, text: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the number, as an editor counts, and the cells of every line of a text that is not empty."""
    preamble, delimiter = count_preamble(text), find_delimiter(text)
    try:
        # a quote is one at the beginning of a cell only, so that spaces before it have to go
        has_spaced_quotes = re.search(re.escape(delimiter) + ' +"', text) is not None
        rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=has_spaced_quotes)
        for row in rows:
            if row and rows.line_num > preamble:
                yield rows.line_num, row
    except csv.Error as error:
        raise ValueError(f"{file} is no table of text ({error}): save it as .csv again") from error


def count_preamble(text: str) -> int:
    """Return how many lines stand before that of the names: comments with a #, and the ``sep=;`` of a spreadsheet.

    >>> count_preamble("sep=;\\na;b"), count_preamble("# made today\\n# by hand\\na,b"), count_preamble("a,b")
    (1, 2, 0)
    """
    lines = text[: 2**16].splitlines()
    return next((i for i, line in enumerate(lines) if not line.startswith(("#", "sep="))), 0)


def find_delimiter(text: str) -> str:
    """Return the delimiter by which the first lines of a text have most cells, as many in each.

    >>> find_delimiter("a;b\\n1,5;2,5"), find_delimiter("name\\nx"), find_delimiter('"a;b",c\\n"x",1')
    (';', ',', ',')
    """
    first = count_preamble(text)
    sample = io.StringIO(text[: 2**16], newline="")
    lines = [line for _, line in zip(range(first + SNIFFED_LINES), sample, strict=False)][first:]

    def count_cells(delimiter: str) -> tuple[float, int]:
        try:
            sizes = [len(row) for row in csv.reader(lines, delimiter=delimiter, skipinitialspace=True) if row]
        except csv.Error:
            return 0.0, 0
        if not sizes or sizes[0] < 2:
            return 0.0, 0
        return sizes.count(sizes[0]) / len(sizes), sizes[0]

    return max(DELIMITERS, key=count_cells)


def check_header(header: list[str], names: list[str], file: Path, first_file: Path) -> None:
    """Raise for a first line that does not name the columns, or names others than the first file."""
    if header and not any(np.isnan([parse_number(name) for name in header])):
        raise ValueError(f"the first line of {file} holds numbers: expected the names of the columns; add them")
    longest = max(map(len, header), default=0)
    if longest > MAX_NAME_LENGTH:
        words = f", or, of a corpus, its words beside it, in {file.stem}_vocabulary.txt"
        raise ValueError(
            f"the first line of {file} holds a text of {longest:,} characters: expected the names of the columns; add "
            f"them{words if file.suffix == '.tsv' else ''}"
        )
    duplicate = next((name for index, name in enumerate(header) if name in header[:index]), None)
    if duplicate is not None or "" in header[1:]:
        problem = "a column without a name" if "" in header[1:] else f"more than one column called '{duplicate}'"
        raise ValueError(f"{file} has {problem}: expected a name for each; mend its first line")
    if header != names:
        raise ValueError(
            f"the columns of {file} are {', '.join(header)} and those of {first_file} {', '.join(names)}: expected "
            "the same"
        )
