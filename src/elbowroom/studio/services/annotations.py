"""What the studio itself keeps about a run: ``studio.json`` in its directory."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from elbowroom.runs.metrics_log import read_regular_file as read_file

FILE_NAME = "studio.json"
#: What it may hold: a name and a note to show; which process trains it, and since when; what was asked of that
#: process; where it was before it went to the trash.
FIELD_TYPES: dict[str, type] = {"name": str, "note": str, "pid": int, "began": str, "asked": str, "trashed": str}
_MAX_BYTES = 1 << 16


def read_annotations(path: Path) -> dict[str, Any]:
    """What is kept about the run in this directory; whatever is damaged is left out."""
    try:
        found = json.loads(read_file(path / FILE_NAME, _MAX_BYTES))
    except (OSError, ValueError, RecursionError):
        return {}
    if not isinstance(found, dict):
        return {}
    return {name: found[name] for name, kind in FIELD_TYPES.items() if type(found.get(name)) is kind}


def write_annotations(path: Path, **changes: Any) -> None:
    """Keep these too, None for what is no longer so; whoever reads meanwhile sees all of it or nothing."""
    held = read_annotations(path) | changes
    text = json.dumps({name: value for name, value in held.items() if value is not None}, ensure_ascii=False)
    beside = path / f"{FILE_NAME}.part"
    beside.unlink(missing_ok=True)
    with beside.open("x", encoding="utf-8") as file:
        file.write(text + "\n")
    os.replace(beside, path / FILE_NAME)
