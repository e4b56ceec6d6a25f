"""One run as it was last seen: its summary, kept up to date by what has changed."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from elbowroom.runs import metrics_log, settled
from elbowroom.runs.run import check
from elbowroom.studio import images
from elbowroom.studio.http.json import finite, one_line
from elbowroom.studio.images import KINDS, picture, url
from elbowroom.studio.services import annotations, processes
from elbowroom.studio.services.metrics_summary import FEW, Digest

#: Bytes of a ``recipe.json`` at most, and of the end of a log that is read.
_LARGEST, _LOG = 1 << 22, 1 << 13


@dataclass
class News:
    """What is new of a run.

    Attributes:
        rows: of the metrics, as written.
        anew: whether the metrics begin anew, or have grown by more than is told row by row.
        pictures: by kind, the epoch of the newest.
    """

    rows: list[metrics_log.Row] = field(default_factory=list)
    anew: bool = False
    pictures: dict[str, int] = field(default_factory=dict)


class Seen:
    """A run, looked at again and again: what has not changed is not read a second time."""

    def __init__(self, path: Path, run: str) -> None:
        self.path, self.run = path, run
        self.record: dict[str, Any] | None = None
        self.summary: dict[str, Any] = {}
        self._problem = ""
        self._marks: dict[str, tuple[int, ...] | None] = {}
        self._following = metrics_log.Following(path / "metrics.jsonl")
        self._digest = Digest()
        self._settings: dict[str, Any] = {}
        self._pictures: dict[str, int] = {}
        self._live = False

    def look(self) -> News | None:
        """Bring the summary up to date; returns what is new, None for nothing."""
        first, news = not self.summary, News()
        changed = [
            self._read_record(),
            self._read_rows(news, first),
            self._moved("studio.json"),
            self._moved("studio.log"),
        ]
        live, self._live = self._live, processes.locked(self.path)
        changed += [live != self._live, self._moved("report.html"), self._find_pictures(news, first)]
        if not (first or any(changed)):
            return None
        try:
            self.summary = finite(self._summed())
        except (ValueError, KeyError, TypeError, AttributeError, OverflowError):
            # Nothing that a file may hold keeps the others from being listed.
            self.record, self._problem = None, f"{self.path / 'recipe.json'} is damaged: restore it"
            self._digest, self._settings = Digest(), {}
            self.summary = finite(self._summed())
        return news

    def _moved(self, name: str) -> bool:
        """Whether a file is another than when last asked."""
        try:
            now = os.stat(self.path / name, follow_symlinks=False)
            mark: tuple[int, ...] | None = (now.st_ino, now.st_size, now.st_mtime_ns)
        except OSError:
            mark = None
        before, self._marks[name] = self._marks.get(name), mark
        return mark != before

    def _read_record(self) -> bool:
        if not self._moved("recipe.json"):
            return False
        file = self.path / "recipe.json"
        self.record, self._problem, self._settings = None, "", {}
        try:
            data = metrics_log.read(file, _LARGEST + 1)
            if len(data) > _LARGEST:
                raise ValueError(f"{file} is damaged: it has more than {_LARGEST >> 20} MiB; restore it")
            record = json.loads(data)
            check(record, file)
            self._settings = settled.settings(record)
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

    def _read_rows(self, news: News, first: bool) -> bool:
        try:
            anew, pieces = self._following.news()
        except OSError:
            return False
        if anew:
            self._digest = Digest()
        for piece in pieces:
            new = self._digest.take(piece, _best(self.path) if len(piece) > FEW else None)
            news.anew |= not new and len(piece) > FEW
            news.rows += new
        news.anew = (news.anew or anew) and not first
        if anew:
            news.rows = []
        return anew or bool(pieces)

    def _find_pictures(self, news: News, first: bool) -> bool:
        """The newest whole picture of each kind; thousands are not listed where the last epoch's is there."""
        before = self._marks.get("images")
        if not self._moved("images"):
            return False
        epoch = self._digest.recent[-1]["epoch"] if self._digest.recent else 0
        newest = {kind: epoch for kind in KINDS if (self.path / picture(kind, epoch)).is_file()}
        if len(newest) < len(KINDS) and not (first and newest):
            newest = images.newest(self.path)
        unfinished = [kind for kind, epoch in newest.items() if not images.whole(self.path / picture(kind, epoch))]
        if unfinished:
            self._marks["images"] = before  # being written: look again
        newest = {kind: epoch for kind, epoch in newest.items() if kind not in unfinished}
        news.pictures = {kind: epoch for kind, epoch in newest.items() if self._pictures.get(kind) != epoch}
        self._pictures |= news.pictures
        return bool(news.pictures)

    def _summed(self) -> dict[str, Any]:
        """The summary."""
        kept, record = annotations.read(self.path), self.record or {}
        training, data = record.get("training", {}), record.get("data", {})
        last = self._digest.recent[-1] if self._digest.recent else {}
        now = self._now(record, last, kept)
        split = next((split for split in ("validation", "train") if split in self._digest.best), None)
        best = self._digest.best.get(split or "")
        newest = next((one for one in reversed(self._digest.recent) if one.get("split") == split), {})
        rate = next((one for one in reversed(self._digest.recent) if one.get("split") == "train"), {})
        name = self.path.name if self.run == "." else self.run
        return now | {
            "run": self.run,
            "name": kept.get("name") or name,
            "note": kept.get("note", ""),
            "pausable": self._live and processes.same(kept.get("pid"), kept.get("began")),
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
            "seconds": max((one.get("seconds", 0.0) for one in self._digest.recent), default=0.0),
            "examples_per_second": metrics_log.number(rate.get("examples_per_second")),
            "elbo": metrics_log.number(newest.get("elbo")),
            "loss": metrics_log.number(newest.get("loss")),
            "best": best
            and {"split": split, **{key: metrics_log.number(best.get(key)) for key in ("loss", "elbo", "epoch")}},
            "spark": self._digest.losses[split].shown() if split else [],
            "picture": self.url("reconstructions"),
            "findings": [{key: one.get(key) for key in ("title", "severity")} for one in self._digest.findings],
            "settings": self._settings,
            "report": url(self.run, "report.html") if self._marks.get("report.html") else None,
        }

    def _now(self, record: dict[str, Any], last: metrics_log.Row, kept: dict[str, Any]) -> dict[str, Any]:
        """How it stands, and how far it has come."""
        epochs, total = settled.length(record, self._digest.recent)
        reason = str(last.get("reason", "unfinished"))
        state = kept["asked"] if reason == "terminated" and kept.get("asked") in ("paused", "stopped") else reason
        state = "training" if self._live else "damaged" if self._problem else state
        done = reason == "finished" if total is None else last.get("step", 0) >= total
        data = record.get("data", {})
        again = record.get("recipe") is not None and None not in (data.get("source"), data.get("arguments"))
        problem = self._problem or (_complaint(self.path) if state == "unfinished" else "")
        return {
            "state": state,
            "live": self._live,
            "resumable": not self._live and not self._problem and again and not done and self._begun(),
            "epochs": epochs,
            "steps_total": total,
            "seconds_left": self._left(total) if self._live else None,
            "problem": problem or None,
        }

    def _begun(self) -> bool:
        with suppress(OSError):
            return any(True for _ in os.scandir(self.path / "checkpoints"))
        return False

    def _left(self, total: int | None) -> float | None:
        """Seconds to the end at the pace of the last rows."""
        timed = [one for one in self._digest.recent if one.get("seconds")]
        if total is None or not timed:
            return None
        a, b = timed[0], timed[-1]
        steps, seconds = b["step"] - a["step"], b["seconds"] - a["seconds"]
        pace = seconds / steps if steps > 0 and seconds > 0 else b["seconds"] / max(b["step"], 1)
        return max((total - b["step"]) * pace, 0.0)

    def url(self, kind: str) -> str | None:
        """Where the newest picture of a kind is."""
        return url(self.run, picture(kind, self._pictures[kind])) if kind in self._pictures else None


def _best(path: Path) -> tuple[int, float] | None:
    """Step and loss of the weights that training keeps as the best, whose file begins with them."""
    try:
        with os.fdopen(metrics_log.opened(path / "checkpoints" / "best.safetensors"), "rb") as file:
            size = int.from_bytes(file.read(8), "little")
            about = json.loads(file.read(min(size, _LARGEST)))["__metadata__"]
            return int(about["step"]), float(about["loss"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None


def _complaint(path: Path) -> str:
    """What a training that the studio began said last, where it broke off."""
    with suppress(OSError), os.fdopen(metrics_log.opened(path / "studio.log"), "rb") as file:
        file.seek(max(os.fstat(file.fileno()).st_size - _LOG, 0))
        return complaint(file.read().decode(errors="replace"))
    return ""


def complaint(text: str) -> str:
    """The last line in which the command line says what was wrong.

    >>> complaint("elbowroom: warning: a\\nelbowroom: loss became nan: lower --lr\\n")
    'loss became nan: lower --lr'
    """
    said = [line.removeprefix("elbowroom: ") for line in text.splitlines() if line.startswith("elbowroom: ")]
    return next((" ".join(line.split())[:500] for line in reversed(said) if not line.startswith("warning: ")), "")
