"""The folder of runs, and what may be reached in it."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from elbowroom.studio.http.json import RequestError
from elbowroom.studio.services.run_summary import RunUpdate, RunWatcher

#: Is told a run, its summary and what is new of it.
RunListener = Callable[[str, dict[str, Any] | None, RunUpdate | None], None]
#: Folders within a run, where no other run is looked for.
_SKIPPED_FOLDERS = ("images", "checkpoints")
#: How deep runs are looked for, and how many are shown.
_MAX_DEPTH, _MAX_RUNS = 6, 5000


class RunIndex:
    """The runs in a folder and below it, each under its path from there.

    Args:
        path: the folder.

    Raises:
        ValueError: there is no such folder.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path).resolve()
        if not self.path.is_dir():
            raise ValueError(f"no folder {path}: name the one that holds your runs, or make it first")
        self._watchers: dict[str, RunWatcher] = {}
        self._lock = threading.Lock()
        self._listeners: list[RunListener] = []

    def add_listener(self, listener: RunListener) -> None:
        """Have this called with a run, its summary and what is new of it; with None and None where it is gone."""
        self._listeners.append(listener)

    def refresh(self) -> list[dict[str, Any]]:
        """The summaries of all runs as they stand now, live ones first, then the newest."""
        with self._lock:
            there = dict.fromkeys(self._find_runs())
            for run in [run for run in self._watchers if run not in there]:
                del self._watchers[run]
                self._notify(run, None, None)
            for run in there:
                if run not in self._watchers:
                    self._watchers[run] = RunWatcher(self.path / run, run)
                if news := self._watchers[run].poll():
                    self._notify(run, self._watchers[run].summary, news)
            found = [seen.summary for seen in self._watchers.values()]
        return sorted(sorted(found, key=lambda s: str(s["started"] or ""), reverse=True), key=lambda s: not s["live"])

    def _notify(self, run: str, summary: dict[str, Any] | None, update: RunUpdate | None) -> None:
        for telling in self._listeners:
            telling(run, summary, update)

    def _find_runs(self) -> Iterator[str]:
        """Where there is a ``recipe.json``; no links are followed, no hidden folders entered."""
        left, count = [("", 0)], 0
        while left and count < _MAX_RUNS:
            at, depth = left.pop()
            try:
                entries = list(os.scandir(self.path / at))
            except OSError:
                continue
            is_run = any(entry.name == "recipe.json" for entry in entries)
            if is_run:
                count += 1
                yield at or "."
            for entry in entries:
                hidden = not is_safe_part(entry.name) or (is_run and entry.name in _SKIPPED_FOLDERS)
                if not hidden and depth < _MAX_DEPTH and entry.is_dir(follow_symlinks=False):
                    left.append((f"{at}/{entry.name}" if at else entry.name, depth + 1))

    def summary(self, run: str) -> dict[str, Any]:
        """The summary of one run as it stands now.

        Raises:
            Refused: there is none.
        """
        path = self.run_path(run)
        with self._lock:
            seen = self._watchers.get(run)
            if seen is None:
                seen = self._watchers[run] = RunWatcher(path, run)
            if news := seen.poll():
                self._notify(run, seen.summary, news)
            return seen.summary

    def record(self, run: str) -> dict[str, Any] | None:
        """What the ``recipe.json`` of a run says; None where it is damaged."""
        self.summary(run)
        with self._lock:
            return self._watchers[run].record if run in self._watchers else None

    def run_path(self, run: str) -> Path:
        """The directory of a run.

        Raises:
            Refused: there is none under this name, or what is there leads out of the folder.
        """
        path = self.resolve_path(run)
        if not (path / "recipe.json").is_file():
            raise RequestError(f"no run '{run[:80]}' here: reload the list of runs", 404)
        return path

    def resolve_path(self, name: str) -> Path:
        """A path below the folder, none of whose parts is hidden or a link."""
        parts = [] if name == "." else name.split("/")
        if not all(map(is_safe_part, parts)):
            raise RequestError(f"{name[:80]!r} is no run: a run is named by its path below the folder", 404)
        path = self.path.joinpath(*parts)
        try:
            same = path.resolve() == path
        except (OSError, RuntimeError, ValueError):
            same = False
        if not same:
            raise RequestError(f"'{name[:80]}' leads elsewhere: links are not followed", 404)
        return path

    def run_file(self, run: str, name: str) -> Path:
        """A plain file of a run, really inside it.

        Raises:
            Refused: it is not there, or elsewhere.
        """
        path = self.run_path(run)
        if not all(map(is_safe_part, name.split("/"))):
            raise RequestError(f"{name[:80]!r} is no file of a run", 404)
        try:
            real = (path / name).resolve(strict=True)
        except (OSError, RuntimeError, ValueError):
            raise RequestError(f"there is no {name[:80]} in {run[:80]}", 404) from None
        if not real.is_relative_to(path) or not real.is_file():
            raise RequestError(f"there is no {name[:80]} in {run[:80]}", 404)
        return real


def is_safe_part(part: str) -> bool:
    """Whether a part of a path names something below, and nothing hidden.

    >>> is_safe_part("vae-digits-1"), is_safe_part(".."), is_safe_part(""), is_safe_part("a\\x00b")
    (True, False, False, False)
    """
    if not part or part.startswith(".") or len(part) > 255 or re.search(r"[\x00-\x1f\x7f\\]", part):
        return False
    return part.isascii() or not any("\ud800" <= sign <= "\udfff" for sign in part)
