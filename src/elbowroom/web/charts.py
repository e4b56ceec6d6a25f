"""Charts and bars as HTML: lines in an SVG that stretches, words beside it that do not."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape
from typing import Any

from elbowroom.formatting import number
from elbowroom.plotting.figure import Bars, Chart, Line
from elbowroom.plotting.style import on_scale

#: Points of a line, at most; the sides of the square that lines are drawn in.
POINTS, SIDE = 600, 1000
#: Lines of a chart, at most, that are named one by one.
NAMED = 8


def ticks(low: float, high: float, about: int = 4) -> list[float]:
    """Round numbers in a span, about so many.

    >>> ticks(0, 9.3)
    [0.0, 2.0, 4.0, 6.0, 8.0]
    >>> ticks(103.2, 128.9, 5)
    [105.0, 110.0, 115.0, 120.0, 125.0]
    """
    rough = (high - low) / about
    if not rough > 0:
        return [low]
    size = 10.0 ** math.floor(math.log10(rough))
    step = next(size * m for m in (1, 2, 2.5, 5, 10) if size * m >= rough * 0.75)
    return [round(i * step, 12) for i in range(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1)]


def charts(parts: Sequence[Chart], first: int) -> tuple[str, list[dict[str, Any]]]:
    """Charts side by side under one legend; and what a script needs to read values off them.

    Args:
        parts: the charts.
        first: the number of the first, under which the script finds it.
    """
    drawn = [chart(part, first + i) for i, part in enumerate(parts)]
    return f'{_legend(parts[0].lines)}<div class="charts">{"".join(html for html, _ in drawn)}</div>', [
        d for _, d in drawn
    ]


def chart(part: Chart, place: int) -> tuple[str, dict[str, Any]]:
    """One chart without a legend, and what a script needs to read values off it, under the number ``place``."""
    lines = [_thinned(line) for line in part.lines]
    x, y = (
        _span([v for line in lines for v in line.x]),
        part.limits or _span([v for line in lines for v in line.y], 0.06),
    )
    # Room for the first and last marks.
    room = 0.02 * (x[1] - x[0])
    x = (x[0] - room, x[1] + room)
    body = "".join(_line(line, x, y) for line in lines)
    named = len(lines) <= NAMED
    data = {
        "x": x,
        "y": y,
        "axis": part.x_axis,
        "lines": [{"name": o.label, "role": _role(o), "x": o.x, "y": [_short(v) for v in o.y]} for o in lines]
        if named
        else [],
    }
    spoken = "; ".join(f"{o.label} from {number(o.y[0])} to {number(o.y[-1])}" for o in lines[:NAMED] if o.y)
    label = escape(f"{part.title}, {part.y_axis}, over {part.x_axis}: {spoken}")
    return _frame(part.title, part.y_axis, part.x_axis, x, y, body, label, f'data-chart="{place}"'), data


def bars(part: Bars) -> str:
    """A height for each of several things."""
    n = len(part.heights)
    top = max(part.heights, default=0.0) * 1.04 or 1.0
    body = []
    for i, (height, name) in enumerate(zip(part.heights, part.labels, strict=True)):
        wide, tall = SIDE / n, SIDE * max(height, 0.0) / top
        shade = "quiet" if i in part.quiet else "model"
        words = escape(f"{name}: {height:.3f} ({part.y_axis})")
        body.append(
            f'<rect class="bar {shade}" x="{(i + 0.14) * wide:.1f}" y="{SIDE - tall:.1f}" width="{0.72 * wide:.1f}" '
            f'height="{tall:.1f}"><title>{words}</title></rect>'
        )
    every = math.ceil(n / 24)
    under = [(100 * (i + 0.5) / n, part.labels[i]) for i in range(0, n, every)]
    spoken = ", ".join(f"{label} {height:.2f}" for label, height in zip(part.labels, part.heights, strict=True))
    label = escape(f"{part.title}: {part.y_axis} by {part.x_axis}: {spoken}")
    title = part.title if part.title != part.y_axis.partition(",")[0] else ""
    room = f'data-bars="" style="max-width:{max(220, 34 + 56 * n)}px"'
    return _frame(title, part.y_axis, part.x_axis, (0, n), (0, top), "".join(body), label, room, under)


def _frame(
    title: str,
    y_axis: str,
    x_axis: str,
    x: tuple[float, float],
    y: tuple[float, float],
    body: str,
    label: str,
    attributes: str,
    under: Sequence[tuple[float, str]] | None = None,
) -> str:
    """Axes and their words around what is drawn; ``under`` are places in percent and words, instead of numbers."""
    beside = [(100 * (v - y[0]) / (y[1] - y[0]), number(v)) for v in ticks(*y, 5)]
    if under is None:
        # What stands below is counted: steps, columns.
        under = [(100 * (v - x[0]) / (x[1] - x[0]), number(v)) for v in ticks(*x) if v == round(v)]
    grid = "".join(f"M0 {SIDE * (1 - at / 100):.1f}H{SIDE}" for at, _ in beside)
    left = "".join(f'<span style="bottom:{at:.2f}%">{escape(word)}</span>' for at, word in beside)
    below = "".join(f'<span style="left:{at:.2f}%">{escape(word)}</span>' for at, word in under)
    heading = f"<h3>{escape(title)}</h3>" if title else ""
    return (
        f'<div class="chart" {attributes}>{heading}<p class="unit">{escape(y_axis)}</p>'
        f'<div class="plot"><div class="left" style="width:{wide(beside)}" aria-hidden="true">{left}</div>'
        f'<div class="area" role="img" tabindex="0" aria-label="{label}">'
        f'<svg viewBox="0 0 {SIDE} {SIDE}" preserveAspectRatio="none" aria-hidden="true">'
        f'<path class="grid" d="{grid}"/>{body}</svg></div>'
        f'<div class="below" aria-hidden="true">{below}</div><p class="axis">{escape(x_axis)}</p></div></div>'
    )


def wide(marks: Sequence[tuple[float, str]]) -> str:
    """Room for the words beside an axis.

    >>> wide([(0, "0"), (100, "1.5·10⁻⁴")])
    '5.6em'
    """
    return f"{0.58 * max((len(word) for _, word in marks), default=1) + 1:.1f}em"


def _line(line: Line, x: tuple[float, float], y: tuple[float, float]) -> str:
    places = [
        (SIDE * (a - x[0]) / (x[1] - x[0]), SIDE * (1 - (b - y[0]) / (y[1] - y[0])))
        for a, b in zip(line.x, line.y, strict=True)
    ]
    stroke = f' style="stroke:{on_scale(line.role)}"' if not isinstance(line.role, str) else ""
    shade = line.role if isinstance(line.role, str) else "scale"
    drawn = f'<polyline class="line {shade}"{stroke} points="{" ".join(f"{a:.1f},{b:.1f}" for a, b in places)}"/>'
    if line.points or len(places) == 1:
        # A line of no length with round ends is a dot, however the drawing is stretched.
        drawn += f'<path class="dots {shade}"{stroke} d="{"".join(f"M{a:.1f} {b:.1f}h0" for a, b in places)}"/>'
    return drawn


def _legend(lines: Sequence[Line]) -> str:
    if not lines or len(lines) > NAMED:
        return ""
    if all(not isinstance(line.role, str) for line in lines):
        steps = ", ".join(on_scale(i / 8) for i in range(9))
        return (
            f'<p class="legend"><span>{escape(lines[0].label)}</span>'
            f'<i class="ramp" style="background:linear-gradient(90deg, {steps})"></i>'
            f"<span>{escape(lines[-1].label)}</span></p>"
        )
    return (
        '<p class="legend">'
        + "".join(f'<span><i class="key {o.role}"></i>{escape(o.label)}</span>' for o in lines)
        + "</p>"
    )


def _role(line: Line) -> str:
    return line.role if isinstance(line.role, str) else on_scale(line.role)


def _thinned(line: Line) -> Line:
    """A line of at most so many points, the last among them."""
    every = math.ceil(len(line.x) / POINTS)
    if every <= 1:
        return line
    kept = range(len(line.x) - 1, -1, -every)[::-1]
    return Line(line.label, [line.x[i] for i in kept], [line.y[i] for i in kept], line.role, line.points)


def _span(values: Sequence[float], room: float = 0.0) -> tuple[float, float]:
    if not values:
        return 0.0, 1.0
    low, high = min(values), max(values)
    if low == high:
        return low - 0.5, high + 0.5
    return low - room * (high - low), high + room * (high - low)


def _short(value: float) -> float:
    return float(f"{value:.6g}")
