"""A colour and a stroke for each group, on light paper and on dark."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from elbowroom.comparing.group import Group
from elbowroom.sweeps.grid import canonical_json

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
