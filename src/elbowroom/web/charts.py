"""Charts as data for the page's script, which draws them with uPlot, and in words for those who do not see them."""

from __future__ import annotations

import math
from typing import Any

from elbowroom.formatting import format_metric
from elbowroom.plotting.figure import Bars, Chart, Line
from elbowroom.plotting.style import scale_color
from elbowroom.web.render import round_digits

#: Points of a line, at most.
MAX_LINE_POINTS = 600
#: Lines of a chart, at most, that are named one by one.
MAX_NAMED_LINES = 8


def chart_data(chart: Chart) -> dict[str, Any]:
    """Return a chart as ``createChart`` of the kit takes it; more than :data:`MAX_NAMED_LINES` lines are not read."""
    is_silent = len(chart.lines) > MAX_NAMED_LINES
    lines = [line_data(line) | ({"silent": True} if is_silent else {}) for line in chart.lines]
    return {"axis": chart.x_axis, "limits": chart.limits, "lines": lines}


def line_data(line: Line) -> dict[str, Any]:
    """Return a line of at most :data:`MAX_LINE_POINTS` points, the last among them."""
    n = len(line.x)
    kept = range(n - 1, -1, -max(math.ceil(n / MAX_LINE_POINTS), 1))[::-1]
    return {
        "name": line.label,
        "color": line.role if isinstance(line.role, str) else scale_color(line.role),
        "markers": line.has_markers,
        "x": [line.x[i] for i in kept],
        "y": [_finite(line.y[i]) for i in kept],
    }


def bars_data(bars: Bars) -> dict[str, Any]:
    """Return a bar chart as ``createChart`` of the kit takes it, the inactive bars in a color of their own."""
    x = list(range(len(bars.heights)))
    heights = [_finite(height) for height in bars.heights]
    lines = [
        {
            "name": bars.y_axis,
            "color": color,
            "bars": True,
            "x": x,
            "y": [height if (i in bars.inactive) is is_inactive else None for i, height in enumerate(heights)],
        }
        for color, is_inactive in (("model", False), ("idle", True))
    ]
    return {"axis": bars.x_axis, "limits": None, "labels": list(bars.labels), "lines": lines}


def describe_chart(chart: Chart) -> str:
    """Return the first and last value of each line, in words."""
    ranges = [
        f"{line.label} from {format_metric(line.y[0])} to {format_metric(line.y[-1])}"
        for line in chart.lines[:MAX_NAMED_LINES]
        if line.y
    ]
    return f"{chart.title}, {chart.y_axis}, over {chart.x_axis}: {'; '.join(ranges)}"


def describe_bars(bars: Bars) -> str:
    """Return the heights of the bars, in words."""
    heights = zip(bars.labels, map(format_metric, bars.heights), strict=True)
    return f"{bars.title}: {bars.y_axis} by {bars.x_axis}: {', '.join(map(' '.join, heights))}"


def _finite(value: float) -> float | None:
    """Return a value with the digits that a page keeps; None, a gap, where it is not finite."""
    return round_digits(value) if math.isfinite(value) else None
