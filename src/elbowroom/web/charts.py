"""Line charts and bar charts as HTML: shapes in an SVG that stretches, text beside it that does not."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape
from typing import Any

from elbowroom.formatting import format_number
from elbowroom.plotting.figure import Bars, Chart, Line
from elbowroom.plotting.style import scale_color
from elbowroom.web.render import round_digits

#: Points of a line, at most.
MAX_LINE_POINTS = 600
#: Sides of the SVG view box that lines and bars are drawn in.
VIEWBOX_SIDE = 1000
#: Lines of a chart, at most, that are named one by one.
MAX_NAMED_LINES = 8
#: Tick labels below bars, at most.
MAX_BAR_LABELS = 24


def ticks(low: float, high: float, n_ticks: int = 4) -> list[float]:
    """Return about ``n_ticks`` round numbers within [low, high].

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
    """Render charts side by side under one legend.

    Args:
        charts: the charts.
        first_index: index of the first chart's values in the page's JSON.

    Returns:
        The HTML, and for each chart the values that the script reads off it.
    """
    rendered = [render_chart(chart, first_index + i) for i, chart in enumerate(charts)]
    html = "".join(html for html, _ in rendered)
    return f'{_render_legend(charts[0].lines)}<div class="charts">{html}</div>', [values for _, values in rendered]


def render_chart(chart: Chart, chart_index: int) -> tuple[str, dict[str, Any]]:
    """Render one chart without a legend; return the HTML and the values for the script, found by ``chart_index``."""
    lines = [_thin_line(line) for line in chart.lines]
    x = _padded_range([v for line in lines for v in line.x])
    y = chart.limits or _padded_range([v for line in lines for v in line.y], 0.06)
    # Room for the first and last markers.
    margin = 0.02 * (x[1] - x[0])
    x = (x[0] - margin, x[1] + margin)
    body = "".join(_render_line(line, x, y) for line in lines)
    named = lines if len(lines) <= MAX_NAMED_LINES else []
    data = {"x": x, "y": y, "axis": chart.x_axis, "lines": [_line_data(line) for line in named]}
    ranges = "; ".join(
        f"{line.label} from {format_number(line.y[0])} to {format_number(line.y[-1])}"
        for line in lines[:MAX_NAMED_LINES]
        if line.y
    )
    label = escape(f"{chart.title}, {chart.y_axis}, over {chart.x_axis}: {ranges}")
    return _render_axes(chart.title, chart.y_axis, chart.x_axis, x, y, body, label, f'data-chart="{chart_index}"'), data


def _line_data(line: Line) -> dict[str, Any]:
    return {"name": line.label, "role": _css_role(line), "x": line.x, "y": [round_digits(v) for v in line.y]}


def render_bars(bars: Bars) -> str:
    """Render a bar chart."""
    n = len(bars.heights)
    top = max(bars.heights, default=0.0) * 1.04 or 1.0
    body = "".join(_render_bar(bars, i, top) for i in range(n))
    step = math.ceil(n / MAX_BAR_LABELS)
    x_labels = [(100 * (i + 0.5) / n, bars.labels[i]) for i in range(0, n, step)]
    heights = ", ".join(f"{label} {height:.2f}" for label, height in zip(bars.labels, bars.heights, strict=True))
    label = escape(f"{bars.title}: {bars.y_axis} by {bars.x_axis}: {heights}")
    title = bars.title if bars.title != bars.y_axis.partition(",")[0] else ""
    attributes = f'data-bars="" style="max-width:{max(220, 34 + 56 * n)}px"'
    return _render_axes(title, bars.y_axis, bars.x_axis, (0, n), (0, top), body, label, attributes, x_labels)


def _render_bar(bars: Bars, i: int, top: float) -> str:
    slot = VIEWBOX_SIDE / len(bars.heights)
    height = VIEWBOX_SIDE * max(bars.heights[i], 0.0) / top
    css_class = "quiet" if i in bars.inactive else "model"
    tooltip = escape(f"{bars.labels[i]}: {bars.heights[i]:.3f} ({bars.y_axis})")
    return (
        f'<rect class="bar {css_class}" x="{(i + 0.14) * slot:.1f}" y="{VIEWBOX_SIDE - height:.1f}" '
        f'width="{0.72 * slot:.1f}" height="{height:.1f}"><title>{tooltip}</title></rect>'
    )


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
    """Render axes, grid and labels around the shapes of ``body``.

    Args:
        title: above the chart; none if empty.
        y_axis: label of the vertical axis.
        x_axis: label of the horizontal axis.
        x: limits of the horizontal axis.
        y: limits of the vertical axis.
        body: SVG elements in a view box of :data:`VIEWBOX_SIDE`.
        label: the accessible name, escaped.
        attributes: of the outer element.
        x_labels: positions in percent with their text; round whole numbers if not given.
    """
    y_labels = [(100 * (v - y[0]) / (y[1] - y[0]), format_number(v)) for v in ticks(*y, 5)]
    if x_labels is None:
        # Steps and columns are counted: whole numbers only.
        x_labels = [(100 * (v - x[0]) / (x[1] - x[0]), format_number(v)) for v in ticks(*x) if v == round(v)]
    grid = "".join(f"M0 {VIEWBOX_SIDE * (1 - at / 100):.1f}H{VIEWBOX_SIDE}" for at, _ in y_labels)
    left = "".join(f'<span style="bottom:{at:.2f}%">{escape(word)}</span>' for at, word in y_labels)
    below = "".join(f'<span style="left:{at:.2f}%">{escape(word)}</span>' for at, word in x_labels)
    heading = f"<h3>{escape(title)}</h3>" if title else ""
    return (
        f'<div class="chart" {attributes}>{heading}<p class="unit">{escape(y_axis)}</p>'
        f'<div class="plot"><div class="left" style="width:{axis_width(y_labels)}" aria-hidden="true">{left}</div>'
        f'<div class="area" role="img" tabindex="0" aria-label="{label}">'
        f'<svg viewBox="0 0 {VIEWBOX_SIDE} {VIEWBOX_SIDE}" preserveAspectRatio="none" aria-hidden="true">'
        f'<path class="grid" d="{grid}"/>{body}</svg></div>'
        f'<div class="below" aria-hidden="true">{below}</div><p class="axis">{escape(x_axis)}</p></div></div>'
    )


def axis_width(labels: Sequence[tuple[float, str]]) -> str:
    """Return the CSS width that the labels beside an axis take.

    >>> axis_width([(0, "0"), (100, "1.5·10⁻⁴")])
    '5.6em'
    """
    return f"{0.58 * max((len(word) for _, word in labels), default=1) + 1:.1f}em"


def _render_line(line: Line, x: tuple[float, float], y: tuple[float, float]) -> str:
    points = [
        (VIEWBOX_SIDE * (a - x[0]) / (x[1] - x[0]), VIEWBOX_SIDE * (1 - (b - y[0]) / (y[1] - y[0])))
        for a, b in zip(line.x, line.y, strict=True)
    ]
    stroke = f' style="stroke:{scale_color(line.role)}"' if not isinstance(line.role, str) else ""
    css_class = line.role if isinstance(line.role, str) else "scale"
    html = f'<polyline class="line {css_class}"{stroke} points="{" ".join(f"{a:.1f},{b:.1f}" for a, b in points)}"/>'
    if line.has_markers or len(points) == 1:
        # A line of no length with round ends is a dot, however the drawing is stretched.
        html += f'<path class="dots {css_class}"{stroke} d="{"".join(f"M{a:.1f} {b:.1f}h0" for a, b in points)}"/>'
    return html


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
    keys = "".join(f'<span><i class="key {line.role}"></i>{escape(line.label)}</span>' for line in lines)
    return f'<p class="legend">{keys}</p>'


def _css_role(line: Line) -> str:
    return line.role if isinstance(line.role, str) else scale_color(line.role)


def _thin_line(line: Line) -> Line:
    """Return a line of at most :data:`MAX_LINE_POINTS` points, the last among them."""
    step = math.ceil(len(line.x) / MAX_LINE_POINTS)
    if step <= 1:
        return line
    kept = range(len(line.x) - 1, -1, -step)[::-1]
    return Line(line.label, [line.x[i] for i in kept], [line.y[i] for i in kept], line.role, line.has_markers)


def _padded_range(values: Sequence[float], margin: float = 0.0) -> tuple[float, float]:
    if not values:
        return 0.0, 1.0
    low, high = min(values), max(values)
    if low == high:
        return low - 0.5, high + 0.5
    return low - margin * (high - low), high + margin * (high - low)
