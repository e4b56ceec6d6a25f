"""One run as it was last seen: its summary, kept up to date by what has changed."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from elbowroom.runs import metrics_log, settings
from elbowroom.runs.run import check_record
from elbowroom.studio.http.json import nan_to_null, one_line
from elbowroom.studio.services import processes, run_images
from elbowroom.studio.services.annotations import read_annotations
from elbowroom.studio.services.metrics_summary import MAX_PARSED_BYTES, MetricsSummary
from elbowroom.studio.services.run_images import IMAGE_KINDS, file_url, image_file

#: Bytes of a ``recipe.json`` at most, and of the end of a log that is read.
_MAX_RECORD_BYTES, _MAX_LOG_BYTES = 1 << 22, 1 << 13


@dataclass
class RunUpdate:
    """What is new of a run.

    Attributes:
        rows: of the metrics, as written.
        is_reset: whether the metrics begin anew, or have grown by more than is told row by row.
        image_epochs: by kind, the epoch of the newest.
    """

    rows: list[metrics_log.MetricsRow] = field(default_factory=list)
    is_reset: bool = False
    image_epochs: dict[str, int] = field(default_factory=dict)


class RunWatcher:
    """A run, looked at again and again: what has not changed is not read a second time."""

    def __init__(self, path: Path, run: str) -> None:
        self.path, self.run = path, run
        self.record: dict[str, Any] | None = None
        self.summary: dict[str, Any] = {}
        self._problem = ""
        self._file_stamps: dict[str, tuple[int, ...] | None] = {}
        self._tail = metrics_log.JsonlTail(path / "metrics.jsonl")
        self._metrics = MetricsSummary()
        self._settings: dict[str, Any] = {}
        self._image_epochs: dict[str, int] = {}
        self._is_live = False

    def poll(self) -> RunUpdate | None:
        """Bring the summary up to date; returns what is new, None for nothing."""
        first, news = not self.summary, RunUpdate()
        changed = [
            self._read_record(),
            self._read_rows(news, first),
            self._has_changed("studio.json"),
            self._has_changed("studio.log"),
        ]
        live, self._is_live = self._is_live, processes.is_locked(self.path)
        changed += [live != self._is_live, self._has_changed("report.html"), self._find_images(news, first)]
        if not (first or any(changed)):
            return None
        try:
            self.summary = nan_to_null(self._build_summary())
        except (ValueError, KeyError, TypeError, AttributeError, OverflowError):
            # Nothing that a file may hold keeps the others from being listed.
            self.record, self._problem = None, f"{self.path / 'recipe.json'} is damaged: restore it"
            self._metrics, self._settings = MetricsSummary(), {}
            self.summary = nan_to_null(self._build_summary())
        return news

    def _has_changed(self, name: str) -> bool:
        """Whether a file is another than when last asked."""
        try:
            now = os.stat(self.path / name, follow_symlinks=False)
            mark: tuple[int, ...] | None = (now.st_ino, now.st_size, now.st_mtime_ns)
        except OSError:
            mark = None
        before, self._file_stamps[name] = self._file_stamps.get(name), mark
        return mark != before

    def _read_record(self) -> bool:
        if not self._has_changed("recipe.json"):
            return False
        file = self.path / "recipe.json"
        self.record, self._problem, self._settings = None, "", {}
        try:
            data = metrics_log.read_regular_file(file, _MAX_RECORD_BYTES + 1)
            if len(data) > _MAX_RECORD_BYTES:
                raise ValueError(f"{file} is damaged: it has more than {_MAX_RECORD_BYTES >> 20} MiB; restore it")
            record = json.loads(data)
            check_record(record, file)
            self._settings = settings.flat_settings(record)
            self.record = record
        except OSError as error:
            self._problem = f"cannot read {file} ({error.strerror or 'it is no plain file'}): mend its permissions"
        except RecursionError:
            self._problem = f"{file} is damaged: it is nested too deeply; restore it"
        except (json.JSONDecodeError, UnicodeDecodeError):
            self._problem = f"{file} is not readable as JSON: it was cut short or damaged; restore it"
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            self._problem = one_line(error) if isinstance(error, ValueError) else f"{file} is damaged: restore it"
        return True

    def _read_rows(self, update: RunUpdate, is_first: bool) -> bool:
        try:
            anew, pieces = self._tail.read_new()
        except OSError:
            return False
        if anew:
            self._metrics = MetricsSummary()
        for piece in pieces:
            new = self._metrics.add_lines(piece, _read_best(self.path) if len(piece) > MAX_PARSED_BYTES else None)
            update.is_reset |= not new and len(piece) > MAX_PARSED_BYTES
            update.rows += new
        update.is_reset = (update.is_reset or anew) and not is_first
        if anew:
            update.rows = []
        return anew or bool(pieces)

    def _find_images(self, update: RunUpdate, is_first: bool) -> bool:
        """The newest whole picture of each kind; thousands are not listed where the last epoch's is there."""
        before = self._file_stamps.get("images")
        if not self._has_changed("images"):
            return False
        epoch = self._metrics.recent_rows[-1]["epoch"] if self._metrics.recent_rows else 0
        newest = {kind: epoch for kind in IMAGE_KINDS if (self.path / image_file(kind, epoch)).is_file()}
        if len(newest) < len(IMAGE_KINDS) and not (is_first and newest):
            newest = run_images.newest_epochs(self.path)
        unfinished = [
            kind
            for kind, epoch in newest.items()
            if not run_images.is_complete_png(self.path / image_file(kind, epoch))
        ]
        if unfinished:
            self._file_stamps["images"] = before  # being written: look again
        newest = {kind: epoch for kind, epoch in newest.items() if kind not in unfinished}
        update.image_epochs = {kind: epoch for kind, epoch in newest.items() if self._image_epochs.get(kind) != epoch}
        self._image_epochs |= update.image_epochs
        return bool(update.image_epochs)

    def _build_summary(self) -> dict[str, Any]:
        """The summary."""
        kept, record = read_annotations(self.path), self.record or {}
        training, data = record.get("training", {}), record.get("data", {})
        last = self._metrics.recent_rows[-1] if self._metrics.recent_rows else {}
        now = self._status(record, last, kept)
        split = next((split for split in ("validation", "train") if split in self._metrics.best_rows), None)
        best = self._metrics.best_rows.get(split or "")
        newest = next((one for one in reversed(self._metrics.recent_rows) if one.get("split") == split), {})
        rate = next((one for one in reversed(self._metrics.recent_rows) if one.get("split") == "train"), {})
        name = self.path.name if self.run == "." else self.run
        return now | {
            "run": self.run,
            "name": kept.get("name") or name,
            "note": kept.get("note", ""),
            "pausable": self._is_live and processes.is_same_process(kept.get("pid"), kept.get("began")),
            "recipe": record.get("recipe"),
            "arguments": record.get("arguments"),
            "data": data.get("name"),
            "shape": record.get("shape"),
            "parameters": record.get("parameters"),
            "objective": record.get("objective"),
            "started": record.get("started"),
            "device": training.get("device"),
            "epoch": last.get("epoch", 0),
            "step": last.get("step", 0),
            "seconds": max((one.get("seconds", 0.0) for one in self._metrics.recent_rows), default=0.0),
            "examples_per_second": metrics_log.finite_or_none(rate.get("examples_per_second")),
            "elbo": metrics_log.finite_or_none(newest.get("elbo")),
            "loss": metrics_log.finite_or_none(newest.get("loss")),
            "best": best
            and {
                "split": split,
                **{key: metrics_log.finite_or_none(best.get(key)) for key in ("loss", "elbo", "epoch")},
            },
            "spark": self._metrics.losses[split].points() if split else [],
            "picture": self.image_url("reconstructions"),
            "findings": [{key: one.get(key) for key in ("title", "severity")} for one in self._metrics.findings],
            "settings": self._settings,
            "report": file_url(self.run, "report.html") if self._file_stamps.get("report.html") else None,
        }

    def _status(
        self, record: dict[str, Any], last_row: metrics_log.MetricsRow, annotated: dict[str, Any]
    ) -> dict[str, Any]:
        """How it stands, and how far it has come."""
        epochs, total = settings.planned_length(record, self._metrics.recent_rows)
        reason = str(last_row.get("reason", "unfinished"))
        state = (
            annotated["asked"] if reason == "terminated" and annotated.get("asked") in ("paused", "stopped") else reason
        )
        state = "training" if self._is_live else "damaged" if self._problem else state
        done = reason == "finished" if total is None else last_row.get("step", 0) >= total
        data = record.get("data", {})
        again = record.get("recipe") is not None and None not in (data.get("source"), data.get("arguments"))
        problem = self._problem or (_read_log_error(self.path) if state == "unfinished" else "")
        return {
            "state": state,
            "live": self._is_live,
            "resumable": not self._is_live and not self._problem and again and not done and self._has_checkpoints(),
            "epochs": epochs,
            "steps_total": total,
            "seconds_left": self._seconds_left(total) if self._is_live else None,
            "problem": problem or None,
        }

    def _has_checkpoints(self) -> bool:
        with suppress(OSError):
            return any(True for _ in os.scandir(self.path / "checkpoints"))
        return False

    def _seconds_left(self, total_steps: int | None) -> float | None:
        """Seconds to the end at the pace of the last rows."""
        timed = [one for one in self._metrics.recent_rows if one.get("seconds")]
        if total_steps is None or not timed:
            return None
        a, b = timed[0], timed[-1]
        steps, seconds = b["step"] - a["step"], b["seconds"] - a["seconds"]
        pace = seconds / steps if steps > 0 and seconds > 0 else b["seconds"] / max(b["step"], 1)
        return max((total_steps - b["step"]) * pace, 0.0)

    def image_url(self, kind: str) -> str | None:
        """Where the newest picture of a kind is."""
        return file_url(self.run, image_file(kind, self._image_epochs[kind])) if kind in self._image_epochs else None


def _read_best(path: Path) -> tuple[int, float] | None:
    """Step and loss of the weights that training keeps as the best, whose file begins with them."""
    try:
        with os.fdopen(metrics_log.open_regular_file(path / "checkpoints" / "best.safetensors"), "rb") as file:
            size = int.from_bytes(file.read(8), "little")
            about = json.loads(file.read(min(size, _MAX_RECORD_BYTES)))["__metadata__"]
            return int(about["step"]), float(about["loss"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None


def _read_log_error(path: Path) -> str:
    """What a training that the studio began said last, where it broke off."""
    with suppress(OSError), os.fdopen(metrics_log.open_regular_file(path / "studio.log"), "rb") as file:
        file.seek(max(os.fstat(file.fileno()).st_size - _MAX_LOG_BYTES, 0))
        return last_error(file.read().decode(errors="replace"))
    return ""


def last_error(text: str) -> str:
    """The last line in which the command line says what was wrong.

    >>> last_error("elbowroom: warning: a\\nelbowroom: loss became nan: lower --lr\\n")
    'loss became nan: lower --lr'
    """
    said = [line.removeprefix("elbowroom: ") for line in text.splitlines() if line.startswith("elbowroom: ")]
    return next((" ".join(line.split())[:500] for line in reversed(said) if not line.startswith("warning: ")), "")
