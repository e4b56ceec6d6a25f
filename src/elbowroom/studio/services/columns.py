"""Curves with no more points than are seen."""

from __future__ import annotations

import numpy as np

from elbowroom.runs.metrics_log import MetricsRow, finite_or_none

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
