"""Deleting runs so that they can be had back: a hidden folder beside them."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path
from typing import Any

from elbowroom.studio.http.json import Refused
from elbowroom.studio.services import annotations
from elbowroom.studio.services.run_index import Folder, plain

NAME = ".trash"


def delete(folder: Folder, run: str) -> str:
    """Move a run to the trash; returns what it is called there.

    Raises:
        Refused: it is being trained, holds other runs that are, or is the folder itself.
    """
    path = folder.run(run)
    if path == folder.path:
        raise Refused("the folder itself is this run: delete it where you keep your files", 409)
    for summary in folder.look():
        if summary["live"] and (summary["run"] == run or summary["run"].startswith(f"{run}/")):
            raise Refused(f"'{summary['run']}' is being trained: stop it first", 409)
    item = f"{datetime.now():%Y%m%d-%H%M%S-%f}-{path.name}"
    _place(folder).mkdir(exist_ok=True)
    annotations.write(path, trashed=run)
    os.replace(path, _place(folder) / item)
    return item


def listed(folder: Folder) -> list[dict[str, Any]]:
    """What is in the trash, the newest first."""
    if not _place(folder).is_dir():
        return []
    there = sorted((p for p in _place(folder).iterdir() if p.is_dir() and not p.is_symlink()), reverse=True)
    return [{"item": p.name, "run": _from(p), "deleted": p.name[:15]} for p in there]


def restore(folder: Folder, item: str) -> str:
    """Put a run back where it was, or beside it if that is taken; returns its name.

    Raises:
        Refused: it is not in the trash.
    """
    path = _place(folder) / item
    if not plain(item) or "/" in item or not path.is_dir() or path.is_symlink():
        raise Refused(f"'{item[:80]}' is not in the trash: reload it", 404)
    names = [_from(path), *(f"{_from(path)}-{n}" for n in range(2, 1000))]
    there = next(place for place in map(folder.inside, names) if not place.exists())
    there.parent.mkdir(parents=True, exist_ok=True)
    os.replace(path, there)
    annotations.write(there, trashed=None)
    return there.relative_to(folder.path).as_posix()


def _place(folder: Folder) -> Path:
    path = folder.path / NAME
    if path.is_symlink():
        raise Refused(f"{NAME} in the runs folder is a link: remove it", 409)
    return path


def _from(path: Path) -> str:
    """Where a run in the trash came from."""
    return annotations.read(path).get("trashed") or path.name[23:] or path.name
