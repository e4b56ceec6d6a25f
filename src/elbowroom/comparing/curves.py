"""Training curves of a comparison as data: the terms that are shown, the rows of each run, and how groups are drawn."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from elbowroom.comparing.entry import Entry
from elbowroom.formatting import format_count
from elbowroom.plotting.curves import NON_TERM_KEYS, TERM_TITLES, TERM_UNITS
from elbowroom.runs.metrics_log import MetricsRow, finite_or_none
from elbowroom.runs.settings import canonical_json
from elbowroom.web.render import round_digits

if TYPE_CHECKING:
    from elbowroom.comparing.comparison import Comparison, Group

#: The largest number of charts.
MAX_CHARTS = 6
#: Points of a run's curve, at most.
MAX_POINTS = 600
#: Groups without an order that have a color or dash of their own, by which they can be told apart.
MAX_LINE_STYLES = 32
#: Colors of lines without an order, ``--line-0`` and so on of the pages' style.
MAX_LINE_COLORS = 8
#: Dashes that can be told apart: lengths of strokes and gaps in pixels.
DASHES: tuple[tuple[float, ...], ...] = ((), (6, 4), (2, 3), (9, 4, 2, 4))


def find_curve_split(comparison: Comparison) -> str:
    """Return the split whose curves are shown: validation, by which models are chosen, if any run has rows of it."""
    splits = ("validation", comparison.split)
    return next((split for split in splits if any(e.split_rows(split) for e in comparison.entries)), "train")


def curve_protocol(comparison: Comparison) -> str:
    """Describe what the curves were read from."""
    runs = [entry for entry in comparison.entries if entry.rows]
    return f"metrics.jsonl of {format_count(len(runs), 'run')}, rows of the {find_curve_split(comparison)} split"


def curve_terms(comparison: Comparison) -> list[dict[str, str]]:
    """Return name, title and unit of the terms that have a chart, the ELBO first."""
    split = find_curve_split(comparison)
    rows = [row for entry in comparison.entries for row in entry.split_rows(split)]
    names = dict.fromkeys(
        name for row in rows for name, value in row.items() if isinstance(value, float) and name not in NON_TERM_KEYS
    )
    shows_loss = any(column.name == "loss" for column in comparison.columns) or "reconstruction" not in names
    first = [name for name in ("elbo", "loss" if shows_loss else "", "reconstruction", "kl") if name in names]
    shown = [*first, *(name for name in names if name not in (*first, "loss"))][:MAX_CHARTS]
    return [
        {
            "name": name,
            "title": TERM_TITLES.get(name, name.replace("_", " ")),
            "unit": TERM_UNITS.get(name, "nats per example"),
        }
        for name in shown
    ]


def run_curves(entry: Entry, split: str) -> dict[str, list[float | None]]:
    """Return the rows of a split as columns: step, epoch, seconds and every term, at most :data:`MAX_POINTS` rows."""
    rows = entry.split_rows(split)
    kept = [rows[i] for i in range(len(rows) - 1, -1, -max(math.ceil(len(rows) / MAX_POINTS), 1))[::-1]]
    names = dict.fromkeys(name for row in kept for name in row if name != "split")
    return {name: [_value(row, name) for row in kept] for name in names}


def _value(row: MetricsRow, name: str) -> float | None:
    value = finite_or_none(row.get(name))
    return None if value is None else value if isinstance(value, int) else round_digits(value)


class LineStyle(NamedTuple):
    """How the lines of a group are drawn.

    Attributes:
        color: a name of the pages' style; or a place from 0 to 1 on the scale of ordered lines.
        dash: lengths of dashes and gaps, in pixels; none for a solid line.
    """

    color: str | float
    dash: tuple[float, ...] = ()


def line_styles(groups: Sequence[Group]) -> list[LineStyle]:
    """Return the line style of each group.

    If the groups differ in a numeric setting, its order sets the color and the other settings the stroke pattern, if
    there are enough patterns. Else each group has a color and dash of its own, or a color on a scale if there are too
    many.
    """
    axis = next((name for name in groups[0].differing_values if _is_numeric(groups, name)), None) if groups else None
    if axis is not None:
        values = sorted({float(group.settings[axis]) for group in groups})
        others = [canonical_json([group.protocol.letter, group.differing_values | {axis: ""}]) for group in groups]
        kinds = list(dict.fromkeys(others))
        if len(kinds) <= len(DASHES):
            positions = [values.index(float(group.settings[axis])) / max(len(values) - 1, 1) for group in groups]
            return [
                LineStyle(round(position, 4), DASHES[kinds.index(kind)])
                for position, kind in zip(positions, others, strict=True)
            ]
    n = len(groups)
    if n <= MAX_LINE_STYLES:
        return [LineStyle(f"line-{i % MAX_LINE_COLORS}", DASHES[i // MAX_LINE_COLORS]) for i in range(n)]
    return [LineStyle(round(i / (n - 1), 4)) for i in range(n)]


def _is_numeric(groups: Sequence[Group], name: str) -> bool:
    values: list[Any] = [group.settings.get(name) for group in groups]
    return all(isinstance(v, int | float) and not isinstance(v, bool) for v in values) and len(set(values)) > 1
