"""Learning curves of all groups in one chart a term: the mean over seeds, each seed behind it, and their colors."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING, Any, NamedTuple

from elbowroom.comparing.columns import SeedMean, seed_mean
from elbowroom.formatting import format_count
from elbowroom.plotting.curves import NON_TERM_KEYS, TERM_TITLES, TERM_UNITS
from elbowroom.plotting.figure import Chart, Line
from elbowroom.runs.settings import canonical_json
from elbowroom.web.charts import render_chart
from elbowroom.web.render import round_digits

if TYPE_CHECKING:
    from elbowroom.comparing.comparison import Comparison, Group

#: The largest number of charts under one legend.
MAX_CHARTS = 6
#: The first part of a training, whose values do not set the axis: they dwarf everything after.
BEGINNING_SHARE = 0.1

#: Color scales for groups with an order, on light and on dark paper: at least 3:1 contrast everywhere.
ORDERED_COLORS = (
    ("#43318c", "#1f6bab", "#11877f", "#5c8a1e", "#b07a00"),
    ("#a795f2", "#63b3ec", "#3fcdb2", "#a9d65f", "#f3cf4d"),
)
#: Colors for groups without an order, on light and on dark paper (after Okabe & Ito 2008).
CATEGORICAL_COLORS = (
    ("#0072b2", "#c85400", "#008a64", "#a8438f", "#806600", "#6a4fc4", "#a12c2c", "#5b5b57"),
    ("#56b4e9", "#f0a04b", "#2fbf94", "#e693cf", "#dccb5a", "#a996ff", "#f08a8a", "#bcb9b0"),
)
#: Stroke patterns that can be told apart (SVG ``stroke-dasharray``).
DASHES = ("none", "6 4", "0.5 4", "9 4 1 4")


def render_curves(comparison: Comparison, chart_data: list[dict[str, Any]]) -> str:
    """Return the curves as HTML, those of each protocol apart; the script's data is appended to ``chart_data``."""
    split = find_curve_split(comparison)
    html = []
    for protocol in comparison.protocols:
        numbered = [(i, group) for i, group in enumerate(comparison.groups) if group.protocol == protocol]
        numbered = [(i, group) for i, group in numbered if any(entry.split_rows(split) for entry in group.done_entries)]
        if not numbered:
            continue
        heading = f'<h3 class="protocol-name"><b>{protocol.letter}</b> {escape(protocol.summary)}</h3>'
        charts = []
        for name in _term_names(comparison, [group for _, group in numbered], split):
            chart, data = _render_term(name, numbered, split, len(chart_data))
            charts.append(chart)
            chart_data.append(data)
        keys = "".join(
            f'<button type="button" aria-pressed="false" data-group="{i}">{legend_key(i)}{escape(group.name)}</button>'
            for i, group in numbered
        )
        legend = f'<div class="keys" role="group" aria-label="runs to bring forward">{keys}</div>'
        body = f'{legend}<div class="charts">{"".join(charts)}</div>'
        html.append(f'<div class="overlay">{heading if protocol.letter else ""}{body}</div>')
    return "".join(html)


def find_curve_split(comparison: Comparison) -> str:
    """Return the split whose curves are shown: validation, by which models are chosen, if any run has rows of it."""
    splits = ("validation", comparison.split)
    return next((split for split in splits if any(e.split_rows(split) for e in comparison.entries)), "train")


def curve_protocol(comparison: Comparison) -> str:
    """Describe what the curves were read from."""
    runs = [entry for group in comparison.groups for entry in group.done_entries if entry.rows]
    return f"metrics.jsonl of {format_count(len(runs), 'run')}, rows of the {find_curve_split(comparison)} split"


def _term_names(comparison: Comparison, groups: Sequence[Group], split: str) -> list[str]:
    rows = [row for group in groups for entry in group.done_entries for row in entry.split_rows(split)]
    names = dict.fromkeys(
        name for row in rows for name, value in row.items() if isinstance(value, float) and name not in NON_TERM_KEYS
    )
    shows_loss = any(column.name == "loss" for column in comparison.columns) or "reconstruction" not in names
    first = [name for name in ("elbo", "loss" if shows_loss else "", "reconstruction", "kl") if name in names]
    return [*first, *(name for name in names if name not in (*first, "loss"))][:MAX_CHARTS]


def _render_term(
    name: str, numbered: Sequence[tuple[int, Group]], split: str, chart_index: int
) -> tuple[str, dict[str, Any]]:
    """Return the chart of a term as HTML, and its data for the script."""
    seed_lines, mean_lines, line_data = [], [], []
    for i, group in numbered:
        runs = [_term_points(entry.split_rows(split), name) for entry in group.done_entries]
        runs = [points for points in runs if points]
        if not runs:
            continue
        if len(runs) > 1:
            seed_lines += [
                Line(group.name, [x for x, _ in points], [y for _, y in points], f"g{i} seed") for points in runs
            ]
        values = [dict(points) for points in runs]
        steps = sorted(set.intersection(*map(set, values)))
        means = [mean for step in steps if (mean := seed_mean([run[step] for run in values]))]
        mean_lines.append(Line(group.name, steps, [mean.mean for mean in means], f"g{i}", len(steps) == 1))
        line_data.append(_line_data(i, group.name, steps, means))
    lines = [*seed_lines, *mean_lines]
    title, unit = TERM_TITLES.get(name, name.replace("_", " ")), TERM_UNITS.get(name, "nats per example")
    chart = Chart(title, lines, "optimiser steps", unit, _y_limits(lines))
    html, data = render_chart(chart, chart_index)
    return html, {"x": data["x"], "y": chart.limits or data["y"], "axis": chart.x_axis, "lines": line_data}


def _term_points(rows: Sequence[dict[str, Any]], name: str) -> list[tuple[int, float]]:
    return [(row["step"], row[name]) for row in rows if name in row]


def _line_data(group_index: int, name: str, steps: list[int], means: list[SeedMean]) -> dict[str, Any]:
    """Return a line's data for the script, which shows the value under the pointer."""
    return {
        "group": group_index,
        "name": name,
        "x": steps,
        "y": [round_digits(mean.mean) for mean in means],
        "sd": [None if mean.sd is None else round_digits(mean.sd) for mean in means],
    }


def _y_limits(lines: Sequence[Line]) -> tuple[float, float] | None:
    """Return the range of the values after the beginning, with a margin; ``None`` where they are all the same."""
    last = max(max(line.x, default=0) for line in lines)
    values = [
        y for line in lines for x, y in zip(line.x, line.y, strict=True) if x >= BEGINNING_SHARE * last or x == last
    ]
    low, high = min(values), max(values)
    if low == high:
        return None
    margin = 0.06 * (high - low)
    return low - margin, high + margin


class LineStyle(NamedTuple):
    """How the lines of a group are drawn.

    Attributes:
        light: the color on light paper.
        dark: the color on dark paper.
        dash: an index into :data:`DASHES`.
    """

    light: str
    dark: str
    dash: int


def line_styles(groups: Sequence[Group]) -> list[LineStyle]:
    """Return the line style of each group.

    If the groups differ in a numeric setting, its order sets the color and the other settings the stroke pattern, if
    there are enough patterns. Else each group has a color of its own, or a color on a scale if there are too many.
    """
    axis = next((name for name in groups[0].differing_values if _is_numeric(groups, name)), None) if groups else None
    if axis is not None:
        values = sorted({float(group.settings[axis]) for group in groups})
        others = [canonical_json([group.protocol.letter, group.differing_values | {axis: ""}]) for group in groups]
        kinds = list(dict.fromkeys(others))
        if len(kinds) <= len(DASHES):
            positions = [values.index(float(group.settings[axis])) / max(len(values) - 1, 1) for group in groups]
            return [
                LineStyle(*_interpolate_color(position), kinds.index(kind))
                for position, kind in zip(positions, others, strict=True)
            ]
    n = len(groups)
    if n <= len(CATEGORICAL_COLORS[0]):
        return [
            LineStyle(light, dark, 0) for light, dark in zip(*(side[:n] for side in CATEGORICAL_COLORS), strict=True)
        ]
    return [LineStyle(*_interpolate_color(i / (n - 1)), 0) for i in range(n)]


def line_css(groups: Sequence[Group]) -> str:
    """Return the CSS of the classes ``g0``, ``g1``, …: the lines and legend keys of each group."""
    light, dark = [], []
    for i, style in enumerate(line_styles(groups)):
        light.append(f".g{i}{{stroke:{style.light};stroke-dasharray:{DASHES[style.dash]}}}")
        dark.append(f".g{i}{{stroke:{style.dark}}}")
    return "\n".join(light) + "\n@media (prefers-color-scheme: dark) {\n" + "\n".join(dark) + "\n}\n"


def legend_key(group: int | str) -> str:
    """Return a legend key as SVG: a piece of a group's line, by its index, or of another line, by its class."""
    line = f"g{group}" if isinstance(group, int) else group
    return f'<svg class="key" viewBox="0 0 24 4" aria-hidden="true"><path class="line {line}" d="M2 2H22"/></svg>'


def _is_numeric(groups: Sequence[Group], name: str) -> bool:
    values = [group.settings.get(name) for group in groups]
    return all(isinstance(v, int | float) and not isinstance(v, bool) for v in values) and len(set(values)) > 1


def _interpolate_color(position: float) -> tuple[str, str]:
    """Return the color at a position from 0 to 1 of the scale, on light and on dark paper."""
    light, dark = (_interpolate_stops(stops, position) for stops in ORDERED_COLORS)
    return light, dark


def _interpolate_stops(stops: Sequence[str], position: float) -> str:
    at = position * (len(stops) - 1)
    low = min(int(at), len(stops) - 2)
    ends = [[int(color[i : i + 2], 16) for i in (1, 3, 5)] for color in stops[low : low + 2]]
    return "#" + "".join(f"{round(a + (b - a) * (at - low)):02x}" for a, b in zip(*ends, strict=True))
