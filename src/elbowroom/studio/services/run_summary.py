"""Summary of one run, kept up to date by reading only what has changed on disk."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from elbowroom.doctor.evidence import MIN_STEPS
from elbowroom.doctor.finding import describe_checks, group_by_reason
from elbowroom.doctor.snapshot import is_collapsed
from elbowroom.runs import metrics_log, settings
from elbowroom.runs.evaluations import find_evaluations
from elbowroom.runs.headline import make_headline
from elbowroom.runs.record import parse_record
from elbowroom.studio.errors import one_line
from elbowroom.studio.services import processes, run_images
from elbowroom.studio.services.annotations import read_annotations
from elbowroom.studio.services.metrics_summary import MAX_PARSED_BYTES, MetricsSummary
from elbowroom.studio.services.run_actions import list_actions
from elbowroom.studio.services.run_images import IMAGE_KINDS, file_url, grid_url, image_file
from elbowroom.studio.services.run_log import last_error, read_tail

#: Size of a ``recipe.json``; a longer one counts as damaged.
_MAX_RECORD_BYTES = 1 << 22

EventT = TypeVar("EventT")


class LoggedLook(msgspec.Struct):
    """A snapshot of the latents, as the doctor logs it: nats of each dimension of each latent."""

    nats: list[list[float]]


class LoggedChecks(msgspec.Struct):
    """What the doctor logs of its checks: the names of those that passed, how many found something, why others not."""

    passed: list[str]
    failed: int
    not_applicable: dict[str, str]


@dataclass
class RunUpdate:
    """What has changed in a run since it was last polled.

    Attributes:
        rows: new rows of the metrics, as written.
        is_reset: whether the metrics were rewritten, or have grown by too much to list the rows.
        image_epochs: the epoch of the newest image of each kind that has a new one.
    """

    rows: list[metrics_log.MetricsRow] = field(default_factory=list)
    is_reset: bool = False
    image_epochs: dict[str, int] = field(default_factory=dict)


class RunWatcher:
    """Polls a run for changes; what has not changed is not read again."""

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
        """Bring the summary up to date; returns what has changed, None for nothing."""
        is_first, update = not self.summary, RunUpdate()
        changed = [
            self._read_record(),
            self._read_rows(update, is_first),
            self._has_changed("studio.json"),
            self._has_changed("studio.log"),
            self._has_changed("evaluation.json"),
            self._has_changed("actions"),
        ]
        was_live, self._is_live = self._is_live, processes.is_locked(self.path)
        changed += [was_live != self._is_live, self._has_changed("report.html"), self._find_images(update, is_first)]
        if not (is_first or any(changed)):
            return None
        try:
            self.summary = self._build_summary()
        except (ValueError, KeyError, TypeError, AttributeError, OverflowError):
            # Whatever the files of one run hold, the other runs are still listed.
            self.record, self._problem = None, f"{self.path / 'recipe.json'} is damaged: restore it"
            self._metrics, self._settings = MetricsSummary(), {}
            self.summary = self._build_summary()
        return update

    def _has_changed(self, name: str) -> bool:
        """Whether a file has changed since the last call."""
        try:
            stat = os.stat(self.path / name, follow_symlinks=False)
            stamp: tuple[int, ...] | None = (stat.st_ino, stat.st_size, stat.st_mtime_ns)
        except OSError:
            stamp = None
        before, self._file_stamps[name] = self._file_stamps.get(name), stamp
        return stamp != before

    def _read_record(self) -> bool:
        if not self._has_changed("recipe.json"):
            return False
        file = self.path / "recipe.json"
        self.record, self._problem, self._settings = None, "", {}
        try:
            data = metrics_log.read_regular_file(file, _MAX_RECORD_BYTES + 1)
            if len(data) > _MAX_RECORD_BYTES:
                raise ValueError(f"{file} is damaged: it has more than {_MAX_RECORD_BYTES >> 20} MiB; restore it")
            record = parse_record(json.loads(data), file)
            self._settings = settings.flat_settings(record)
            self.record = record
        except OSError as error:
            self._problem = f"cannot read {file} ({error.strerror or 'it is no regular file'}): fix its permissions"
        except RecursionError:
            self._problem = f"{file} is damaged: it is nested too deeply; restore it"
        except (json.JSONDecodeError, UnicodeDecodeError):
            self._problem = f"{file} is not readable as JSON: it was cut short or damaged; restore it"
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            self._problem = one_line(error) if isinstance(error, ValueError) else f"{file} is damaged: restore it"
        return True

    def _read_rows(self, update: RunUpdate, is_first: bool) -> bool:
        try:
            is_rewritten, chunks = self._tail.read_new()
        except OSError:
            return False
        if is_rewritten:
            self._metrics = MetricsSummary()
        for chunk in chunks:
            rows = self._metrics.add_lines(chunk, _read_best(self.path) if len(chunk) > MAX_PARSED_BYTES else None)
            update.is_reset |= not rows and len(chunk) > MAX_PARSED_BYTES
            update.rows += rows
        update.is_reset = (update.is_reset or is_rewritten) and not is_first
        if is_rewritten:
            update.rows = []
        return is_rewritten or bool(chunks)

    def _find_images(self, update: RunUpdate, is_first: bool) -> bool:
        """Find the newest complete image of each kind."""
        before = self._file_stamps.get("images")
        if not self._has_changed("images"):
            return False
        # There may be thousands: they are listed only where the last epoch has none.
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
            self._file_stamps["images"] = before  # still being written: look again next time
        newest = {kind: epoch for kind, epoch in newest.items() if kind not in unfinished}
        update.image_epochs = {kind: epoch for kind, epoch in newest.items() if self._image_epochs.get(kind) != epoch}
        self._image_epochs |= update.image_epochs
        return bool(update.image_epochs)

    def _build_summary(self) -> dict[str, Any]:
        """Return the summary as JSON fields."""
        annotated, record = read_annotations(self.path), self.record or {}
        data, rows = record.get("data", {}), self._metrics.recent_rows
        last_row = rows[-1] if rows else {}
        return (
            self._status(record, last_row, annotated)
            | {
                "run": self.run,
                "name": annotated.get("name") or (self.path.name if self.run == "." else self.run),
                "note": annotated.get("note", ""),
                "pausable": self._is_live and os.access(self.path, os.W_OK),
                "recipe": record.get("recipe"),
                "arguments": record.get("arguments"),
                "data": data.get("name"),
                "shape": record.get("shape"),
                "parameters": record.get("parameters"),
                "objective": record.get("objective"),
                "started": record.get("started"),
                "device": record.get("training", {}).get("device"),
                "epoch": last_row.get("epoch", 0),
                "step": last_row.get("step", 0),
                "seconds": max((row.get("seconds", 0.0) for row in rows), default=0.0),
                "picture": self.image_url("reconstructions"),
                "thumbnail": self._thumbnail(),
                "findings": [{key: row.get(key) for key in ("title", "severity")} for row in self._metrics.findings],
                "collapsed": self._is_collapsed(last_row),
                "checks": _describe_checks(self._newest_event("checks", LoggedChecks)),
                "settings": self._settings,
                "evaluations": [
                    {"protocol": e.description, "metrics": [row._asdict() for row in e.rows()]}
                    for e in find_evaluations(self.path)[0]
                ],
                "actions": list_actions(self.path, self.run),
                "report": file_url(self.run, "report.html") if self._file_stamps.get("report.html") else None,
            }
            | self._metric_fields()
        )

    def _is_collapsed(self, last_row: metrics_log.MetricsRow) -> bool:
        """Whether no dimension of the latent has information about x; of a training in progress, after some steps."""
        look = self._newest_event("look", LoggedLook)
        is_early = self._is_live and last_row.get("step", 0) < MIN_STEPS
        return look is not None and not is_early and is_collapsed(look.nats)

    def _newest_event(self, name: str, kind: type[EventT]) -> EventT | None:
        """Return the newest event of a name; None if there is none, or it is damaged."""
        with suppress(msgspec.ValidationError):
            return msgspec.convert(self._metrics.newest_events.get(name), kind)
        return None

    def _metric_fields(self) -> dict[str, Any]:
        """Return the newest and the best metrics, of the validation split if there is one."""
        finite = metrics_log.finite_or_none
        split = next((split for split in ("validation", "train") if split in self._metrics.best_rows), None)
        best = self._metrics.best_rows.get(split or "")
        newest, newest_train = self._newest_row(split), self._newest_row("train")
        return {
            "examples_per_second": finite(newest_train.get("examples_per_second")),
            "elbo": finite(newest.get("elbo")),
            "loss": finite(newest.get("loss")),
            "best": best and {"split": split} | {key: finite(best.get(key)) for key in ("loss", "elbo", "epoch")},
            "headline": best and make_headline(str(split), best)._asdict(),
            "spark": self._metrics.losses[split].points() if split else [],
        }

    def _newest_row(self, split: str | None) -> metrics_log.MetricsRow:
        return next((row for row in reversed(self._metrics.recent_rows) if row.get("split") == split), {})

    def _status(
        self, record: dict[str, Any], last_row: metrics_log.MetricsRow, annotated: dict[str, Any]
    ) -> dict[str, Any]:
        """Return the state of the run and its progress as JSON fields."""
        epochs, total_steps = settings.planned_length(record, self._metrics.recent_rows)
        reason = str(last_row.get("reason", "unfinished"))
        # A signal terminates a training of the studio; the file that pauses any other interrupts it.
        was_asked = reason in ("terminated", "interrupted") and annotated.get("asked") in ("paused", "stopped")
        state = annotated["asked"] if was_asked else reason
        state = "training" if self._is_live else "damaged" if self._problem else state
        is_done = reason == "finished" if total_steps is None else last_row.get("step", 0) >= total_steps
        data = record.get("data", {})
        has_source = record.get("recipe") is not None and None not in (data.get("source"), data.get("arguments"))
        is_extendable = not self._is_live and not self._problem and has_source and self._has_checkpoints()
        problem = self._problem or (last_error(read_tail(self.path / "studio.log")) if state == "unfinished" else "")
        return {
            "state": state,
            "live": self._is_live,
            "resumable": is_extendable and not is_done,
            "extendable": is_extendable,
            "epochs": epochs,
            "steps_total": total_steps,
            "seconds_left": self._seconds_left(total_steps) if self._is_live else None,
            "problem": problem or None,
        }

    def _has_checkpoints(self) -> bool:
        with suppress(OSError), os.scandir(self.path / "checkpoints") as entries:
            return any(True for _ in entries)
        return False

    def _seconds_left(self, total_steps: int | None) -> float | None:
        """Return the seconds to the end at the pace of the last rows."""
        timed = [row for row in self._metrics.recent_rows if row.get("seconds")]
        if total_steps is None or not timed:
            return None
        first, last = timed[0], timed[-1]
        steps, seconds = last["step"] - first["step"], last["seconds"] - first["seconds"]
        step_s: float = seconds / steps if steps > 0 and seconds > 0 else last["seconds"] / max(last["step"], 1)
        steps_left: int = total_steps - last["step"]
        return max(steps_left * step_s, 0.0)

    def _thumbnail(self) -> str | None:
        epoch = self._image_epochs.get("reconstructions")
        return None if epoch is None else grid_url(self.run, "reconstructions", epoch)

    def image_url(self, kind: str) -> str | None:
        """Return the URL of the newest image of a kind, if there is one."""
        return file_url(self.run, image_file(kind, self._image_epochs[kind])) if kind in self._image_epochs else None


def _describe_checks(checks: LoggedChecks | None) -> dict[str, Any] | None:
    """Return which checks of the doctor passed while the run trained, and the others by the reason why not."""
    if checks is None:
        return None
    return {
        "summary": describe_checks(len(checks.passed), checks.failed, len(checks.not_applicable)),
        "passed": checks.passed,
        "not_applicable": group_by_reason(checks.not_applicable),
    }


def _read_best(path: Path) -> tuple[int, float] | None:
    """Read step and loss of the best weights from the header of their safetensors file."""
    try:
        with os.fdopen(metrics_log.open_regular_file(path / "checkpoints" / "best.safetensors"), "rb") as file:
            size = int.from_bytes(file.read(8), "little")
            metadata = json.loads(file.read(min(size, _MAX_RECORD_BYTES)))["__metadata__"]
            return int(metadata["step"]), float(metadata["loss"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
