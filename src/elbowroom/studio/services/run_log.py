"""Logs of processes that the studio started: the last lines of what they wrote."""

from __future__ import annotations

import os
import re
from pathlib import Path

from elbowroom.runs.metrics_log import open_regular_file

#: The end of a log that is read.
MAX_TAIL_BYTES = 1 << 15
#: Escape sequences of a terminal: colors, movements of the cursor.
_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def read_tail(path: Path, max_bytes: int = MAX_TAIL_BYTES) -> str:
    """Return the last whole lines of a log as a terminal would show them; empty if there is none."""
    try:
        with os.fdopen(open_regular_file(path), "rb") as file:
            start = max(os.fstat(file.fileno()).st_size - max_bytes, 0)
            file.seek(start)
            text = file.read(max_bytes).decode("utf-8", errors="replace")
    except OSError:
        return ""
    lines = _ESCAPES.sub("", text).split("\n")
    # A carriage return writes a line anew: of a bar the last state is left.
    return "\n".join(line.rstrip("\r").rpartition("\r")[2] for line in (lines[1:] if start else lines))


def last_error(text: str) -> str:
    """Return the last error message of the command line in a log; empty if there is none.

    >>> last_error("elbowroom: warning: a\\nelbowroom: loss became nan: lower --lr\\n")
    'loss became nan: lower --lr'
    """
    messages = [line.removeprefix("elbowroom: ") for line in text.splitlines() if line.startswith("elbowroom: ")]
    return next((" ".join(line.split())[:500] for line in reversed(messages) if not line.startswith("warning: ")), "")
