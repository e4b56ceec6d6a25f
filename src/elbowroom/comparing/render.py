"""The table of a comparison as HTML, JSON, CSV, and as text for a terminal."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

from elbowroom.comparing.columns import MetricColumn, SeedMean, format_mean, seed_mean
from elbowroom.comparing.curves import legend_key
from elbowroom.comparing.entry import Entry
from elbowroom.runs.settings import format_setting, setting_label

if TYPE_CHECKING:
    from rich.table import Table

    from elbowroom.comparing.comparison import Comparison, Group


def render_table(comparison: Comparison) -> str:
    """Return the table of groups as HTML: a row for each group, a body for each protocol."""
    settings = [setting_label(name) for name in comparison.differing_settings] or ["runs"]
    heads = [_render_head(name, "", "", "setting") for name in settings]
    heads.append(_render_head("seeds", "", ""))
    heads += [_column_head(comparison, column) for column in comparison.columns]
    best = {column.name: comparison.best_groups(column) for column in comparison.columns}
    bodies = []
    for protocol in comparison.protocols:
        rows = [
            _group_row(comparison, i, group, best)
            for i, group in enumerate(comparison.groups)
            if group.protocol == protocol
        ]
        heading = (
            f'<tr class="under"><th colspan="{len(heads)}" scope="rowgroup"><span><b>{protocol.letter}</b> '
            f"{escape(protocol.summary)}</span></th></tr>"
            if protocol.letter
            else ""
        )
        bodies.append(f"<tbody>{heading}{''.join(rows)}</tbody>")
    return _wrap_table(heads, bodies, "metrics of each group")


def render_runs(comparison: Comparison) -> str:
    """Return the table of runs as HTML: a row for each run, with its own metrics."""
    heads = [_render_head(name, "", "") for name in ("run", "seed", "state")]
    heads += [_column_head(comparison, column) for column in comparison.columns]
    rows = []
    for i, group in enumerate(comparison.groups):
        for entry in group.entries:
            cells = [
                f'<td class="run" title="{escape(entry.path)}">{legend_key(i)}<span>{escape(entry.name)}</span></td>',
                f'<td data-v="{"" if entry.seed is None else entry.seed}">{format_setting(entry.seed)}</td>',
                f'<td class="{"" if entry.is_done else "wrong"}">{escape(entry.state)}</td>',
            ]
            cells += [
                _metric_cell(entry_mean(entry, column, comparison.split), column) for column in comparison.columns
            ]
            rows.append(f"<tr{'' if entry.is_done else ' class=off'}>{''.join(cells)}</tr>")
    return _wrap_table(heads, [f"<tbody>{''.join(rows)}</tbody>"], "metrics of each run")


def entry_mean(entry: Entry, column: MetricColumn, split: str) -> SeedMean | None:
    """Return the metric of one run; ``None`` if it does not count, or has no value."""
    return seed_mean([column.value_of(entry, split)]) if entry.is_done else None


def _wrap_table(heads: Sequence[str], bodies: Sequence[str], label: str) -> str:
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{label}"><table class="figures">'
        f"<thead><tr>{''.join(heads)}</tr></thead>{''.join(bodies)}</table></div>"
    )


def _column_head(comparison: Comparison, column: MetricColumn) -> str:
    return _render_head(column.title, comparison.column_split(column), column.unit, "number")


def _render_head(title: str, split: str, unit: str, css_class: str = "") -> str:
    small = ", ".join(filter(None, (split, unit.replace(" per example", ""))))
    return (
        f'<th scope="col" class="{css_class}"><button type="button">{escape(title)}'
        f'<span class="way" aria-hidden="true"></span></button><small>{escape(small)}</small></th>'
    )


def _group_row(comparison: Comparison, i: int, group: Group, best: dict[str, list[Group]]) -> str:
    cells: list[str] = []
    for name, shown in group.differing_values.items() or [("", group.name)]:
        value = group.settings.get(name)
        sort_value = value if isinstance(value, int | float) and not isinstance(value, bool) else ""
        key = "" if cells else legend_key(i)
        whole = "" if cells else f'<span class="whole">{escape(group.name)}</span>'
        cells.append(
            f'<td class="setting" data-v="{sort_value}">{key}<span class="own">{escape(shown)}</span>{whole}</td>'
        )
    cells.append(f'<td data-v="{len(group.done_entries)}">{escape(group.seed_summary)}</td>')
    cells += [_metric_cell(group.metrics.get(c.name), c, group in best[c.name]) for c in comparison.columns]
    return f'<tr data-group="{i}"{"" if group.done_entries else " class=off"}>{"".join(cells)}</tr>'


def _metric_cell(metric: SeedMean | None, column: MetricColumn, is_best: bool = False) -> str:
    if metric is None:
        return '<td class="number none" data-v="">—</td>'
    mean, _, sd = format_mean(metric, column.digits).partition(" ± ")
    small = f" <small>± {sd}</small>" if sd else ""
    return f'<td class="number{" best" if is_best else ""}" data-v="{metric.mean!r}"><span>{mean}</span>{small}</td>'


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
    columns = [column for column in comparison.columns if column.is_printed]
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
