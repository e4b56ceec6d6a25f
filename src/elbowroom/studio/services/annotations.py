"""The studio's own notes about a run: ``studio.json`` in its directory."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

from elbowroom.runs.metrics_log import read_regular_file
from elbowroom.serialization import atomic_path

FILE_NAME = "studio.json"
#: name, note: for display; pid, began: the training process and its start time; asked: the state that process was asked
#: to end in; trashed: the run's path before it went to the trash.
FIELD_TYPES: dict[str, type] = {"name": str, "note": str, "pid": int, "began": str, "asked": str, "trashed": str}
#: Size of the file; what is longer is damaged.
_MAX_FILE_BYTES = 1 << 16
_WRITE_LOCK = threading.Lock()


def read_annotations(path: Path) -> dict[str, Any]:
    """Read the annotations of the run in this directory; damaged ones are left out."""
    try:
        annotations = json.loads(read_regular_file(path / FILE_NAME, _MAX_FILE_BYTES))
    except (OSError, ValueError, RecursionError):
        return {}
    if not isinstance(annotations, dict):
        return {}
    return {name: annotations[name] for name, kind in FIELD_TYPES.items() if type(annotations.get(name)) is kind}


def write_annotations(path: Path, **changes: Any) -> None:
    """Change some annotations, None removes one; the file is replaced atomically, by one request at a time."""
    # Mode x never writes through a link that somebody has put in this place.
    with _WRITE_LOCK, atomic_path(path / FILE_NAME) as temporary, temporary.open("x", encoding="utf-8") as file:
        annotations = {name: value for name, value in (read_annotations(path) | changes).items() if value is not None}
        file.write(json.dumps(annotations, ensure_ascii=False) + "\n")
