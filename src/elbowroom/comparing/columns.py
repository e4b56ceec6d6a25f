"""The columns of the table: each a figure of a run, with its unit, and with what it may be compared."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from elbowroom.comparing.entry import Entry

NATS_PER_EXAMPLE = "nats per example"


@dataclass(frozen=True)
class MetricColumn:
    """One figure.

    Attributes:
        name: in JSON and CSV.
        title: at the head of the column.
        split_role: of what it is: the split that is judged, ``validation``, or nothing.
        unit: of the figure.
        value_of: a run and the split that is judged to the figure, ``None`` where it has none.
        better: ``higher``, ``lower``, or neither.
        digits: behind the point.
        match_on: what has to be equal for two of them to be compared: ``data``, ``likelihood``, ``objective``.
    """

    name: str
    title: str
    split_role: str
    unit: str
    value_of: Callable[[Entry, str], float | None]
    better: str = ""
    digits: int = 2
    match_on: tuple[str, ...] = ()

    @property
    def is_printed(self) -> bool:
        """Whether it stands in the table of a terminal, which is narrow: what a run may be chosen by."""
        return bool(self.match_on) and self.name != "validation_loss"


class SeedMean(NamedTuple):
    """A mean over seeds.

    Attributes:
        mean: of the runs.
        sd: their standard deviation, with n − 1 below; ``None`` of one.
        n: how many.
    """

    mean: float
    sd: float | None
    n: int


def seed_mean(values: Sequence[float | None]) -> SeedMean | None:
    """Mean and standard deviation of those that there are.

    >>> seed_mean([1.0, 2.0, None, 3.0])
    Figure(mean=2.0, sd=1.0, n=3)
    """
    there = [value for value in values if value is not None]
    if not there:
        return None
    mean = math.fsum(there) / len(there)
    if len(there) < 2:
        return SeedMean(mean, None, 1)
    return SeedMean(mean, math.sqrt(math.fsum((value - mean) ** 2 for value in there) / (len(there) - 1)), len(there))


def _last_value(name: str) -> Callable[[Entry, str], float | None]:
    """The figure of the last row of the split that is judged."""

    def of(entry: Entry, split: str) -> float | None:
        rows = [row for row in entry.split_rows(split) if name in row]
        return float(rows[-1][name]) if rows else entry.precomputed_metrics.get(name)

    return of


def _validation_value(which: str) -> Callable[[Entry, str], float | None]:
    """The last validation loss, the best, or the epoch of the best."""

    def of(entry: Entry, _: str) -> float | None:
        rows = [row for row in entry.split_rows("validation") if "loss" in row]
        if not rows:
            return None
        best: dict[str, Any] = min(rows, key=lambda row: row["loss"])
        return float({"last": rows[-1]["loss"], "best": best["loss"], "epoch": best["epoch"]}[which])

    return of


def _parameter_count(entry: Entry, _: str) -> float | None:
    if entry.run is None:
        return entry.precomputed_metrics.get("parameters")
    return entry.run.record.get("parameters")


def format_mean(mean: SeedMean | None, digits: int) -> str:
    """A mean with its standard deviation.

    >>> format_mean(SeedMean(93.3412, 0.4121, 3), 2), format_mean(SeedMean(-0.030412, None, 1), 4), format_mean(None, 2)
    ('93.34 ± 0.41', '−0.0304', '—')
    """
    if mean is None:
        return "—"
    if abs(mean.mean) >= 10_000 or (mean.mean.is_integer() and not mean.sd):
        digits = 0
    parts = [part for part in (mean.mean, mean.sd if digits else None) if part is not None]
    return " ± ".join(f"{part:,.{digits}f}" for part in parts).replace("-", "−")


MATCH_LIKELIHOOD, MATCH_OBJECTIVE = ("data", "likelihood"), ("data", "likelihood", "objective")
COLUMNS = (
    MetricColumn("elbo", "ELBO", "judged", NATS_PER_EXAMPLE, _last_value("elbo"), "higher", 2, MATCH_LIKELIHOOD),
    MetricColumn("loss", "loss", "judged", NATS_PER_EXAMPLE, _last_value("loss"), "lower", 2, MATCH_OBJECTIVE),
    MetricColumn(
        "reconstruction",
        "reconstruction",
        "judged",
        NATS_PER_EXAMPLE,
        _last_value("reconstruction"),
        "lower",
        2,
        MATCH_LIKELIHOOD,
    ),
    MetricColumn("kl", "KL", "judged", NATS_PER_EXAMPLE, _last_value("kl"), "", 2, MATCH_LIKELIHOOD),
    MetricColumn(
        "squared_error", "squared error", "judged", "per dimension", Entry.squared_error, "lower", 4, ("data",)
    ),
    MetricColumn(
        "validation_loss",
        "last loss",
        "validation",
        NATS_PER_EXAMPLE,
        _validation_value("last"),
        "lower",
        2,
        MATCH_OBJECTIVE,
    ),
    MetricColumn(
        "best_validation_loss",
        "best loss",
        "validation",
        NATS_PER_EXAMPLE,
        _validation_value("best"),
        "lower",
        2,
        MATCH_OBJECTIVE,
    ),
    MetricColumn("best_epoch", "at epoch", "validation", "", _validation_value("epoch"), "", 1),
    MetricColumn("parameters", "parameters", "", "", _parameter_count, "", 0),
    MetricColumn("seconds", "time", "", "seconds", lambda e, _: None if e.run is None else e.run.seconds, "", 1),
)


def is_loss_redundant(runs: Sequence[Entry], split: str) -> bool:
    """Whether the loss says nothing that the ELBO or the reconstruction does not: it is the one negated, or the other.

    Evaluation rows hold means over the same examples, so equal terms agree to their rounding.
    """
    rows = [row for entry in runs for row in entry.split_rows(split)[-1:]]
    return all(
        math.isclose(row["loss"], -row["elbo"] if "elbo" in row else row.get("reconstruction", math.nan), rel_tol=1e-4)
        for row in rows
        if "loss" in row
    )
