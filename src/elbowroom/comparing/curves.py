"""Learning curves of all groups in one chart a term: the mean over seeds, each seed behind it, and their colors."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from markupsafe import Markup

from elbowroom.comparing.columns import SeedMean, seed_mean
from elbowroom.formatting import format_count
from elbowroom.plotting.curves import NON_TERM_KEYS, TERM_TITLES, TERM_UNITS
from elbowroom.plotting.figure import Chart, Line
from elbowroom.runs.settings import canonical_json
from elbowroom.web.charts import chart_data, line_data
from elbowroom.web.marks import MarkRenderer
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
#: Groups without an order that have a color of their own, ``--line-0`` and so on of the pages' style.
MAX_LINE_COLORS = 8
#: Dashes that can be told apart: lengths of strokes and gaps in pixels.
DASHES: tuple[tuple[float, ...], ...] = ((), (6, 4), (2, 3), (9, 4, 2, 4))
#: How the line of one seed is drawn behind the mean.
SEED_STYLE = {"width": 1, "alpha": 0.32, "silent": True}


def curve_panels(comparison: Comparison, marks: MarkRenderer) -> list[dict[str, Any]]:
    """Return the protocol, the (number, name) of the groups and the charts of each set of curves, a set a protocol."""
    split = find_curve_split(comparison)
    panels = []
    for protocol in comparison.protocols:
        numbered = [(i, group) for i, group in enumerate(comparison.groups) if group.protocol == protocol]
        numbered = [(i, group) for i, group in numbered if any(entry.split_rows(split) for entry in group.done_entries)]
        if numbered:
            names = _term_names(comparison, [group for _, group in numbered], split)
            charts = marks.side_by_side(_render_term(name, numbered, split, marks) for name in names)
            panels.append({"protocol": protocol, "groups": [(i, g.name) for i, g in numbered], "charts": charts})
    return panels


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


def _render_term(name: str, numbered: Sequence[tuple[int, Group]], split: str, marks: MarkRenderer) -> Markup:
    """Return the chart of a term: the means over seeds, and behind them the seeds."""
    seed_lines, mean_lines, seed_data, mean_data = list[Line](), list[Line](), [], []
    for i, group in numbered:
        runs = [_term_points(entry.split_rows(split), name) for entry in group.done_entries]
        runs = [points for points in runs if points]
        if not runs:
            continue
        seeds = [Line(group.name, list(points), list(points.values()), f"g{i}") for points in runs if len(runs) > 1]
        seed_lines += seeds
        seed_data += [line_data(line) | SEED_STYLE | {"group": i} for line in seeds]
        steps = sorted(set.intersection(*map(set, runs)))
        means = {step: mean for step in steps if (mean := seed_mean([run[step] for run in runs]))}
        mean_lines.append(Line(group.name, steps, [mean.mean for mean in means.values()], f"g{i}", len(steps) == 1))
        mean_data.append(_mean_data(mean_lines[-1], i, means))
    title, unit = TERM_TITLES.get(name, name.replace("_", " ")), TERM_UNITS.get(name, "nats per example")
    chart = Chart(title, mean_lines, "optimiser steps", unit, _y_limits([*seed_lines, *mean_lines]))
    return marks.chart(chart, chart_data(chart) | {"lines": [*seed_data, *mean_data]})


def _term_points(rows: Sequence[dict[str, Any]], name: str) -> dict[int, float]:
    return {row["step"]: row[name] for row in rows if name in row}


def _mean_data(line: Line, group_index: int, means: dict[int, SeedMean]) -> dict[str, Any]:
    """Return the data of a group's line, with the standard deviation over its seeds."""
    data = line_data(line)
    spreads = [means[step].sd for step in data["x"]]
    return data | {"group": group_index, "sd": [None if sd is None else round_digits(sd) for sd in spreads]}


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
        light: the color on light paper, in CSS.
        dark: the color on dark paper, in CSS.
        dash: lengths of dashes and gaps, in pixels; none for a solid line.
    """

    light: str
    dark: str
    dash: tuple[float, ...] = ()


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
                LineStyle(*_interpolate_color(position), DASHES[kinds.index(kind)])
                for position, kind in zip(positions, others, strict=True)
            ]
    n = len(groups)
    if n <= MAX_LINE_COLORS:
        return [LineStyle(f"var(--line-{i})", f"var(--line-{i})") for i in range(n)]
    return [LineStyle(*_interpolate_color(i / (n - 1))) for i in range(n)]


def line_css(groups: Sequence[Group]) -> str:
    """Return the CSS of the colors ``--g0``, ``--g1``, … and of the legend keys of the groups."""
    styles = line_styles(groups)
    light = "".join(f"--g{i}:{style.light};" for i, style in enumerate(styles))
    dark = "".join(f"--g{i}:{style.dark};" for i, style in enumerate(styles))
    keys = "\n".join(f".key.g{i}{{background:{_key_background(i, style.dash)}}}" for i, style in enumerate(styles))
    return f":root{{{light}}}\n@media screen and (prefers-color-scheme: dark){{:root{{{dark}}}}}\n{keys}\n"


def _key_background(group_index: int, dash: Sequence[float]) -> str:
    """Return the background of a legend key: a piece of a group's line."""
    if not dash:
        return f"var(--g{group_index})"
    ends = list(itertools.accumulate(dash))
    colors = [(f"var(--g{group_index})", "transparent")[i % 2] for i in range(len(dash))]
    stops = [f"{color} {end - length}px {end}px" for color, length, end in zip(colors, dash, ends, strict=True)]
    return f"repeating-linear-gradient(90deg,{','.join(stops)})"


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
