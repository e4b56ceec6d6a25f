"""The table of a comparison: its cells for the page, as JSON, CSV, and as text for a terminal."""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING, Any, NamedTuple

from elbowroom.comparing.columns import MetricColumn, SeedMean, format_mean, seed_mean
from elbowroom.comparing.entry import Entry
from elbowroom.comparing.protocol import EvaluationProtocol
from elbowroom.runs.settings import format_setting, setting_label

if TYPE_CHECKING:
    from rich.table import Table

    from elbowroom.comparing.comparison import Comparison, Group


class Head(NamedTuple):
    """The head of a column: its title, and the split and unit in small print."""

    title: str
    small: str = ""
    css_class: str = ""


class Cell(NamedTuple):
    """A cell of the table.

    Attributes:
        text: what it shows.
        sort_value: what sorting goes by, if not the text.
        css_class: its class in the style.
        small: small print after the text.
        group: number of the group whose legend key stands before the text.
        whole: the group's whole name, which a narrow window shows instead.
        title: shown when the pointer rests on it.
    """

    text: str
    sort_value: Any = ""
    css_class: str = ""
    small: str = ""
    group: int | None = None
    whole: str = ""
    title: str = ""


class Row(NamedTuple):
    """A row of the table, and whether its metrics count."""

    cells: list[Cell]
    counts: bool


class MetricTable(NamedTuple):
    """A table of metrics: the heads of its columns, and its rows by the protocol of their evaluation."""

    label: str
    heads: list[Head]
    bodies: list[tuple[EvaluationProtocol | None, list[Row]]]


def group_table(comparison: Comparison) -> MetricTable:
    """Return the table of groups: a row for each group, a body for each protocol."""
    settings = [setting_label(name) for name in comparison.differing_settings] or ["runs"]
    heads = [*(Head(name, "", "setting") for name in settings), Head("seeds"), *_metric_heads(comparison)]
    best = {column.name: comparison.best_groups(column) for column in comparison.columns}
    bodies: list[tuple[EvaluationProtocol | None, list[Row]]] = []
    for protocol in comparison.protocols:
        numbered = [(i, group) for i, group in enumerate(comparison.groups) if group.protocol == protocol]
        rows = [Row(_group_cells(comparison, i, group, best), bool(group.done_entries)) for i, group in numbered]
        bodies.append((protocol if protocol.letter else None, rows))
    return MetricTable("metrics of each group", heads, bodies)


def run_table(comparison: Comparison) -> MetricTable:
    """Return the table of runs: a row for each run, with its own metrics."""
    heads = [*map(Head, ("run", "seed", "state")), *_metric_heads(comparison)]
    rows = [
        Row(_run_cells(comparison, i, entry), entry.is_done)
        for i, group in enumerate(comparison.groups)
        for entry in group.entries
    ]
    return MetricTable("metrics of each run", heads, [(None, rows)])


def entry_mean(entry: Entry, column: MetricColumn, split: str) -> SeedMean | None:
    """Return the metric of one run; ``None`` if it does not count, or has no value."""
    return seed_mean([column.value_of(entry, split)]) if entry.is_done else None


def _metric_heads(comparison: Comparison) -> list[Head]:
    units = {column.name: column.unit.replace(" per example", "") for column in comparison.columns}
    return [
        Head(c.title, ", ".join(filter(None, (comparison.column_split(c), units[c.name]))), "number")
        for c in comparison.columns
    ]


def _group_cells(comparison: Comparison, i: int, group: Group, best: dict[str, list[Group]]) -> list[Cell]:
    cells = []
    for name, shown in group.differing_values.items() or [("", group.name)]:
        value = group.settings.get(name)
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        cells.append(Cell(shown, value if is_number else "", "setting"))
    cells[0] = cells[0]._replace(group=i, whole=group.name)
    cells.append(Cell(group.seed_summary, len(group.done_entries)))
    return cells + [_metric_cell(group.metrics.get(c.name), c, group in best[c.name]) for c in comparison.columns]


def _run_cells(comparison: Comparison, group_index: int, entry: Entry) -> list[Cell]:
    seed = "" if entry.seed is None else entry.seed
    cells = [
        Cell(entry.name, "", "run", group=group_index, title=entry.path),
        Cell(format_setting(entry.seed), seed),
        Cell(entry.state, "", "" if entry.is_done else "wrong"),
    ]
    return cells + [_metric_cell(entry_mean(entry, c, comparison.split), c) for c in comparison.columns]


def _metric_cell(metric: SeedMean | None, column: MetricColumn, is_best: bool = False) -> Cell:
    if metric is None:
        return Cell("—", "", "number none")
    mean, _, sd = format_mean(metric, column.digits).partition(" ± ")
    return Cell(mean, repr(metric.mean), f"number{' best' * is_best}", f"± {sd}" if sd else "")


def to_json(comparison: Comparison) -> str:
    """Return a comparison as JSON: the groups with their runs and metrics, shared settings, and the notes."""
    rows = [
        {
            "protocol": group.protocol.summary,
            "settings": {name: group.settings.get(name) for name in comparison.differing_settings},
            "runs": [
                {"path": e.path, "seed": e.seed, "state": e.state} | ({"why": e.error} if e.error else {})
                for e in group.entries
            ],
            "figures": {name: mean._asdict() for name, mean in group.metrics.items()},
        }
        for group in comparison.groups
    ]
    units = {c.name: {"unit": c.unit, "of": comparison.column_split(c)} for c in comparison.columns}
    content = {
        "rows": rows,
        "same": comparison.shared_settings,
        "figures": units,
        "not comparable": comparison.comparability_notes,
        "notes": comparison.notes,
    }
    return json.dumps(content, indent=2, ensure_ascii=False, default=str)


def to_csv(comparison: Comparison) -> str:
    """Return a comparison as CSV: a line for each group, a mean and a standard deviation for each metric."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    names = [column.name for column in comparison.columns]
    heads = [f"{name}_{statistic}" for name in names for statistic in ("mean", "sd")]
    writer.writerow(["protocol", *comparison.differing_settings, "seeds", *heads])
    for group in comparison.groups:
        means = [group.metrics.get(name) for name in names]
        cells = [value for mean in means for value in ((mean.mean, mean.sd) if mean else (None, None))]
        writer.writerow([group.protocol.summary, *group.differing_values.values(), group.seed_summary, *cells])
    return text.getvalue()


def to_rich_table(comparison: Comparison) -> Table:
    """Return a comparison as a table for a terminal: the metrics that a run may be chosen by, the best in bold."""
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in comparison.differing_settings:
        table.add_column(Text(setting_label(name)))
    table.add_column("seeds")
    columns = [column for column in comparison.columns if column.is_printed or column.name == comparison.sort]
    for column in columns:
        table.add_column(Text(f"{column.title}\n{comparison.column_split(column)}"), justify="right", no_wrap=True)
    best = {column.name: comparison.best_groups(column) for column in columns}
    for i, group in enumerate(comparison.groups):
        if group.protocol.letter and (i == 0 or comparison.groups[i - 1].protocol != group.protocol):
            table.add_section()
            table.add_row(Text(group.protocol.letter, style="bold"))
        cells = [
            Text(format_mean(group.metrics.get(c.name), c.digits), style="bold" if group in best[c.name] else "")
            for c in columns
        ]
        table.add_row(*map(Text, group.differing_values.values()), Text(group.seed_summary), *cells)
    return table
