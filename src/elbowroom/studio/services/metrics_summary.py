"""Summary and thinned curves of a metrics log, which may be very long, without parsing every row."""

from __future__ import annotations

import math
from collections import deque
from contextlib import suppress

import numpy as np

from elbowroom.runs.metrics_log import MetricsRow, finite_or_none, parse_row

#: New lines up to this size are parsed row by row; longer ones are searched for what is needed.
MAX_PARSED_BYTES = 1 << 16
#: Points of a sparkline.
SPARKLINE_POINTS = 60
#: Findings that are kept.
MAX_FINDINGS = 50
#: Rows that are kept from the end.
MAX_RECENT_ROWS = 24
#: Points of a curve.
MAX_CURVE_POINTS = 2000
#: How a finding is marked. A marker that ends in a letter which numbers do not have is found fastest.
_FINDING_MARKER = b'"event": "finding'
#: Events of which the newest is kept: snapshots of the latents, and which checks passed.
_NEWEST_EVENTS = ("look", "checks")


class Reservoir:
    """A bounded, evenly spaced subsample of a stream of numbers.

    >>> reservoir = Reservoir()
    >>> reservoir.extend(list(range(10_000)))
    >>> points = reservoir.points()
    >>> len(points), points[0], points[-1]
    (60, 0, 9999)
    """

    def __init__(self) -> None:
        self._values: list[float] = []
        self._stride, self._count, self._last = 1, 0, math.nan

    def extend(self, values: list[float], stride: int = 1) -> None:
        """Add values; with a stride, each value stands for that many values of the stream."""
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
        """Return at most :data:`SPARKLINE_POINTS` values, the first and the last included."""
        if len(self._values) <= SPARKLINE_POINTS and self._stride == 1:
            return list(self._values)
        # The last value is appended below: it must not be picked twice.
        count = len(self._values) - ((self._count - 1) % self._stride == 0)
        indices = np.linspace(0, count - 1, min(SPARKLINE_POINTS - 1, count)).round().astype(int)
        return [*(self._values[i] for i in indices), self._last]


class MetricsSummary:
    """The most recent rows, the best row of each split, loss sparklines and findings; bounded in size."""

    def __init__(self) -> None:
        self.recent_rows: deque[MetricsRow] = deque(maxlen=MAX_RECENT_ROWS)
        self.findings: list[MetricsRow] = []
        self.newest_events: dict[str, MetricsRow] = {}
        self.best_rows: dict[str, MetricsRow] = {}
        self.losses: dict[str, Reservoir] = {"validation": Reservoir(), "train": Reservoir()}

    def add_lines(self, chunk: bytes, best_step_loss: tuple[int, float] | None = None) -> list[MetricsRow]:
        """Add complete lines; returns their rows where they are few, and an empty list where they are many.

        Args:
            chunk: the lines.
            best_step_loss: the step with the lowest validation loss, and that loss, if they are known.
        """
        if len(chunk) <= MAX_PARSED_BYTES or not self._scan_lines(chunk, best_step_loss):
            rows = [row for line in chunk.splitlines() if (row := parse_row(line)) is not None]
            for row in rows:
                self._add_row(row)
            return rows if len(chunk) <= MAX_PARSED_BYTES else []
        tail = chunk[chunk.rfind(b"\n", 0, max(len(chunk) - MAX_PARSED_BYTES, 0)) + 1 :].splitlines()[-MAX_RECENT_ROWS:]
        self.recent_rows.extend(row for line in tail if (row := parse_row(line)) is not None)
        return []

    def _add_row(self, row: MetricsRow) -> None:
        self.recent_rows.append(row)
        if row.get("event") == "finding":
            self._add_finding(row)
        if (event := row.get("event")) in _NEWEST_EVENTS:
            self.newest_events[event] = row
        split, loss = row.get("split"), finite_or_none(row.get("loss"))
        if isinstance(split, str) and split in self.losses and loss is not None:
            self.losses[split].extend([loss])
            self._update_best(split, row)

    def _scan_lines(self, chunk: bytes, best_step_loss: tuple[int, float] | None) -> bool:
        """Search many lines for what is needed; False where they are not formatted as training writes them."""
        split = next((split for split in self.losses if chunk.rfind(_loss_marker(split)) >= 0), None)
        if split is None:
            return False
        best = None if best_step_loss is None or split != "validation" else _find_best_row(chunk, best_step_loss)
        losses = _parse_losses(chunk, split) if best is None else _sample_losses(chunk, split)
        if not losses or not all(map(math.isfinite, losses)):
            return False
        if best is None:
            best = parse_row(_line_at(chunk, _nth_row_offset(chunk, split, losses.index(min(losses)))))
            self.losses[split].extend(losses)
        else:
            count = chunk.count(_loss_marker(split), 0, MAX_PARSED_BYTES) * len(chunk) // MAX_PARSED_BYTES
            self.losses[split].extend(losses, stride=max(count // SPARKLINE_POINTS, 1))
        self._update_best(split, best)
        self._scan_findings(chunk)
        self._scan_newest_events(chunk)
        return True

    def _scan_findings(self, chunk: bytes) -> None:
        offset = chunk.find(_FINDING_MARKER)
        while offset >= 0:
            self._add_finding(parse_row(_line_at(chunk, offset)))
            offset = chunk.find(_FINDING_MARKER, offset + 1)

    def _scan_newest_events(self, chunk: bytes) -> None:
        for event in _NEWEST_EVENTS:
            offset = chunk.rfind(b'"event": "%s"' % event.encode())
            if offset >= 0 and (row := parse_row(_line_at(chunk, offset))) is not None:
                self.newest_events[event] = row

    def _update_best(self, split: str, row: MetricsRow | None) -> None:
        loss = None if row is None else finite_or_none(row.get("loss"))
        if row is None or loss is None:
            return
        if split not in self.best_rows or loss < self.best_rows[split]["loss"]:
            self.best_rows[split] = row

    def _add_finding(self, row: MetricsRow | None) -> None:
        if row is not None and len(self.findings) < MAX_FINDINGS:
            self.findings.append(row)


def _loss_marker(split: str) -> bytes:
    """Return the text before the loss in a row of a split, as training writes it."""
    return b'"split": "%s", "loss": ' % split.encode()


def _parse_losses(chunk: bytes, split: str) -> list[float]:
    """Parse the losses of all rows of a split; none if one cannot be parsed."""
    with suppress(ValueError):
        return [_parse_loss(part) for part in chunk.split(_loss_marker(split))[1:]]
    return []


def _sample_losses(chunk: bytes, split: str) -> list[float]:
    """Parse the first, the last and evenly spaced losses between; none if one cannot be parsed."""
    marker, losses = _loss_marker(split), list[float]()
    with suppress(ValueError):
        for n in range(SPARKLINE_POINTS):
            end = n * (len(chunk) - 1) // (SPARKLINE_POINTS - 1)
            offset = chunk.rfind(marker, 0, end) if n else chunk.find(marker)
            if offset >= 0:
                losses.append(_parse_loss(chunk[offset + len(marker) : offset + len(marker) + 40]))
        return losses
    return []


def _parse_loss(text: bytes) -> float:
    return float(text[:40].partition(b",")[0].rstrip(b"}\r\n"))


def _nth_row_offset(chunk: bytes, split: str, n: int) -> int:
    """Return the offset of the n-th row of a split."""
    offset = -1
    for _ in range(n + 1):
        offset = chunk.find(_loss_marker(split), offset + 1)
    return offset


def _find_best_row(chunk: bytes, best_step_loss: tuple[int, float]) -> MetricsRow | None:
    """Find the validation row of a step by bisection; None if its loss is not the given one."""
    low, high = 0, len(chunk)
    while high - low > 1:
        middle = (low + high) // 2
        step = _line_at(chunk, middle).partition(b'"step": ')[2][:20].partition(b",")[0]
        low, high = (low, middle) if not step.isdigit() or int(step) >= best_step_loss[0] else (middle, high)
    offset = chunk.find(_loss_marker("validation"), low, low + MAX_PARSED_BYTES)
    row = parse_row(_line_at(chunk, offset)) if offset >= 0 else None
    return row if row is not None and (row["step"], row["loss"]) == best_step_loss else None


def _line_at(chunk: bytes, offset: int) -> bytes:
    end = chunk.find(b"\n", offset)
    return chunk[chunk.rfind(b"\n", 0, offset) + 1 : end if end >= 0 else len(chunk)]


def thin_curves(
    metrics_rows: list[MetricsRow], max_points: int = MAX_CURVE_POINTS
) -> dict[str, dict[str, list[float | None]]]:
    """Return each split's curves, step, epoch, seconds and every term by name, thinned to at most this many points.

    From each interval the rows are kept in which a term has its minimum or maximum there, so that no peak is lost.

    >>> rows = [{"step": n, "epoch": 1, "split": "train", "loss": float(n == 777)} for n in range(5000)]
    >>> curve = thin_curves(rows)["train"]
    >>> len(curve["step"]) <= 2000, max(curve["loss"]), curve["step"][-1]
    (True, 1.0, 4999)
    """
    splits: dict[str, list[MetricsRow]] = {}
    for row in metrics_rows:
        if isinstance(row.get("split"), str):
            splits.setdefault(row["split"], []).append(row)
    return {split: _thin_columns(rows, max_points) for split, rows in splits.items()}


def _thin_columns(rows: list[MetricsRow], max_points: int) -> dict[str, list[float | None]]:
    names = dict.fromkeys(name for row in rows for name in row if name not in ("split", "event"))
    columns = {name: [finite_or_none(row.get(name)) for row in rows] for name in names}
    columns = {name: column for name, column in columns.items() if any(value is not None for value in column)}
    if len(rows) > max_points:
        terms = [name for name in columns if name not in ("step", "epoch", "seconds", "examples")]
        indices = _extreme_indices(np.array([columns[name] for name in terms], dtype=float), max_points)
        columns = {name: [column[i] for i in indices] for name, column in columns.items()}
    return columns


def _extreme_indices(terms: np.ndarray, max_points: int) -> list[int]:
    """Return the indices of minimum and maximum of each term (T, N) in each of several intervals, and of both ends."""
    num_intervals = max((max_points - 2) // (2 * len(terms)), 1)
    indices = {0, terms.shape[1] - 1}
    for interval in np.array_split(np.arange(terms.shape[1]), num_intervals):
        for term in terms[:, interval]:
            known = np.flatnonzero(~np.isnan(term))
            if len(known):
                indices |= {int(interval[known[term[known].argmin()]]), int(interval[known[term[known].argmax()]])}
    return sorted(indices)
