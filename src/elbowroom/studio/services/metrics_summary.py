"""What a summary needs of a run's rows, of which there may be very many: found without reading each."""

from __future__ import annotations

import math
from collections import deque
from contextlib import suppress

import numpy as np

from elbowroom.runs.metrics_log import MetricsRow, finite_or_none, parse_row

#: Bytes that the new part of a file may have to be read row by row; a longer one is searched for what is needed.
MAX_PARSED_BYTES = 1 << 16
#: Points in a miniature, findings kept, rows remembered at the end.
SPARKLINE_POINTS, MAX_FINDINGS, MAX_RECENT_ROWS = 60, 50, 24
_FINDING_MARKER = b'"event": "finding'


class Reservoir:
    """Numbers that come without end, a bounded number of which is kept, evenly apart.

    >>> thin = Reservoir()
    >>> thin.extend(list(range(10_000)))
    >>> len(thin.shown()), thin.shown()[0], thin.shown()[-1]
    (60, 0, 9999)
    """

    def __init__(self) -> None:
        self._values: list[float] = []
        self._stride, self._count, self._last = 1, 0, math.nan

    def extend(self, values: list[float], stride: int = 1) -> None:
        """Take some more; of so many ``stride``, where they are a choice themselves."""
        if not values:
            return
        if stride > 1 and not self._count:
            self._stride = stride
            self._values = values[:-1]
        else:
            self._values += values[-self._count % self._stride :: self._stride]
        self._count, self._last = self._count + len(values) * stride, values[-1]
        while len(self._values) > 8 * SPARKLINE_POINTS:
            self._values, self._stride = self._values[::2], self._stride * 2

    def points(self) -> list[float]:
        """At most :data:`SPARKLINE_POINTS` of them, the first and the last included."""
        if len(self._values) <= SPARKLINE_POINTS and self._stride == 1:
            return list(self._values)
        before = len(self._values) - ((self._count - 1) % self._stride == 0)  # without the last, if that was kept
        places = np.linspace(0, before - 1, min(SPARKLINE_POINTS - 1, before)).round().astype(int)
        return [*(self._values[i] for i in places), self._last]


class MetricsSummary:
    """What a summary needs of the rows: the last ones, the best, a miniature, the findings. Its size is bounded."""

    def __init__(self) -> None:
        self.recent_rows: deque[MetricsRow] = deque(maxlen=MAX_RECENT_ROWS)
        self.findings: list[MetricsRow] = []
        self.best_rows: dict[str, MetricsRow] = {}
        self.losses: dict[str, Reservoir] = {"validation": Reservoir(), "train": Reservoir()}

    def add_lines(self, chunk: bytes, best_step_loss: tuple[int, float] | None = None) -> list[MetricsRow]:
        """Take whole lines in; returns their rows where they are few, and nothing where they are many.

        Args:
            chunk: the lines.
            best_step_loss: the step with the least validation loss, and that loss, where they are known.
        """
        if len(chunk) <= MAX_PARSED_BYTES or not self._scan_lines(chunk, best_step_loss):
            found = [one for line in chunk.splitlines() if (one := parse_row(line)) is not None]
            for one in found:
                self._add_row(one)
            return found if len(chunk) <= MAX_PARSED_BYTES else []
        tail = chunk[chunk.rfind(b"\n", 0, max(len(chunk) - MAX_PARSED_BYTES, 0)) + 1 :].splitlines()[-MAX_RECENT_ROWS:]
        self.recent_rows.extend(one for line in tail if (one := parse_row(line)) is not None)
        return []

    def _add_row(self, row: MetricsRow) -> None:
        self.recent_rows.append(row)
        if row.get("event") == "finding":
            self._add_finding(row)
        split, loss = row.get("split"), finite_or_none(row.get("loss"))
        if isinstance(split, str) and split in self.losses and loss is not None:
            self.losses[split].extend([loss])
            self._update_best(split, row)

    def _scan_lines(self, chunk: bytes, best_step_loss: tuple[int, float] | None) -> bool:
        """Take from many rows what is needed without reading each; False where they are not written as ours are."""
        split = next((split for split in self.losses if chunk.rfind(_loss_marker(split)) >= 0), None)
        if split is None:
            return False
        known = None if best_step_loss is None or split != "validation" else _find_best_row(chunk, best_step_loss)
        losses = _parse_losses(chunk, split) if known is None else _sample_losses(chunk, split)
        if not losses or not all(map(math.isfinite, losses)):
            return False
        if known is None:
            known = parse_row(_line_at(chunk, _nth_row_offset(chunk, split, losses.index(min(losses)))))
            self.losses[split].extend(losses)
        else:
            self.losses[split].extend(
                losses,
                stride=max(
                    chunk.count(_loss_marker(split), 0, MAX_PARSED_BYTES)
                    * len(chunk)
                    // MAX_PARSED_BYTES
                    // SPARKLINE_POINTS,
                    1,
                ),
            )
        self._update_best(split, known)
        # A needle that ends in a letter that figures have not is found fastest.
        place = chunk.find(_FINDING_MARKER)
        while place >= 0:
            self._add_finding(parse_row(_line_at(chunk, place)))
            place = chunk.find(_FINDING_MARKER, place + 1)
        return True

    def _update_best(self, split: str, row: MetricsRow | None) -> None:
        loss = None if row is None else finite_or_none(row.get("loss"))
        if (
            row is not None
            and loss is not None
            and (split not in self.best_rows or loss < self.best_rows[split]["loss"])
        ):
            self.best_rows[split] = row

    def _add_finding(self, row: MetricsRow | None) -> None:
        if row is not None and len(self.findings) < MAX_FINDINGS:
            self.findings.append(row)


def _loss_marker(split: str) -> bytes:
    """How a row of a split that training writes goes on."""
    return b'"split": "%s", "loss": ' % split.encode()


def _parse_losses(chunk: bytes, split: str) -> list[float]:
    """The losses of a split's rows, all of them; none where one cannot be read so."""
    with suppress(ValueError):
        return [_parse_loss(part) for part in chunk.split(_loss_marker(split))[1:]]
    return []


def _sample_losses(chunk: bytes, split: str) -> list[float]:
    """The first, the last and others evenly between."""
    mark, found = _loss_marker(split), list[float]()
    with suppress(ValueError):
        for n in range(SPARKLINE_POINTS):
            end = n * (len(chunk) - 1) // (SPARKLINE_POINTS - 1)
            place = chunk.rfind(mark, 0, end) if n else chunk.find(mark)
            if place >= 0:
                found.append(_parse_loss(chunk[place + len(mark) : place + len(mark) + 40]))
        return found
    return []


def _parse_loss(text: bytes) -> float:
    return float(text[:40].partition(b",")[0].rstrip(b"}\r\n"))


def _nth_row_offset(chunk: bytes, split: str, n: int) -> int:
    """Where the n-th row of a split is."""
    place = -1
    for _ in range(n + 1):
        place = chunk.find(_loss_marker(split), place + 1)
    return place


def _find_best_row(chunk: bytes, best_step_loss: tuple[int, float]) -> MetricsRow | None:
    """The validation's row at a step, found by halving, if its loss is as was told."""
    low, high = 0, len(chunk)
    while high - low > 1:
        middle = (low + high) // 2
        step = _line_at(chunk, middle).partition(b'"step": ')[2][:20].partition(b",")[0]
        low, high = (low, middle) if not step.isdigit() or int(step) >= best_step_loss[0] else (middle, high)
    place = chunk.find(_loss_marker("validation"), low, low + MAX_PARSED_BYTES)
    found = parse_row(_line_at(chunk, place)) if place >= 0 else None
    return found if found is not None and (found["step"], found["loss"]) == best_step_loss else None


def _line_at(chunk: bytes, offset: int) -> bytes:
    end = chunk.find(b"\n", offset)
    return chunk[chunk.rfind(b"\n", 0, offset) + 1 : end if end >= 0 else len(chunk)]


#: Points of a curve at most.
MAX_CURVE_POINTS = 2000


def thin_curves(
    metrics_rows: list[MetricsRow], max_points: int = MAX_CURVE_POINTS
) -> dict[str, dict[str, list[float | None]]]:
    """Columns of the rows of each split: step, epoch, seconds, every term; thinned to so many points.

    Of each stretch the rows are kept in which a term is at its least or its most there, so that no peak is lost.

    >>> line = [{"step": n, "epoch": 1, "split": "train", "loss": float(n == 777)} for n in range(5000)]
    >>> kept = thin_curves(line)["train"]
    >>> len(kept["step"]) <= 2000, max(kept["loss"]), kept["step"][-1]
    (True, 1.0, 4999)
    """
    splits: dict[str, list[MetricsRow]] = {}
    for one in metrics_rows:
        if isinstance(one.get("split"), str):
            splits.setdefault(one["split"], []).append(one)
    return {split: _thin_columns(rows, max_points) for split, rows in splits.items()}


def _thin_columns(rows: list[MetricsRow], max_points: int) -> dict[str, list[float | None]]:
    names = dict.fromkeys(name for one in rows for name in one if name not in ("split", "event"))
    columns = {name: [finite_or_none(one.get(name)) for one in rows] for name in names}
    columns = {name: column for name, column in columns.items() if any(value is not None for value in column)}
    if len(rows) > max_points:
        terms = [name for name in columns if name not in ("step", "epoch", "seconds", "examples")]
        kept = _extreme_indices(np.array([columns[name] for name in terms], dtype=float), max_points)
        columns = {name: [column[i] for i in kept] for name, column in columns.items()}
    return columns


def _extreme_indices(terms: np.ndarray, max_points: int) -> list[int]:
    """The places of the least and the most of each term (T, N) in each of so many stretches, the ends included."""
    stretches = max((max_points - 2) // (2 * len(terms)), 1)
    places = {0, terms.shape[1] - 1}
    for part in np.array_split(np.arange(terms.shape[1]), stretches):
        for term in terms[:, part]:
            seen = np.flatnonzero(~np.isnan(term))
            if len(seen):
                places |= {int(part[seen[term[seen].argmin()]]), int(part[seen[term[seen].argmax()]])}
    return sorted(places)
