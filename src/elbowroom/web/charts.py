"""Charts and bars as HTML: lines in an SVG that stretches, words beside it that do not."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape
from typing import Any

from elbowroom.formatting import format_number
from elbowroom.plotting.figure import Bars, Chart, Line
from elbowroom.plotting.style import scale_color

#: Points of a line, at most; the sides of the square that lines are drawn in.
MAX_LINE_POINTS, VIEWBOX_SIDE = 600, 1000
#: Lines of a chart, at most, that are named one by one.
MAX_NAMED_LINES = 8


def ticks(low: float, high: float, n_ticks: int = 4) -> list[float]:
    """Round numbers in a span, about so many.

    >>> ticks(0, 9.3)
    [0.0, 2.0, 4.0, 6.0, 8.0]
    >>> ticks(103.2, 128.9, 5)
    [105.0, 110.0, 115.0, 120.0, 125.0]
    """
    rough = (high - low) / n_ticks
    if not rough > 0:
        return [low]
    size = 10.0 ** math.floor(math.log10(rough))
    step = next(size * m for m in (1, 2, 2.5, 5, 10) if size * m >= rough * 0.75)
    return [round(i * step, 12) for i in range(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1)]


def render_charts(charts: Sequence[Chart], first_index: int) -> tuple[str, list[dict[str, Any]]]:
    """Charts side by side under one legend; and what a script needs to read values off them.

    Args:
        charts: the charts.
        first_index: the number of the first, under which the script finds it.
    """
    drawn = [render_chart(part, first_index + i) for i, part in enumerate(charts)]
    return f'{_render_legend(charts[0].lines)}<div class="charts">{"".join(html for html, _ in drawn)}</div>', [
        d for _, d in drawn
    ]


def render_chart(chart: Chart, chart_index: int) -> tuple[str, dict[str, Any]]:
    """One chart without a legend, and what a script needs to read values off it, under the number ``chart_index``."""
    lines = [_thin_line(line) for line in chart.lines]
    x, y = (
        _padded_range([v for line in lines for v in line.x]),
        chart.limits or _padded_range([v for line in lines for v in line.y], 0.06),
    )
    # Room for the first and last marks.
    room = 0.02 * (x[1] - x[0])
    x = (x[0] - room, x[1] + room)
    body = "".join(_render_line(line, x, y) for line in lines)
    named = len(lines) <= MAX_NAMED_LINES
    data = {
        "x": x,
        "y": y,
        "axis": chart.x_axis,
        "lines": [
            {"name": o.label, "role": _css_role(o), "x": o.x, "y": [_round_digits(v) for v in o.y]} for o in lines
        ]
        if named
        else [],
    }
    spoken = "; ".join(
        f"{o.label} from {format_number(o.y[0])} to {format_number(o.y[-1])}" for o in lines[:MAX_NAMED_LINES] if o.y
    )
    label = escape(f"{chart.title}, {chart.y_axis}, over {chart.x_axis}: {spoken}")
    return _render_axes(chart.title, chart.y_axis, chart.x_axis, x, y, body, label, f'data-chart="{chart_index}"'), data


def render_bars(bars: Bars) -> str:
    """A height for each of several things."""
    n = len(bars.heights)
    top = max(bars.heights, default=0.0) * 1.04 or 1.0
    body = []
    for i, (height, name) in enumerate(zip(bars.heights, bars.labels, strict=True)):
        wide, tall = VIEWBOX_SIDE / n, VIEWBOX_SIDE * max(height, 0.0) / top
        shade = "quiet" if i in bars.inactive else "model"
        words = escape(f"{name}: {height:.3f} ({bars.y_axis})")
        body.append(
            f'<rect class="bar {shade}" x="{(i + 0.14) * wide:.1f}" y="{VIEWBOX_SIDE - tall:.1f}" width="{0.72 * wide:.1f}" '
            f'height="{tall:.1f}"><title>{words}</title></rect>'
        )
    every = math.ceil(n / 24)
    under = [(100 * (i + 0.5) / n, bars.labels[i]) for i in range(0, n, every)]
    spoken = ", ".join(f"{label} {height:.2f}" for label, height in zip(bars.labels, bars.heights, strict=True))
    label = escape(f"{bars.title}: {bars.y_axis} by {bars.x_axis}: {spoken}")
    title = bars.title if bars.title != bars.y_axis.partition(",")[0] else ""
    room = f'data-bars="" style="max-width:{max(220, 34 + 56 * n)}px"'
    return _render_axes(title, bars.y_axis, bars.x_axis, (0, n), (0, top), "".join(body), label, room, under)


def _render_axes(
    title: str,
    y_axis: str,
    x_axis: str,
    x: tuple[float, float],
    y: tuple[float, float],
    body: str,
    label: str,
    attributes: str,
    x_labels: Sequence[tuple[float, str]] | None = None,
) -> str:
    """Axes and their words around what is drawn; ``x_labels`` are places in percent and words, instead of numbers."""
    beside = [(100 * (v - y[0]) / (y[1] - y[0]), format_number(v)) for v in ticks(*y, 5)]
    if x_labels is None:
        # What stands below is counted: steps, columns.
        x_labels = [(100 * (v - x[0]) / (x[1] - x[0]), format_number(v)) for v in ticks(*x) if v == round(v)]
    grid = "".join(f"M0 {VIEWBOX_SIDE * (1 - at / 100):.1f}H{VIEWBOX_SIDE}" for at, _ in beside)
    left = "".join(f'<span style="bottom:{at:.2f}%">{escape(word)}</span>' for at, word in beside)
    below = "".join(f'<span style="left:{at:.2f}%">{escape(word)}</span>' for at, word in x_labels)
    heading = f"<h3>{escape(title)}</h3>" if title else ""
    return (
        f'<div class="chart" {attributes}>{heading}<p class="unit">{escape(y_axis)}</p>'
        f'<div class="plot"><div class="left" style="width:{axis_width(beside)}" aria-hidden="true">{left}</div>'
        f'<div class="area" role="img" tabindex="0" aria-label="{label}">'
        f'<svg viewBox="0 0 {VIEWBOX_SIDE} {VIEWBOX_SIDE}" preserveAspectRatio="none" aria-hidden="true">'
        f'<path class="grid" d="{grid}"/>{body}</svg></div>'
        f'<div class="below" aria-hidden="true">{below}</div><p class="axis">{escape(x_axis)}</p></div></div>'
    )


def axis_width(labels: Sequence[tuple[float, str]]) -> str:
    """Room for the words beside an axis.

    >>> axis_width([(0, "0"), (100, "1.5·10⁻⁴")])
    '5.6em'
    """
    return f"{0.58 * max((len(word) for _, word in labels), default=1) + 1:.1f}em"


def _render_line(line: Line, x: tuple[float, float], y: tuple[float, float]) -> str:
    places = [
        (VIEWBOX_SIDE * (a - x[0]) / (x[1] - x[0]), VIEWBOX_SIDE * (1 - (b - y[0]) / (y[1] - y[0])))
        for a, b in zip(line.x, line.y, strict=True)
    ]
    stroke = f' style="stroke:{scale_color(line.role)}"' if not isinstance(line.role, str) else ""
    shade = line.role if isinstance(line.role, str) else "scale"
    drawn = f'<polyline class="line {shade}"{stroke} points="{" ".join(f"{a:.1f},{b:.1f}" for a, b in places)}"/>'
    if line.has_markers or len(places) == 1:
        # A line of no length with round ends is a dot, however the drawing is stretched.
        drawn += f'<path class="dots {shade}"{stroke} d="{"".join(f"M{a:.1f} {b:.1f}h0" for a, b in places)}"/>'
    return drawn


def _render_legend(lines: Sequence[Line]) -> str:
    if not lines or len(lines) > MAX_NAMED_LINES:
        return ""
    if all(not isinstance(line.role, str) for line in lines):
        steps = ", ".join(scale_color(i / 8) for i in range(9))
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


def _css_role(line: Line) -> str:
    return line.role if isinstance(line.role, str) else scale_color(line.role)


def _thin_line(line: Line) -> Line:
    """A line of at most so many points, the last among them."""
    every = math.ceil(len(line.x) / MAX_LINE_POINTS)
    if every <= 1:
        return line
    kept = range(len(line.x) - 1, -1, -every)[::-1]
    return Line(line.label, [line.x[i] for i in kept], [line.y[i] for i in kept], line.role, line.has_markers)


def _padded_range(values: Sequence[float], margin: float = 0.0) -> tuple[float, float]:
    if not values:
        return 0.0, 1.0
    low, high = min(values), max(values)
    if low == high:
        return low - 0.5, high + 0.5
    return low - margin * (high - low), high + margin * (high - low)


def _round_digits(value: float) -> float:
    return float(f"{value:.6g}")
