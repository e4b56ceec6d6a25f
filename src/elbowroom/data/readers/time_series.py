"""Reader of series in .ts files, the text format of the UCR and UEA archives."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from elbowroom.data.file_io import io_errors
from elbowroom.data.options import ReadOptions
from elbowroom.data.raw import RawDataset
from elbowroom.data.readers.listing import Listing
from elbowroom.data.readers.registry import reader
from elbowroom.data.series_encoding import SERIES_OPTIONS, Sequences, encode_series, place_on_grid

MISSING = {"?", "nan", ""}
"""What a cell has where a value is missing."""
TRAIN_NAME, TEST_NAME = "_TRAIN", "_TEST"
"""Endings of the names of the two files of a set of an archive."""
PAIR = re.compile(r"\(([^,()]+),([^,()]+)\)")
"""A value with its time, where the header says that there are times."""


@reader("ts", "a .ts file of series, as the UCR and UEA archives have", (".ts",), options=SERIES_OPTIONS)
def read_ts(listing: Listing, options: ReadOptions) -> RawDataset:
    """Read a header of lines with @, then a series to a line: channels between colons, the class last.

    Beside NAME_TRAIN.ts, NAME_TEST.ts is the split test. Series may have other lengths than the others, and values at
    times of their own.

    Raises:
        ValueError: no line of data, a value that is none, another number of channels.
    """
    path = listing.path
    splits = {"train": parse_ts(path, options)}
    test = path.with_name(path.name.replace(TRAIN_NAME, TEST_NAME))
    has_pair = TRAIN_NAME in path.name and test.is_file()
    if has_pair:
        splits["test"] = parse_ts(test, options)
    raw = encode_series(splits, options, str(path))
    raw.preprocessing += f"; test from {test.name}" if has_pair else ""
    return raw


def parse_ts(path: Path, options: ReadOptions) -> Sequences:
    """Return the series of one file.

    >>> import tempfile
    >>> file = Path(tempfile.mkdtemp()) / "a.ts"
    >>> _ = file.write_text("@classLabel true a b\\n@data\\n1,2,?:3,4,5:a\\n6,7:8,9:b\\n")
    >>> [values.shape for values in parse_ts(file, ReadOptions()).values], parse_ts(file, ReadOptions()).labels
    ([(2, 3), (2, 2)], ['a', 'b'])
    """
    with io_errors(path):
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    header, data = _split_header(lines)
    if not data:
        raise ValueError(f"{path} has no series: expected a line @data, and a series to a line after it")
    has_class = header.get("classlabel", "false").lower().startswith("true")
    has_times = header.get("timestamps", "false").lower().startswith("true")
    values, labels = [], []
    for number, line in data:
        *channels, last = line.split(":")
        labels += [last.strip()] if has_class else []
        where = f"line {number} of {path}"
        values.append(_parse_channels(channels if has_class else [*channels, last], has_times, options, where))
    return Sequences(values, labels, [str(i) for i in range(len(values))])


def _split_header(lines: list[str]) -> tuple[dict[str, str], list[tuple[int, str]]]:
    """Return the fields of the header in lower case, and the numbered lines of data."""
    header: dict[str, str] = {}
    data: list[tuple[int, str]] = []
    for number, line in enumerate(map(str.strip, lines), 1):
        if line.startswith("@"):
            key, _, value = line[1:].partition(" ")
            header[key.lower()] = value.strip()
        elif line and not line.startswith("#"):
            data.append((number, line))
    return header, data if "data" in header else []


def _parse_channels(channels: list[str], has_times: bool, options: ReadOptions, where: str) -> np.ndarray:
    """Return the channels of a series as (C, T), the shorter ones and missing values as NaN."""
    if has_times:
        return _parse_timed(channels, options, where)
    rows = [[_parse_cell(cell, where) for cell in channel.split(",")] for channel in channels]
    values = np.full((len(rows), max(map(len, rows))), np.nan)
    for row, numbers in zip(values, rows, strict=True):
        row[: len(numbers)] = numbers
    return values


def _parse_timed(channels: list[str], options: ReadOptions, where: str) -> np.ndarray:
    pairs = [
        (_parse_cell(time, where), index, _parse_cell(value, where))
        for index, channel in enumerate(channels)
        for time, value in PAIR.findall(channel)
    ]
    if not pairs:
        raise ValueError(f"{where} has no value with its time, as (0,1.5),(1,1.7): leave @timeStamps out of the header")
    times = np.array([time for time, _, _ in pairs])
    values = np.full((len(pairs), len(channels)), np.nan)
    for row, (_, index, value) in zip(values, pairs, strict=True):
        row[index] = value
    return place_on_grid(times, values, options.interval, where)


def _parse_cell(cell: str, where: str) -> float:
    text = cell.strip()
    try:
        return float("nan") if text.lower() in MISSING else float(text)
    except ValueError:
        raise ValueError(
            f"{where} has '{text}' where a number is expected: write ? for a missing value, and times as numbers"
        ) from None
