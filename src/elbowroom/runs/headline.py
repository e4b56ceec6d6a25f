"""The headline of a run: the one metric that every page shows first, with its split in its name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from elbowroom.runs.metrics_log import MetricsRow, finite_or_none

UNIT = "nats per example"
#: Splits whose best row is the headline, the first that a run has.
HEADLINE_SPLITS = ("validation", "train")
_SPLIT_NAMES = {"validation": "validation", "train": "training"}


class Headline(NamedTuple):
    """The metric that a run is known by.

    Attributes:
        name: its name with the split: ``"best validation ELBO"``.
        value: the metric.
        unit: its unit.
        epoch: the epoch that it is of.
    """

    name: str
    value: float
    unit: str
    epoch: int


def find_headline(rows: Sequence[MetricsRow]) -> Headline | None:
    """Return the ELBO of the row with the lowest validation loss; of the training loss where none was validated.

    >>> rows = [{"split": "validation", "epoch": n, "loss": loss, "elbo": -loss} for n, loss in ((0, 9.0), (1, 7.5))]
    >>> find_headline(rows)
    Headline(name='best validation ELBO', value=-7.5, unit='nats per example', epoch=1)
    """
    for split in HEADLINE_SPLITS:
        found = [row for row in rows if row.get("split") == split and finite_or_none(row.get("loss")) is not None]
        if found:
            return make_headline(split, min(found, key=lambda row: float(row["loss"])))
    return None


def make_headline(split: str, best_row: MetricsRow) -> Headline:
    """Return the headline of a run by its row with the lowest loss: the ELBO, or the loss where there is no ELBO."""
    elbo = finite_or_none(best_row.get("elbo"))
    name, value = ("loss", float(best_row["loss"])) if elbo is None else ("ELBO", elbo)
    return Headline(f"best {_SPLIT_NAMES[split]} {name}", value, UNIT, best_row["epoch"])
