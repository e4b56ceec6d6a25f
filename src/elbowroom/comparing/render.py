"""The table as HTML: sortable, its figures with their spread, what is not comparable apart."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

from elbowroom.comparing.colours import legend_key
from elbowroom.comparing.columns import MetricColumn, SeedMean, format_mean, seed_mean
from elbowroom.comparing.comparison import Comparison
from elbowroom.comparing.entry import Entry
from elbowroom.comparing.group import Group
from elbowroom.runs.settings import format_setting, setting_label


def render_table(comparison: Comparison) -> str:
    """A row for each group, a body for each protocol."""
    heads = [_render_head(setting_label(name), "", "", "setting") for name in comparison.differing_settings] or [
        _render_head("runs", "", "", "setting")
    ]
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
        name = (
            f'<tr class="under"><th colspan="{len(heads)}" scope="rowgroup"><span><b>{protocol.letter}</b> '
            f"{escape(protocol.summary)}</span></th></tr>"
            if protocol.letter
            else ""
        )
        bodies.append(f"<tbody>{name}{''.join(rows)}</tbody>")
    return _wrap_table(heads, bodies, "figures of each group")


def render_runs(comparison: Comparison) -> str:
    """A row for each run, with its own figures."""
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
    return _wrap_table(heads, [f"<tbody>{''.join(rows)}</tbody>"], "figures of each run")


def entry_mean(entry: Entry, column: MetricColumn, split: str) -> SeedMean | None:
    """The figure of one run."""
    return seed_mean([column.value_of(entry, split)]) if entry.is_done else None


def _wrap_table(heads: Sequence[str], bodies: Sequence[str], label: str) -> str:
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{label}"><table class="figures">'
        f"<thead><tr>{''.join(heads)}</tr></thead>{''.join(bodies)}</table></div>"
    )


def _column_head(comparison: Comparison, column: MetricColumn) -> str:
    return _render_head(column.title, comparison.column_split(column), column.unit, "number")


def _render_head(title: str, split: str, unit: str, kind: str = "") -> str:
    small = ", ".join(filter(None, (split, unit.replace(" per example", ""))))
    return (
        f'<th scope="col" class="{kind}"><button type="button">{escape(title)}<span class="way" aria-hidden="true">'
        f"</span></button><small>{escape(small)}</small></th>"
    )


def _group_row(comparison: Comparison, i: int, group: Group, best: dict[str, list[Group]]) -> str:
    cells: list[str] = []
    for name, told in group.differing_values.items() or [("", group.name)]:
        value = group.settings.get(name)
        plain = value if isinstance(value, int | float) and not isinstance(value, bool) else ""
        drawn = "" if cells else legend_key(i)
        whole = "" if cells else f'<span class="whole">{escape(group.name)}</span>'
        cells.append(f'<td class="setting" data-v="{plain}">{drawn}<span class="own">{escape(told)}</span>{whole}</td>')
    cells.append(f'<td data-v="{len(group.done_entries)}">{escape(group.seed_summary)}</td>')
    cells += [_metric_cell(group.metrics.get(c.name), c, group in best[c.name]) for c in comparison.columns]
    return f'<tr data-group="{i}"{"" if group.done_entries else " class=off"}>{"".join(cells)}</tr>'


def _metric_cell(metric: SeedMean | None, column: MetricColumn, is_best: bool = False) -> str:
    if metric is None:
        return '<td class="number none" data-v="">—</td>'
    mean, _, spread = format_mean(metric, column.digits).partition(" ± ")
    small = f" <small>± {spread}</small>" if spread else ""
    value: Any = repr(metric.mean)
    return f'<td class="number{" best" if is_best else ""}" data-v="{value}"><span>{mean}</span>{small}</td>'
