"""The curves of all groups over each other: the mean over seeds, and each seed behind it."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

from elbowroom.comparing.colours import key
from elbowroom.comparing.columns import figure
from elbowroom.comparing.comparison import Comparison
from elbowroom.comparing.group import Group
from elbowroom.formatting import plural
from elbowroom.plotting.curves import NO_TERMS, TITLES, UNITS
from elbowroom.plotting.figure import Chart, Line
from elbowroom.web.charts import chart

#: Charts under one legend, at most, and points of a line of which each is marked.
CHARTS, MARKED = 6, 30
#: The part of a training whose values may leave the axis at the top: what happens there dwarfs everything after.
BEGINNING = 0.1

Row = dict[str, Any]


def overlays(comparison: Comparison, data: list[dict[str, Any]]) -> str:
    """The curves as HTML, those of each protocol apart; what the script needs is added to ``data``."""
    split = watched(comparison)
    html = []
    for protocol in comparison.protocols:
        numbered = [(i, group) for i, group in enumerate(comparison.groups) if group.protocol == protocol]
        numbered = [(i, group) for i, group in numbered if any(entry.of(split) for entry in group.done)]
        if not numbered:
            continue
        heading = f'<h3 class="protocol-name"><b>{protocol.letter}</b> {escape(protocol.words)}</h3>'
        drawn = []
        for name in _terms(comparison, [group for _, group in numbered], split):
            made, told = _chart(name, numbered, split, len(data))
            drawn.append(made)
            data.append(told)
        keys = "".join(
            f'<button type="button" aria-pressed="false" data-group="{i}">{key(i)}{escape(group.name)}</button>'
            for i, group in numbered
        )
        legend = f'<div class="keys" role="group" aria-label="runs to bring forward">{keys}</div>'
        charts = f'<div class="charts">{"".join(drawn)}</div>'
        html.append(f'<div class="overlay">{heading if protocol.letter else ""}{legend}{charts}</div>')
    return "".join(html)


def watched(comparison: Comparison) -> str:
    """The split whose curves are shown: validation, by which models are chosen, if anybody watched it."""
    splits = ("validation", comparison.split)
    return next((split for split in splits if any(e.of(split) for e in comparison.entries)), "train")


def protocol(comparison: Comparison) -> str:
    """How the curves came about."""
    runs = [entry for group in comparison.groups for entry in group.done if entry.rows]
    return f"metrics.jsonl of {plural(len(runs), 'run')}, rows of the {watched(comparison)} split"


def _terms(comparison: Comparison, groups: Sequence[Group], split: str) -> list[str]:
    rows = [row for group in groups for entry in group.done for row in entry.of(split)]
    names = dict.fromkeys(
        name for row in rows for name, value in row.items() if isinstance(value, float) and name not in NO_TERMS
    )
    told = any(column.name == "loss" for column in comparison.columns) or "reconstruction" not in names
    first = [name for name in ("elbo", "loss" if told else "", "reconstruction", "kl") if name in names]
    return [*first, *(name for name in names if name not in (*first, "loss"))][:CHARTS]


def _chart(name: str, numbered: Sequence[tuple[int, Group]], split: str, place: int) -> tuple[str, dict[str, Any]]:
    behind, front, told = [], [], []
    for i, group in numbered:
        runs = [rows for entry in group.done if (rows := [row for row in entry.of(split) if name in row])]
        if not runs:
            continue
        if len(runs) > 1:
            behind += [Line(group.name, _of(rows, "step"), _of(rows, name), f"g{i} seed") for rows in runs]
        steps = sorted(set.intersection(*(set(_of(rows, "step")) for rows in runs)))
        at = [{row["step"]: row[name] for row in rows} for rows in runs]
        means = [figure([rows[step] for rows in at]) for step in steps]
        y = [found.mean for found in means if found]
        front.append(Line(group.name, steps, y, f"g{i}", len(steps) == 1))
        told.append(
            {
                "group": i,
                "name": group.name,
                "x": steps,
                "y": [_short(v) for v in y],
                "sd": [None if f is None or f.sd is None else _short(f.sd) for f in means],
            }
        )
    lines = [*behind, *front]
    shape = Chart(TITLES.get(name, name.replace("_", " ")), lines, "optimiser steps", _unit(name), _limits(lines))
    html, data = chart(shape, place)
    return html, {"x": data["x"], "y": shape.limits or data["y"], "axis": shape.x_axis, "lines": told}


def _of(rows: Sequence[Row], name: str) -> list[Any]:
    return [row[name] for row in rows]


def _unit(name: str) -> str:
    return UNITS.get(name, "nats per example")


def _limits(lines: Sequence[Line]) -> tuple[float, float] | None:
    """The span of what comes after the beginning, with some room."""
    last = max(max(line.x, default=0) for line in lines)
    values = [y for line in lines for x, y in zip(line.x, line.y, strict=True) if x >= BEGINNING * last or x == last]
    low, high = min(values), max(values)
    if low == high:
        return None
    room = 0.06 * (high - low)
    return low - room, high + room


def _short(value: float) -> float:
    return float(f"{value:.6g}")
