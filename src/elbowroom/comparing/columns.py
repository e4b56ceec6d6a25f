"""Metric columns of a comparison: how each value is read from a run, its unit, and what it may be compared with."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

from elbowroom.comparing.entry import Entry
from elbowroom.formatting import format_fixed
from elbowroom.runs.headline import find_headline

NATS_PER_EXAMPLE = "nats per example"


@dataclass(frozen=True)
class MetricColumn:
    """One metric as a column of the table.

    Attributes:
        name: its name in JSON and CSV.
        title: its name at the head of the column.
        split_role: the split it is measured on: ``judged`` (the one that is compared), ``validation``, or empty.
        unit: the unit of its values.
        value_of: (run, the compared split) → value, or ``None`` where the run has none.
        better: ``higher``, ``lower``, or empty where neither is.
        digits: digits after the decimal point.
        match_on: what has to be equal for two values to be comparable: ``data``, ``likelihood``, ``objective``.
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
        """Whether it is in the table of a terminal, which is narrow: the metrics that a run may be chosen by."""
        return bool(self.match_on) and self.name != "validation_loss"


class SeedMean(NamedTuple):
    """A mean over seeds.

    Attributes:
        mean: the mean of the runs.
        sd: their standard deviation, with n − 1 in the denominator; ``None`` for one run.
        n: the number of runs.
    """

    mean: float
    sd: float | None
    n: int


def seed_mean(values: Sequence[float | None]) -> SeedMean | None:
    """Return mean and standard deviation of the values that are not ``None``; ``None`` if there is none.

    >>> seed_mean([1.0, 2.0, None, 3.0])
    SeedMean(mean=2.0, sd=1.0, n=3)
    """
    present = [value for value in values if value is not None]
    if not present:
        return None
    mean = math.fsum(present) / len(present)
    if len(present) < 2:
        return SeedMean(mean, None, 1)
    variance = math.fsum((value - mean) ** 2 for value in present) / (len(present) - 1)
    return SeedMean(mean, math.sqrt(variance), len(present))


def _final_value(name: str) -> Callable[[Entry, str], float | None]:
    """Return a function that reads a value of the compared split at the step of a run's weights.

    Where the training of a module of one's own wrote none, it is what ``evaluate`` measured.
    """

    def read(entry: Entry, split: str) -> float | None:
        rows = [row for row in entry.rows_until_weights(split) if name in row]
        return float(rows[-1][name]) if rows else entry.precomputed_metrics.get(name, entry.kept_value(name, split))

    return read


def _validation_value(which: str) -> Callable[[Entry, str], float | None]:
    """Return a function that reads the ``last`` or ``best`` validation loss, or the ``epoch`` of the best."""

    def read(entry: Entry, _: str) -> float | None:
        rows = [row for row in entry.split_rows("validation") if "loss" in row]
        if not rows:
            return None
        best: dict[str, Any] = min(rows, key=lambda row: row["loss"])
        return float({"last": rows[-1]["loss"], "best": best["loss"], "epoch": best["epoch"]}[which])

    return read


def _best_validation_elbo(entry: Entry, _: str) -> float | None:
    """Return the ELBO that every page shows first, that of the lowest validation loss; None where there is no ELBO."""
    headline = find_headline(entry.split_rows("validation"))
    return headline.value if headline and headline.name.endswith("ELBO") else None


def _parameter_count(entry: Entry, _: str) -> float | None:
    if entry.run is None:
        return entry.precomputed_metrics.get("parameters")
    return entry.run.record.get("parameters")


def _training_seconds(entry: Entry, _: str) -> float | None:
    return None if entry.run is None else entry.run.seconds


def format_mean(mean: SeedMean | None, digits: int) -> str:
    """Format a mean with its standard deviation.

    >>> format_mean(SeedMean(93.3412, 0.4121, 3), 2), format_mean(SeedMean(-0.030412, None, 1), 4), format_mean(None, 2)
    ('93.34 ± 0.41', '−0.0304', '—')
    """
    if mean is None:
        return "—"
    if abs(mean.mean) >= 10_000 or (mean.mean.is_integer() and not mean.sd):
        digits = 0
    parts = [part for part in (mean.mean, mean.sd if digits else None) if part is not None]
    return " ± ".join(format_fixed(part, digits) for part in parts)


MATCH_DATA = ("data",)
MATCH_LIKELIHOOD = ("data", "likelihood")
MATCH_OBJECTIVE = ("data", "likelihood", "objective")


def _nats_column(
    name: str,
    title: str,
    value_of: Callable[[Entry, str], float | None],
    better: str,
    match_on: tuple[str, ...],
    split_role: str = "judged",
) -> MetricColumn:
    return MetricColumn(name, title, split_role, NATS_PER_EXAMPLE, value_of, better, 2, match_on)


#: The columns in their order, the headline of a run first.
COLUMNS: tuple[MetricColumn, ...] = (
    _nats_column("best_validation_elbo", "best ELBO", _best_validation_elbo, "higher", MATCH_LIKELIHOOD, "validation"),
    _nats_column("elbo", "ELBO", _final_value("elbo"), "higher", MATCH_LIKELIHOOD),
    _nats_column("loss", "loss", _final_value("loss"), "lower", MATCH_OBJECTIVE),
    _nats_column("reconstruction", "reconstruction", _final_value("reconstruction"), "lower", MATCH_LIKELIHOOD),
    _nats_column("kl", "KL", _final_value("kl"), "", MATCH_LIKELIHOOD),
    MetricColumn(
        "squared_error", "squared error", "judged", "per dimension", Entry.squared_error, "lower", 4, MATCH_DATA
    ),
    _nats_column("validation_loss", "last loss", _validation_value("last"), "lower", MATCH_OBJECTIVE, "validation"),
    _nats_column(
        "best_validation_loss", "best loss", _validation_value("best"), "lower", MATCH_OBJECTIVE, "validation"
    ),
    MetricColumn("best_epoch", "at epoch", "validation", "", _validation_value("epoch"), "", 1),
    MetricColumn("parameters", "parameters", "", "", _parameter_count, "", 0),
    MetricColumn("seconds", "time", "", "seconds", _training_seconds, "", 1),
)


#: Those that are read, and for which no model has to be loaded.
LOGGED_COLUMNS: tuple[MetricColumn, ...] = tuple(column for column in COLUMNS if column.name != "squared_error")


def kept_columns(entries: Sequence[Entry], split: str) -> list[MetricColumn]:
    """Return a column for each metric that ``evaluate`` measured of some runs and no training wrote down."""
    own = {column.name for column in COLUMNS}
    units = {
        name: metric["unit"]
        for entry in entries
        for evaluation in entry.evaluations
        for name, metric in evaluation.metrics.items()
        if name not in own and entry.kept_value(name, split) is not None
    }
    return [
        MetricColumn(name, name.replace("_", " "), "judged", unit, partial(_kept_value, name), digits=4)
        for name, unit in units.items()
    ]


def _kept_value(name: str, entry: Entry, split: str) -> float | None:
    return entry.kept_value(name, split)


def is_loss_redundant(runs: Sequence[Entry], split: str) -> bool:
    """Whether the loss of every run is its negated ELBO or, without an ELBO, its reconstruction term.

    Evaluation rows hold means over the same examples, so equal terms agree up to rounding.
    """
    rows = [row for entry in runs for row in entry.split_rows(split)[-1:]]
    return all(
        math.isclose(row["loss"], -row["elbo"] if "elbo" in row else row.get("reconstruction", math.nan), rel_tol=1e-4)
        for row in rows
        if "loss" in row
    )
