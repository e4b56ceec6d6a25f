"""The columns of the table: each a figure of a run, with its unit, and with what it may be compared."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from elbowroom.comparing.entry import Entry

NATS = "nats per example"


@dataclass(frozen=True)
class Column:
    """One figure.

    Attributes:
        name: in JSON and CSV.
        title: at the head of the column.
        where: of what it is: the split that is judged, ``validation``, or nothing.
        unit: of the figure.
        of: a run and the split that is judged to the figure, ``None`` where it has none.
        better: ``higher``, ``lower``, or neither.
        digits: behind the point.
        needs: what has to be equal for two of them to be compared: ``data``, ``likelihood``, ``objective``.
    """

    name: str
    title: str
    where: str
    unit: str
    of: Callable[[Entry, str], float | None]
    better: str = ""
    digits: int = 2
    needs: tuple[str, ...] = ()

    @property
    def printed(self) -> bool:
        """Whether it stands in the table of a terminal, which is narrow: what a run may be chosen by."""
        return bool(self.needs) and self.name != "validation_loss"


class Figure(NamedTuple):
    """A mean over seeds.

    Attributes:
        mean: of the runs.
        sd: their standard deviation, with n − 1 below; ``None`` of one.
        n: how many.
    """

    mean: float
    sd: float | None
    n: int


def figure(values: Sequence[float | None]) -> Figure | None:
    """Mean and standard deviation of those that there are.

    >>> figure([1.0, 2.0, None, 3.0])
    Figure(mean=2.0, sd=1.0, n=3)
    """
    there = [value for value in values if value is not None]
    if not there:
        return None
    mean = math.fsum(there) / len(there)
    if len(there) < 2:
        return Figure(mean, None, 1)
    return Figure(mean, math.sqrt(math.fsum((value - mean) ** 2 for value in there) / (len(there) - 1)), len(there))


def _last(name: str) -> Callable[[Entry, str], float | None]:
    """The figure of the last row of the split that is judged."""

    def of(entry: Entry, split: str) -> float | None:
        rows = [row for row in entry.of(split) if name in row]
        return float(rows[-1][name]) if rows else entry.given.get(name)

    return of


def _validation(which: str) -> Callable[[Entry, str], float | None]:
    """The last validation loss, the best, or the epoch of the best."""

    def of(entry: Entry, _: str) -> float | None:
        rows = [row for row in entry.of("validation") if "loss" in row]
        if not rows:
            return None
        best: dict[str, Any] = min(rows, key=lambda row: row["loss"])
        return float({"last": rows[-1]["loss"], "best": best["loss"], "epoch": best["epoch"]}[which])

    return of


def _parameters(entry: Entry, _: str) -> float | None:
    if entry.run is None:
        return entry.given.get("parameters")
    return entry.run.record.get("parameters")


def words(found: Figure | None, digits: int) -> str:
    """A mean with its standard deviation.

    >>> words(Figure(93.3412, 0.4121, 3), 2), words(Figure(-0.030412, None, 1), 4), words(None, 2)
    ('93.34 ± 0.41', '−0.0304', '—')
    """
    if found is None:
        return "—"
    if abs(found.mean) >= 10_000 or (found.mean.is_integer() and not found.sd):
        digits = 0
    parts = [part for part in (found.mean, found.sd if digits else None) if part is not None]
    return " ± ".join(f"{part:,.{digits}f}" for part in parts).replace("-", "−")


BOUND, OWN = ("data", "likelihood"), ("data", "likelihood", "objective")
COLUMNS = (
    Column("elbo", "ELBO", "judged", NATS, _last("elbo"), "higher", 2, BOUND),
    Column("loss", "loss", "judged", NATS, _last("loss"), "lower", 2, OWN),
    Column("reconstruction", "reconstruction", "judged", NATS, _last("reconstruction"), "lower", 2, BOUND),
    Column("kl", "KL", "judged", NATS, _last("kl"), "", 2, BOUND),
    Column("squared_error", "squared error", "judged", "per dimension", Entry.squared_error, "lower", 4, ("data",)),
    Column("validation_loss", "last loss", "validation", NATS, _validation("last"), "lower", 2, OWN),
    Column("best_validation_loss", "best loss", "validation", NATS, _validation("best"), "lower", 2, OWN),
    Column("best_epoch", "at epoch", "validation", "", _validation("epoch"), "", 1),
    Column("parameters", "parameters", "", "", _parameters, "", 0),
    Column("seconds", "time", "", "seconds", lambda e, _: None if e.run is None else e.run.seconds, "", 1),
)


def redundant(runs: Sequence[Entry], split: str) -> bool:
    """Whether the loss says nothing that the ELBO or the reconstruction does not: it is the one negated, or the other.

    Evaluation rows hold means over the same examples, so equal terms agree to their rounding.
    """
    rows = [row for entry in runs for row in entry.of(split)[-1:]]
    return all(
        math.isclose(row["loss"], -row["elbo"] if "elbo" in row else row.get("reconstruction", math.nan), rel_tol=1e-4)
        for row in rows
        if "loss" in row
    )
