"""Following ``metrics.jsonl`` from where one stopped."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from typing import Any

#: Bytes read at a time, and so of a line at most.
CHUNK_BYTES = 1 << 24

MetricsRow = dict[str, Any]


def open_regular_file(path: Path) -> int:
    """A descriptor of a plain file that is no link; whatever else it is counts as not there.

    Raises:
        OSError: it is not there, or no plain file.
    """
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    descriptor = os.open(path, flags)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise FileNotFoundError(f"{path} is no plain file")
    return descriptor


def read_regular_file(path: Path, max_bytes: int) -> bytes:
    """A small plain file, as much of it as is allowed.

    Raises:
        OSError: it cannot be read.
    """
    with os.fdopen(open_regular_file(path), "rb") as file:
        return file.read(max_bytes)


def parse_row(line: bytes) -> MetricsRow | None:
    """A line as a row of the metrics, if it is one and whole.

    >>> parse_row(b'{"step": 10, "epoch": 1, "split": "train", "loss": 2.5}')["loss"]
    2.5
    >>> parse_row(b'{"step": 10, "ep'), parse_row(b"[1]")
    (None, None)
    """
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, dict) or finite_or_none(found.get("seconds", 0.0)) is None:
        return None
    counts = [found.get("step"), found.get("epoch")]
    return found if all(type(count) is int and 0 <= count < 2**53 for count in counts) else None


def finite_or_none(value: Any) -> float | None:
    """A value that is a finite number, None for any other."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not -1e300 < value < 1e300:
        return None
    return value


class JsonlTail:
    """The whole lines of a file that grows, each once; from the beginning where it was written anew."""

    def __init__(self, path: Path) -> None:
        self._path, self._offset, self._file_id = path, 0, (0, 0)
        self._stat: tuple[int, ...] = ()

    def read_new(self) -> tuple[bool, list[bytes]]:
        """Whether the file began anew, and the new part of it in pieces of whole lines.

        Raises:
            OSError: it cannot be read.
        """
        now = os.stat(self._path, follow_symlinks=False)
        if (seen := (now.st_dev, now.st_ino, now.st_size, now.st_mtime_ns)) == self._stat:
            return False, []
        pieces = []
        with os.fdopen(open_regular_file(self._path), "rb") as file:
            about = os.fstat(file.fileno())
            anew = self._offset > 0 and ((about.st_dev, about.st_ino) != self._file_id or about.st_size < self._offset)
            self._file_id = (about.st_dev, about.st_ino)
            if anew:
                self._offset = 0
            file.seek(self._offset)
            while piece := file.read(CHUNK_BYTES):
                whole = len(piece) if len(piece) == CHUNK_BYTES and b"\n" not in piece else piece.rfind(b"\n") + 1
                if not whole:
                    break
                self._offset += whole
                file.seek(self._offset)
                pieces.append(piece[:whole])
        self._stat = seen
        return anew, pieces


def read_rows(path: Path) -> list[MetricsRow]:
    """All whole rows of a file.

    Raises:
        OSError: it cannot be read.
    """
    _, pieces = JsonlTail(path).read_new()
    return [one for piece in pieces for line in piece.splitlines() if (one := parse_row(line)) is not None]
