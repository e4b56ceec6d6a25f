"""The curves of all groups over each other: the mean over seeds, and each seed behind it."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING, Any, NamedTuple

from elbowroom.comparing.columns import seed_mean
from elbowroom.formatting import format_count
from elbowroom.plotting.curves import NON_TERM_KEYS, TERM_TITLES, TERM_UNITS
from elbowroom.plotting.figure import Chart, Line
from elbowroom.runs.settings import canonical_json
from elbowroom.web.charts import render_chart

if TYPE_CHECKING:
    from elbowroom.comparing.comparison import Comparison, Group

#: Charts under one legend, at most, and points of a line of which each is marked.
MAX_CHARTS, MAX_MARKED_POINTS = 6, 30
#: The part of a training whose values may leave the axis at the top: what happens there dwarfs everything after.
BEGINNING_SHARE = 0.1

MetricsRow = dict[str, Any]


def render_curves(comparison: Comparison, chart_data: list[dict[str, Any]]) -> str:
    """The curves as HTML, those of each protocol apart; what the script needs is added to ``chart_data``."""
    split = find_curve_split(comparison)
    html = []
    for protocol in comparison.protocols:
        numbered = [(i, group) for i, group in enumerate(comparison.groups) if group.protocol == protocol]
        numbered = [(i, group) for i, group in numbered if any(entry.split_rows(split) for entry in group.done_entries)]
        if not numbered:
            continue
        heading = f'<h3 class="protocol-name"><b>{protocol.letter}</b> {escape(protocol.summary)}</h3>'
        drawn = []
        for name in _term_names(comparison, [group for _, group in numbered], split):
            made, told = _render_chart(name, numbered, split, len(chart_data))
            drawn.append(made)
            chart_data.append(told)
        keys = "".join(
            f'<button type="button" aria-pressed="false" data-group="{i}">{legend_key(i)}{escape(group.name)}</button>'
            for i, group in numbered
        )
        legend = f'<div class="keys" role="group" aria-label="runs to bring forward">{keys}</div>'
        charts = f'<div class="charts">{"".join(drawn)}</div>'
        html.append(f'<div class="overlay">{heading if protocol.letter else ""}{legend}{charts}</div>')
    return "".join(html)


def find_curve_split(comparison: Comparison) -> str:
    """The split whose curves are shown: validation, by which models are chosen, if anybody watched it."""
    splits = ("validation", comparison.split)
    return next((split for split in splits if any(e.split_rows(split) for e in comparison.entries)), "train")


def curve_protocol(comparison: Comparison) -> str:
    """How the curves came about."""
    runs = [entry for group in comparison.groups for entry in group.done_entries if entry.rows]
    return f"metrics.jsonl of {format_count(len(runs), 'run')}, rows of the {find_curve_split(comparison)} split"


def _term_names(comparison: Comparison, groups: Sequence[Group], split: str) -> list[str]:
    rows = [row for group in groups for entry in group.done_entries for row in entry.split_rows(split)]
    names = dict.fromkeys(
        name for row in rows for name, value in row.items() if isinstance(value, float) and name not in NON_TERM_KEYS
    )
    told = any(column.name == "loss" for column in comparison.columns) or "reconstruction" not in names
    first = [name for name in ("elbo", "loss" if told else "", "reconstruction", "kl") if name in names]
    return [*first, *(name for name in names if name not in (*first, "loss"))][:MAX_CHARTS]


def _render_chart(
    name: str, numbered: Sequence[tuple[int, Group]], split: str, chart_index: int
) -> tuple[str, dict[str, Any]]:
    behind, front, told = [], [], []
    for i, group in numbered:
        runs = [
            rows for entry in group.done_entries if (rows := [row for row in entry.split_rows(split) if name in row])
        ]
        if not runs:
            continue
        if len(runs) > 1:
            behind += [
                Line(group.name, _column_values(rows, "step"), _column_values(rows, name), f"g{i} seed")
                for rows in runs
            ]
        steps = sorted(set.intersection(*(set(_column_values(rows, "step")) for rows in runs)))
        at = [{row["step"]: row[name] for row in rows} for rows in runs]
        means = [seed_mean([rows[step] for rows in at]) for step in steps]
        y = [found.mean for found in means if found]
        front.append(Line(group.name, steps, y, f"g{i}", len(steps) == 1))
        told.append(
            {
                "group": i,
                "name": group.name,
                "x": steps,
                "y": [_round_digits(v) for v in y],
                "sd": [None if f is None or f.sd is None else _round_digits(f.sd) for f in means],
            }
        )
    lines = [*behind, *front]
    shape = Chart(
        TERM_TITLES.get(name, name.replace("_", " ")), lines, "optimiser steps", _term_unit(name), _y_limits(lines)
    )
    html, data = render_chart(shape, chart_index)
    return html, {"x": data["x"], "y": shape.limits or data["y"], "axis": shape.x_axis, "lines": told}


def _column_values(rows: Sequence[MetricsRow], name: str) -> list[Any]:
    return [row[name] for row in rows]


def _term_unit(name: str) -> str:
    return TERM_UNITS.get(name, "nats per example")


def _y_limits(lines: Sequence[Line]) -> tuple[float, float] | None:
    """The span of what comes after the beginning, with some room."""
    last = max(max(line.x, default=0) for line in lines)
    values = [
        y for line in lines for x, y in zip(line.x, line.y, strict=True) if x >= BEGINNING_SHARE * last or x == last
    ]
    low, high = min(values), max(values)
    if low == high:
        return None
    room = 0.06 * (high - low)
    return low - room, high + room


def _round_digits(value: float) -> float:
    return float(f"{value:.6g}")


#: For groups that come in an order: from one end to the other, at least 3:1 against the paper everywhere.
ORDERED_COLORS = (
    ("#43318c", "#1f6bab", "#11877f", "#5c8a1e", "#b07a00"),
    ("#a795f2", "#63b3ec", "#3fcdb2", "#a9d65f", "#f3cf4d"),
)
#: For those that come in none (after Okabe & Ito 2008).
CATEGORICAL_COLORS = (
    ("#0072b2", "#c85400", "#008a64", "#a8438f", "#806600", "#6a4fc4", "#a12c2c", "#5b5b57"),
    ("#56b4e9", "#f0a04b", "#2fbf94", "#e693cf", "#dccb5a", "#a996ff", "#f08a8a", "#bcb9b0"),
)
#: Dashes that stay apart.
DASHES = ("none", "6 4", "0.5 4", "9 4 1 4")


class LineStyle(NamedTuple):
    """How the lines of a group are drawn.

    Attributes:
        light: its colour on light paper.
        dark: on dark.
        dash: a number in :data:`DASHES`.
    """

    light: str
    dark: str
    dash: int


def line_styles(groups: Sequence[Group]) -> list[LineStyle]:
    """How each group is drawn.

    Where a number is among what differs, its order decides the colour and the rest the stroke, as far as strokes go.
    Else each has a colour of its own, as far as those go.
    """
    axis = next((name for name in groups[0].differing_values if _is_numeric(groups, name)), None) if groups else None
    if axis is not None:
        values = sorted({float(group.settings[axis]) for group in groups})
        rest = [canonical_json([group.protocol.letter, group.differing_values | {axis: ""}]) for group in groups]
        kinds = list(dict.fromkeys(rest))
        if len(kinds) <= len(DASHES):
            places = [values.index(float(group.settings[axis])) / max(len(values) - 1, 1) for group in groups]
            return [
                LineStyle(*_interpolate_color(at), kinds.index(kind)) for at, kind in zip(places, rest, strict=True)
            ]
    n = len(groups)
    if n <= len(CATEGORICAL_COLORS[0]):
        return [
            LineStyle(light, dark, 0) for light, dark in zip(*(side[:n] for side in CATEGORICAL_COLORS), strict=True)
        ]
    return [LineStyle(*_interpolate_color(i / (n - 1)), 0) for i in range(n)]


def line_css(groups: Sequence[Group]) -> str:
    """The style of ``.g0``, ``.g1``, …: the lines and keys of each group."""
    light, dark = [], []
    for i, pen in enumerate(line_styles(groups)):
        light.append(f".g{i}{{stroke:{pen.light};stroke-dasharray:{DASHES[pen.dash]}}}")
        dark.append(f".g{i}{{stroke:{pen.dark}}}")
    return "\n".join(light) + "\n@media (prefers-color-scheme: dark) {\n" + "\n".join(dark) + "\n}\n"


def legend_key(group: int | str) -> str:
    """A piece of a group's line, to stand beside its name."""
    line = f"g{group}" if isinstance(group, int) else group
    return f'<svg class="key" viewBox="0 0 24 4" aria-hidden="true"><path class="line {line}" d="M2 2H22"/></svg>'


def _is_numeric(groups: Sequence[Group], name: str) -> bool:
    values = [group.settings.get(name) for group in groups]
    return all(isinstance(v, int | float) and not isinstance(v, bool) for v in values) and len(set(values)) > 1


def _interpolate_color(position: float) -> tuple[str, str]:
    found = []
    for stops in ORDERED_COLORS:
        at = position * (len(stops) - 1)
        low = min(int(at), len(stops) - 2)
        ends = [[int(colour[i : i + 2], 16) for i in (1, 3, 5)] for colour in stops[low : low + 2]]
        found.append("#" + "".join(f"{round(a + (b - a) * (at - low)):02x}" for a, b in zip(*ends, strict=True)))
    return found[0], found[1]
