"""Index of a runs folder: find, summarize and watch its runs, and resolve their paths safely."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from elbowroom.studio.errors import RequestError
from elbowroom.studio.services.run_summary import RunUpdate, RunWatcher

#: Called with a run, its summary and its update.
RunListener = Callable[[str, dict[str, Any] | None, RunUpdate | None], None]
#: Folders within a run, where no other runs are looked for.
_SKIPPED_FOLDERS = ("images", "checkpoints")
#: How deep below the folder runs are looked for.
_MAX_DEPTH = 6
#: Runs that are listed.
_MAX_RUNS = 5000
#: Length of a file name.
_MAX_NAME_CHARS = 255


class RunIndex:
    """The runs in a folder and below it, each named by its path from there.

    Args:
        path: the folder.

    Raises:
        ValueError: there is no such folder.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path).resolve()
        if not self.path.is_dir():
            raise ValueError(f"no folder {path}: give the one that holds your runs, or create it first")
        self._watchers: dict[str, RunWatcher] = {}
        self._lock = threading.Lock()
        self._listeners: list[RunListener] = []

    def add_listener(self, listener: RunListener) -> None:
        """Call this on every change with the run, its summary and the update; with None for a run that is gone."""
        self._listeners.append(listener)

    def refresh(self) -> list[dict[str, Any]]:
        """Return the present summaries of all runs, live ones first, then the newest."""
        with self._lock:
            runs = dict.fromkeys(self._find_runs())
            for run in [run for run in self._watchers if run not in runs]:
                del self._watchers[run]
                self._notify(run, None, None)
            for run in runs:
                if run not in self._watchers:
                    self._watchers[run] = RunWatcher(self.path / run, run)
                self._poll(run)
            summaries = [watcher.summary for watcher in self._watchers.values()]
        newest_first = sorted(summaries, key=lambda summary: str(summary["started"] or ""), reverse=True)
        return sorted(newest_first, key=lambda summary: not summary["live"])

    def _poll(self, run: str) -> None:
        watcher = self._watchers[run]
        if update := watcher.poll():
            self._notify(run, watcher.summary, update)

    def _notify(self, run: str, summary: dict[str, Any] | None, update: RunUpdate | None) -> None:
        for listener in self._listeners:
            listener(run, summary, update)

    def _find_runs(self) -> Iterator[str]:
        """Yield the paths that hold a ``recipe.json``, without following links or entering hidden folders."""
        pending, count = [("", 0)], 0
        while pending and count < _MAX_RUNS:
            folder, depth = pending.pop()
            try:
                entries = list(os.scandir(self.path / folder))
            except OSError:
                continue
            is_run = any(entry.name == "recipe.json" for entry in entries)
            if is_run:
                count += 1
                yield folder or "."
            for entry in entries:
                is_skipped = not is_safe_part(entry.name) or (is_run and entry.name in _SKIPPED_FOLDERS)
                if not is_skipped and depth < _MAX_DEPTH and entry.is_dir(follow_symlinks=False):
                    pending.append((f"{folder}/{entry.name}" if folder else entry.name, depth + 1))

    def summary(self, run: str) -> dict[str, Any]:
        """Return the present summary of one run.

        Raises:
            RequestError: there is no such run.
        """
        path = self.run_path(run)
        with self._lock:
            if run not in self._watchers:
                self._watchers[run] = RunWatcher(path, run)
            self._poll(run)
            return self._watchers[run].summary

    def record(self, run: str) -> dict[str, Any] | None:
        """Return the content of a run's ``recipe.json``; None where it is damaged."""
        self.summary(run)
        with self._lock:
            return self._watchers[run].record if run in self._watchers else None

    def run_path(self, run: str) -> Path:
        """Return the directory of a run.

        Raises:
            RequestError: there is no such run, or its path leads out of the folder.
        """
        path = self.resolve_path(run)
        if not (path / "recipe.json").is_file():
            raise RequestError(f"there is no run '{run[:80]}' here: reload the list of runs", 404)
        return path

    def resolve_path(self, name: str) -> Path:
        """Return a path below the folder, none of whose parts may be hidden or a link.

        Raises:
            RequestError: a part of it is.
        """
        parts = [] if name == "." else name.split("/")
        if not all(map(is_safe_part, parts)):
            raise RequestError(f"{name[:80]!r} is no run: give its path below the runs folder", 404)
        path = self.path.joinpath(*parts)
        try:
            is_resolved = path.resolve() == path
        except (OSError, RuntimeError, ValueError):
            is_resolved = False
        if not is_resolved:
            raise RequestError(f"'{name[:80]}' leads elsewhere: links are not followed", 404)
        return path

    def run_file(self, run: str, name: str) -> Path:
        """Return the path of a regular file inside a run.

        Raises:
            RequestError: there is no such file, or it lies outside the run.
        """
        path = self.run_path(run)
        if not all(map(is_safe_part, name.split("/"))):
            raise RequestError(f"{name[:80]!r} is no file of a run: give its path below the run", 404)
        try:
            resolved = (path / name).resolve(strict=True)
        except (OSError, RuntimeError, ValueError):
            raise RequestError(f"there is no {name[:80]} in {run[:80]}", 404) from None
        if not resolved.is_relative_to(path) or not resolved.is_file():
            raise RequestError(f"there is no {name[:80]} in {run[:80]}", 404)
        return resolved


def is_safe_part(part: str) -> bool:
    """Whether a part of a path is an ordinary name: not empty, hidden, ``..``, too long or with control characters.

    >>> is_safe_part("vae-digits-1"), is_safe_part(".."), is_safe_part(""), is_safe_part("a\\x00b")
    (True, False, False, False)
    """
    if not part or part.startswith(".") or len(part) > _MAX_NAME_CHARS or re.search(r"[\x00-\x1f\x7f\\]", part):
        return False
    # Lone surrogates cannot be encoded in a file name.
    return part.isascii() or not any("\ud800" <= character <= "\udfff" for character in part)
