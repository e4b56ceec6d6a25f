"""What the studio itself keeps about a run: ``studio.json`` in its directory."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from elbowroom.runs.metrics_log import read as read_file

FILE = "studio.json"
#: What it may hold: a name and a note to show; which process trains it, and since when; what was asked of that
#: process; where it was before it went to the trash.
KINDS: dict[str, type] = {"name": str, "note": str, "pid": int, "began": str, "asked": str, "trashed": str}
_LARGEST = 1 << 16


def read(path: Path) -> dict[str, Any]:
    """What is kept about the run in this directory; whatever is damaged is left out."""
    try:
        found = json.loads(read_file(path / FILE, _LARGEST))
    except (OSError, ValueError, RecursionError):
        return {}
    if not isinstance(found, dict):
        return {}
    return {name: found[name] for name, kind in KINDS.items() if type(found.get(name)) is kind}


def write(path: Path, **said: Any) -> None:
    """Keep these too, None for what is no longer so; whoever reads meanwhile sees all of it or nothing."""
    held = read(path) | said
    text = json.dumps({name: value for name, value in held.items() if value is not None}, ensure_ascii=False)
    beside = path / f"{FILE}.part"
    beside.unlink(missing_ok=True)
    with beside.open("x", encoding="utf-8") as file:
        file.write(text + "\n")
    os.replace(beside, path / FILE)
