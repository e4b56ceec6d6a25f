"""The tables of a comparison as cells: a row for each group, and a row for each run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from elbowroom.comparing.columns import COLUMNS, MetricColumn, SeedMean, format_mean, seed_mean
from elbowroom.comparing.entry import Entry
from elbowroom.runs.settings import format_setting, setting_label

if TYPE_CHECKING:
    from elbowroom.comparing.comparison import Comparison, Group

#: Metrics that ``evaluate`` measured, at most, that are shown before others are chosen.
MAX_SHOWN_KEPT = 6


class Head(NamedTuple):
    """The head of a column.

    Attributes:
        name: of the setting or metric.
        title: as it is shown.
        small: the split and unit, in small print.
        is_number: whether its cells are numbers, which stand to the right.
        is_shown: whether it is shown before columns are chosen.
    """

    name: str
    title: str
    small: str = ""
    is_number: bool = False
    is_shown: bool = True


class Cell(NamedTuple):
    """A cell of a table.

    Attributes:
        text: what it shows.
        value: what sorting and filters go by, if not the text: a number.
        small: small print after the text: the standard deviation.
        is_best: whether it is the best of those that it is comparable with.
    """

    text: str
    value: float | None = None
    small: str = ""
    is_best: bool = False


class Row(NamedTuple):
    """A row of a table.

    Attributes:
        group: the number of the group.
        cells: one for each head.
        counts: whether its metrics are final.
        run: the path of the run; empty in the table of groups.
    """

    group: int
    cells: list[Cell]
    counts: bool
    run: str = ""


class Table(NamedTuple):
    """A table: its heads and its rows."""

    heads: list[Head]
    rows: list[Row]


def group_table(comparison: Comparison) -> Table:
    """Return the table of groups: their settings, seeds, and means over seeds.

    Where no run of a group is finished, its cells hold what its runs have so far, and do not count.
    """
    settings = [Head(name, setting_label(name)) for name in comparison.differing_settings] or [Head("", "runs")]
    best = {column.name: comparison.best_groups(column) for column in comparison.columns}
    rows = [
        Row(i, _group_cells(comparison, group, best), bool(group.done_entries))
        for i, group in enumerate(comparison.groups)
    ]
    return Table([*settings, Head("seeds", "seeds"), *_metric_heads(comparison)], rows)


def run_table(comparison: Comparison) -> Table:
    """Return the table of runs: each with its own metrics, which are not final where it is not finished."""
    heads = [Head("run", "run"), Head("seed", "seed", is_number=True), Head("state", "state")]
    rows = [
        Row(i, _run_cells(comparison, entry), entry.is_done, entry.path)
        for i, group in enumerate(comparison.groups)
        for entry in group.entries
    ]
    return Table([*heads, *_metric_heads(comparison)], rows)


def entry_mean(entry: Entry, column: MetricColumn, split: str) -> SeedMean | None:
    """Return the metric of one run, final or not; None where it has no value."""
    return seed_mean([column.value_of(entry, split)])


def _metric_heads(comparison: Comparison) -> list[Head]:
    own = {column.name for column in COLUMNS}
    kept = [column.name for column in comparison.columns if column.name not in own]
    hidden = set(kept[MAX_SHOWN_KEPT:])
    return [
        Head(column.name, column.title, _describe_column(comparison, column), True, column.name not in hidden)
        for column in comparison.columns
    ]


def _describe_column(comparison: Comparison, column: MetricColumn) -> str:
    unit = column.unit.replace(" per example", "")
    return ", ".join(filter(None, (comparison.column_split(column), unit)))


def _group_cells(comparison: Comparison, group: Group, best: dict[str, list[Group]]) -> list[Cell]:
    cells = []
    for name, shown in group.differing_values.items() or [("", group.name)]:
        value = group.settings.get(name)
        number = float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
        cells.append(Cell(shown, number))
    cells.append(Cell(group.seed_summary, float(len(group.done_entries))))
    means = group.metrics or group.preliminary_metrics
    return cells + [_metric_cell(means.get(c.name), c, group in best[c.name]) for c in comparison.columns]


def _run_cells(comparison: Comparison, entry: Entry) -> list[Cell]:
    seed = None if entry.seed is None else float(entry.seed)
    cells = [Cell(entry.name), Cell(format_setting(entry.seed), seed), Cell(entry.state)]
    return cells + [_metric_cell(entry_mean(entry, c, comparison.split), c) for c in comparison.columns]


def _metric_cell(metric: SeedMean | None, column: MetricColumn, is_best: bool = False) -> Cell:
    if metric is None:
        return Cell("—")
    mean, _, sd = format_mean(metric, column.digits).partition(" ± ")
    return Cell(mean, metric.mean, f"± {sd}" if sd else "", is_best)


def to_json(table: Table) -> dict[str, Any]:
    """Return a table as JSON fields."""
    return {
        "heads": [head._asdict() for head in table.heads],
        "rows": [row._asdict() | {"cells": [cell._asdict() for cell in row.cells]} for row in table.rows],
    }
