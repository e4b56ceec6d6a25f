"""The trash: deleted runs move to a hidden folder in the runs folder, and can be restored or deleted for good."""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from elbowroom.studio.errors import RequestError
from elbowroom.studio.services.annotations import read_annotations, write_annotations
from elbowroom.studio.services.run_images import newest_grid
from elbowroom.studio.services.run_index import RunIndex, is_safe_part
from elbowroom.studio.services.run_summary import RunWatcher

FOLDER_NAME = ".trash"


def move_to_trash(run_index: RunIndex, run: str) -> str:
    """Move a run to the trash; returns the name of the trash item.

    Raises:
        RequestError: it is being trained, holds other runs that are, or is the runs folder itself.
    """
    path = run_index.run_path(run)
    if path == run_index.path:
        raise RequestError("this run is the runs folder itself: delete it in the file system", 409)
    for summary in run_index.refresh():
        if summary["live"] and (summary["run"] == run or summary["run"].startswith(f"{run}/")):
            raise RequestError(f"'{summary['run']}' is being trained: stop it first", 409)
    item = f"{datetime.now():%Y%m%d-%H%M%S-%f}-{path.name}"
    _trash_path(run_index).mkdir(exist_ok=True)
    write_annotations(path, trashed=run)
    os.replace(path, _trash_path(run_index) / item)
    return item


def list_items(run_index: RunIndex) -> list[dict[str, Any]]:
    """List the runs in the trash, the newest first, with what they were and their size on disk."""
    if not _trash_path(run_index).is_dir():
        return []
    paths = sorted((p for p in _trash_path(run_index).iterdir() if p.is_dir() and not p.is_symlink()), reverse=True)
    return [_describe_item(path) for path in paths]


def _describe_item(path: Path) -> dict[str, Any]:
    original, annotated = _original_run(path), read_annotations(path)
    watcher = RunWatcher(path, original)
    watcher.poll()
    kept = ("recipe", "data", "epoch", "best", "note")
    return {key: watcher.summary.get(key) for key in kept} | {
        "item": path.name,
        "run": original,
        "name": annotated.get("name") or original,
        "deleted": path.name[:15],
        "bytes": _folder_bytes(path),
        "picture": newest_grid(path) is not None,
    }


def _folder_bytes(path: Path) -> int:
    """Return the size of all files in a folder, without following links."""
    total = 0
    for folder, _, names in os.walk(path):
        for name in names:
            with suppress(OSError):
                total += os.lstat(os.path.join(folder, name)).st_size
    return total


def item_path(run_index: RunIndex, item: str) -> Path:
    """Return the directory of a run in the trash.

    Raises:
        RequestError: it is not in the trash.
    """
    path = _trash_path(run_index) / item
    if not is_safe_part(item) or "/" in item or not path.is_dir() or path.is_symlink():
        raise RequestError(f"'{item[:80]}' is not in the trash: reload it", 404)
    return path


def restore_item(run_index: RunIndex, item: str) -> str:
    """Move a run back to its path, with a number behind it if that is taken; returns the run's path.

    Raises:
        RequestError: it is not in the trash.
    """
    path = item_path(run_index, item)
    names = [_original_run(path), *(f"{_original_run(path)}-{n}" for n in range(2, 1000))]
    target = next(candidate for candidate in map(run_index.resolve_path, names) if not candidate.exists())
    target.parent.mkdir(parents=True, exist_ok=True)
    os.replace(path, target)
    write_annotations(target, trashed=None)
    return target.relative_to(run_index.path).as_posix()


def delete_item(run_index: RunIndex, item: str) -> int:
    """Delete a run in the trash for good; returns the bytes that it had.

    Raises:
        RequestError: it is not in the trash.
    """
    path = item_path(run_index, item)
    size = _folder_bytes(path)
    shutil.rmtree(path)
    return size


def _trash_path(run_index: RunIndex) -> Path:
    path = run_index.path / FOLDER_NAME
    if path.is_symlink():
        raise RequestError(f"{FOLDER_NAME} in the runs folder is a link: remove it", 409)
    return path


def _original_run(path: Path) -> str:
    """Return the path that a run in the trash had."""
    return read_annotations(path).get("trashed") or path.name[23:] or path.name
