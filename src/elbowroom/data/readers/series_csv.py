"""Reader of series in .csv and .tsv: wide, a series to a row, or long, a step to a row."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import numpy as np

from elbowroom.data.options import ReadOptions
from elbowroom.data.raw import RawDataset
from elbowroom.data.readers.csv import MISSING_VALUES, check_header, iter_csv_rows, read_text
from elbowroom.data.readers.listing import TEXT_TABLE_SUFFIXES, Listing
from elbowroom.data.readers.registry import reader
from elbowroom.data.series_encoding import SERIES_OPTIONS, Sequences, encode_series, place_on_grid

ROLE_WORDS = {
    "id": ("id", "series", "series_id", "case", "unit"),
    "time": ("time", "timestamp", "date", "datetime", "t", "step"),
    "label": ("label", "class", "target", "y"),
}
"""Names of columns that are the series, the time and the class of a row, where ``columns`` does not say it."""


def is_series_table(listing: Listing, options: ReadOptions) -> bool:
    """Return whether one table of text is listed, and is said to hold series."""
    return listing.is_file and options.series is not None


@reader(
    "series-csv",
    "a .csv of series (with --series wide or long)",
    TEXT_TABLE_SUFFIXES,
    options=(*SERIES_OPTIONS, "label", "columns"),
    matches=is_series_table,
)
def read_series_csv(listing: Listing, options: ReadOptions) -> RawDataset:
    """Read a table whose rows are series (wide), or steps of one series or of several (long).

    Long tables may have a column of the series that a row belongs to, one of its time, and one of the class; the others
    are channels. Columns are known by names as id, time and label, or by ``columns``, as ``patient=id,hour=time``.

    Raises:
        ValueError: a value that is no number, no channel, a table that is empty.
    """
    path = listing.path
    rows = list(iter_csv_rows(path, read_text(path)[0]))
    if len(rows) < 2:
        raise ValueError(f"{path} has no rows: expected a line of names, then a line for every {_row_words(options)}")
    header = [name.strip() for name in rows[0][1]]
    check_header(header, header, path, path)
    short = next((number for number, cells in rows if len(cells) != len(header)), None)
    if short is not None:
        raise ValueError(f"line {short} of {path} has other cells than its first line: expected {len(header)}")
    roles = _find_roles(header, options)
    columns = {name: [cells[i].strip() for _, cells in rows[1:]] for i, name in enumerate(header)}
    channels = [name for name in header if name and roles.get(name) is None]
    if not channels:
        raise ValueError(f"{path} has no column of values beside {', '.join(roles)}: give one at least")
    values = np.array([_parse_numbers(columns[name], name, str(path)) for name in channels]).T
    by_role = {role: columns[name] for name, role in roles.items()}
    if options.series == "wide":
        rows_of = Sequences(
            [row[None, : _length_of(row)] for row in values], by_role.get("label", ()), by_role.get("id", ())
        )
        return encode_series({"train": rows_of}, options, str(path))
    return encode_series({"train": _join_steps(values, by_role, options, str(path))}, options, str(path), channels)


def _row_words(options: ReadOptions) -> str:
    return "series" if options.series == "wide" else "step"


def _find_roles(header: list[str], options: ReadOptions) -> dict[str, str]:
    """Return the columns that are no values: id, time, label, and those to drop."""
    given = _parse_roles(options.columns)
    unknown = next((name for name in (*given, *filter(None, [options.label])) if name not in header), None)
    if unknown is not None:
        raise ValueError(f"there is no column '{unknown}': the columns are {', '.join(header)}")
    roles = dict(given) | ({options.label: "label"} if options.label else {})
    for role, words in ROLE_WORDS.items():
        found = next((name for name in header if name.lower() in words and name not in roles), None)
        if role not in roles.values() and found is not None and not (role == "time" and options.series == "wide"):
            roles[found] = role
    return {name: role for name, role in roles.items() if role != "value"}


def _parse_roles(columns: Any) -> dict[str, str]:
    """Return the roles of columns, as ``patient=id,hour=time,note=drop``."""
    if columns is None:
        return {}
    pairs = dict(columns) if isinstance(columns, Mapping) else dict(_split_pair(word) for word in columns.split(","))
    allowed = (*ROLE_WORDS, "drop", "value")
    for name, role in pairs.items():
        if role not in allowed:
            raise ValueError(f"columns: '{name}={role}' of a table of series: expected one of {', '.join(allowed)}")
    return pairs


def _split_pair(word: str) -> tuple[str, str]:
    name, _, role = word.rpartition("=")
    return name.strip(), role.strip()


def _parse_numbers(cells: list[str], name: str, where: str) -> list[float]:
    try:
        return [float("nan") if cell in MISSING_VALUES else float(cell) for cell in cells]
    except ValueError as error:
        raise ValueError(
            f"column {name} of {where}: {error}; a channel of a series holds numbers: leave the column out by "
            f"columns={name}=drop, or say that it is id, time or label"
        ) from None


def _parse_times(cells: list[str], where: str) -> np.ndarray:
    """Return times as numbers: those written, or the seconds of dates."""
    try:
        return np.array([float(cell) for cell in cells])
    except ValueError:
        pass
    try:
        return np.array([datetime.fromisoformat(cell).timestamp() for cell in cells])
    except ValueError as error:
        raise ValueError(f"times of {where}: {error}; expected numbers, or dates as 2024-05-01 12:00") from None


def _length_of(row: np.ndarray) -> int:
    """Return the steps of a series up to its last value; those of an empty one are all."""
    is_there = np.flatnonzero(np.isfinite(row))
    return int(is_there[-1]) + 1 if len(is_there) else len(row)


def _join_steps(values: np.ndarray, by_role: Mapping[str, list[str]], options: ReadOptions, where: str) -> Sequences:
    """Return the sequences of a long table, in the order in which they come first."""
    ids = by_role.get("id") or [""] * len(values)
    times = _parse_times(by_role["time"], where) if "time" in by_role else None
    rows_of: dict[str, list[int]] = {}
    for row, one in enumerate(ids):
        rows_of.setdefault(one, []).append(row)
    interval = options.interval or (_smallest_difference(times, rows_of) if times is not None else None)
    sequences = [
        values[rows].T if times is None else place_on_grid(times[rows], values[rows], interval, where)
        for rows in rows_of.values()
    ]
    if len(sequences) == 1 and options.window is None:
        raise ValueError(
            f"{where} is one long series: give window= (--window), the steps of an example, or the column of the "
            "series that each row belongs to, as columns=patient=id"
        )
    labels = by_role.get("label")
    return Sequences(sequences, [labels[rows[0]] for rows in rows_of.values()] if labels else (), list(rows_of))


def _smallest_difference(times: np.ndarray, rows_of: Mapping[str, list[int]]) -> float | None:
    """Return the smallest difference of two times of a series, over all of them, so that they share a grid."""
    differences = [d for rows in rows_of.values() for d in np.diff(np.unique(times[rows])).tolist() if d > 0]
    return min(differences, default=None)
