"""The curves of all groups over each other: the mean over seeds, and each seed behind it."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

from elbowroom.comparing.colours import legend_key
from elbowroom.comparing.columns import seed_mean
from elbowroom.comparing.comparison import Comparison
from elbowroom.comparing.group import Group
from elbowroom.formatting import format_count
from elbowroom.plotting.curves import NON_TERM_KEYS, TERM_TITLES, TERM_UNITS
from elbowroom.plotting.figure import Chart, Line
from elbowroom.web.charts import render_chart

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
