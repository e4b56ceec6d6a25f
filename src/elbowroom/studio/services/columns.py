"""Curves with no more points than are seen."""

from __future__ import annotations

import numpy as np

from elbowroom.runs.metrics_log import Row, number

#: Points of a curve at most.
POINTS = 2000


def curves(found: list[Row], points: int = POINTS) -> dict[str, dict[str, list[float | None]]]:
    """Columns of the rows of each split: step, epoch, seconds, every term; thinned to so many points.

    Of each stretch the rows are kept in which a term is at its least or its most there, so that no peak is lost.

    >>> line = [{"step": n, "epoch": 1, "split": "train", "loss": float(n == 777)} for n in range(5000)]
    >>> kept = curves(line)["train"]
    >>> len(kept["step"]) <= 2000, max(kept["loss"]), kept["step"][-1]
    (True, 1.0, 4999)
    """
    splits: dict[str, list[Row]] = {}
    for one in found:
        if isinstance(one.get("split"), str):
            splits.setdefault(one["split"], []).append(one)
    return {split: _columns(rows, points) for split, rows in splits.items()}


def _columns(rows: list[Row], points: int) -> dict[str, list[float | None]]:
    names = dict.fromkeys(name for one in rows for name in one if name not in ("split", "event"))
    columns = {name: [number(one.get(name)) for one in rows] for name in names}
    columns = {name: column for name, column in columns.items() if any(value is not None for value in column)}
    if len(rows) > points:
        terms = [name for name in columns if name not in ("step", "epoch", "seconds", "examples")]
        kept = _extremes(np.array([columns[name] for name in terms], dtype=float), points)
        columns = {name: [column[i] for i in kept] for name, column in columns.items()}
    return columns


def _extremes(terms: np.ndarray, points: int) -> list[int]:
    """The places of the least and the most of each term (T, N) in each of so many stretches, the ends included."""
    stretches = max((points - 2) // (2 * len(terms)), 1)
    places = {0, terms.shape[1] - 1}
    for part in np.array_split(np.arange(terms.shape[1]), stretches):
        for term in terms[:, part]:
            seen = np.flatnonzero(~np.isnan(term))
            if len(seen):
                places |= {int(part[seen[term[seen].argmin()]]), int(part[seen[term[seen].argmax()]])}
    return sorted(places)
