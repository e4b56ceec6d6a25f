"""Read ``metrics.jsonl``, whole or while it grows, and files that others may replace."""

from __future__ import annotations

import json
import math
import os
import stat
from pathlib import Path
from typing import Any

#: Bytes read at a time, which is the longest line that is read.
CHUNK_BYTES = 1 << 24

MetricsRow = dict[str, Any]


def open_regular_file(path: Path) -> int:
    """Open a regular file that is no link, and return its descriptor.

    Raises:
        OSError: it does not exist, or is a link, a folder or a device.
    """
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    descriptor = os.open(path, flags)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise FileNotFoundError(f"{path} is no plain file")
    return descriptor


def read_regular_file(path: Path, max_bytes: int) -> bytes:
    """Return the first ``max_bytes`` of a regular file.

    Raises:
        OSError: it cannot be read.
    """
    with os.fdopen(open_regular_file(path), "rb") as file:
        return file.read(max_bytes)


def parse_row(line: bytes) -> MetricsRow | None:
    """Parse a line of the metrics; None if it is not a complete row.

    >>> parse_row(b'{"step": 10, "epoch": 1, "split": "train", "loss": 2.5}')["loss"]
    2.5
    >>> parse_row(b'{"step": 10, "ep'), parse_row(b"[1]")
    (None, None)
    """
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(row, dict) or finite_or_none(row.get("seconds", 0.0)) is None:
        return None
    counts = [row.get("step"), row.get("epoch")]
    return row if all(type(count) is int and 0 <= count < 2**53 for count in counts) else None


def finite_or_none(value: Any) -> float | None:
    """Return a value if it is a finite number, else None."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not -1e300 < value < 1e300:
        return None
    return value


def nan_to_null(value: Any) -> Any:
    """Return a value of JSON with None in place of NaN and infinities, which JSON has not.

    >>> nan_to_null([1.0, float("inf"), {"kl": float("nan")}])
    [1.0, None, {'kl': None}]
    """
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {name: nan_to_null(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [nan_to_null(item) for item in value]
    return value


class JsonlTail:
    """Reader of the complete lines of a growing file, each once; it starts over when the file is replaced."""

    def __init__(self, path: Path) -> None:
        self._path, self._offset, self._file_id = path, 0, (0, 0)
        self._stat: tuple[int, ...] = ()

    def read_new(self) -> tuple[bool, list[bytes]]:
        """Return whether the file was replaced or cut, and its new part in pieces of complete lines.

        Raises:
            OSError: it cannot be read.
        """
        info = os.stat(self._path, follow_symlinks=False)
        if (stat_key := (info.st_dev, info.st_ino, info.st_size, info.st_mtime_ns)) == self._stat:
            return False, []
        pieces = []
        with os.fdopen(open_regular_file(self._path), "rb") as file:
            info = os.fstat(file.fileno())
            is_new = self._offset > 0 and ((info.st_dev, info.st_ino) != self._file_id or info.st_size < self._offset)
            self._file_id = (info.st_dev, info.st_ino)
            if is_new:
                self._offset = 0
            file.seek(self._offset)
            while piece := file.read(CHUNK_BYTES):
                is_long_line = len(piece) == CHUNK_BYTES and b"\n" not in piece
                length = len(piece) if is_long_line else piece.rfind(b"\n") + 1
                if not length:
                    break
                self._offset += length
                file.seek(self._offset)
                pieces.append(piece[:length])
        self._stat = stat_key
        return is_new, pieces


def read_rows(path: Path) -> list[MetricsRow]:
    """Read all rows of a file; lines cut short or damaged are left out.

    Raises:
        OSError: it cannot be read.
    """
    with os.fdopen(open_regular_file(path), "rb") as file:
        return [row for line in file if (row := parse_row(line)) is not None]
