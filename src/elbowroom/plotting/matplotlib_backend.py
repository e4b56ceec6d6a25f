"""Figures by matplotlib."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from elbowroom.plotting.figure import Bars, Chart, FigureSpec, ImageGrid, Scatter
from elbowroom.plotting.style import (
    CLASS_COLORS,
    INK_COLOR,
    LINE_COLORS,
    MUTED_COLOR,
    ColorLabels,
    role_color,
    style_axes,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DPI = 150
#: Inches a picture of a sheet takes, and between pictures in shares of one.
CELL_INCHES, GAP_SHARE, GROUP_GAP_SHARE = 0.52, 0.06, 0.24


def draw_figure(spec: FigureSpec, labels: ColorLabels | None = None) -> Figure:
    """Draw a figure: its parts, its caption above, its protocol below.

    Args:
        spec: what to draw.
        labels: of the examples, which give points their colours.
    """
    # Here, and not above: it takes a while, and complains on its own account where it may not write to its folder.
    from matplotlib.figure import Figure

    first = spec.marks[0]
    figure = Figure(layout="constrained", dpi=DPI)
    if isinstance(first, ImageGrid):
        _draw_image_grid(figure, first)
    elif isinstance(first, Scatter):
        _draw_scatter(figure, first, labels)
    elif isinstance(first, Bars):
        _draw_bars(figure, [part for part in spec.marks if isinstance(part, Bars)])
    else:
        _draw_charts(figure, [part for part in spec.marks if isinstance(part, Chart)])
    figure.suptitle(spec.title, x=0.01, ha="left", fontsize=11, color=INK_COLOR, fontweight="bold")
    figure.supxlabel(spec.protocol, x=0.01, ha="left", fontsize=7, color=MUTED_COLOR, wrap=True)
    return figure


def _draw_charts(figure: Any, charts: Sequence[Chart]) -> None:
    across = min(3, len(charts))
    down = math.ceil(len(charts) / across)
    figure.set_size_inches(3.5 * across + (1.0 if across == 1 else 0.0), 2.7 * down + 0.5)
    grid = figure.subplots(down, across, squeeze=False).ravel()
    for axes, chart in zip(grid, charts, strict=False):
        for line in chart.lines:
            shade, quiet = role_color(line.role), line.role == "data"
            axes.plot(
                line.x,
                line.y,
                color=shade,
                label=line.label,
                linewidth=1.2 if quiet else 1.6,
                marker="o" if line.has_markers else "",
                markersize=3.2,
            )
        axes.set_title(chart.title, fontsize=9.5, loc="left", color=INK_COLOR)
        axes.set(xlabel=chart.x_axis, ylabel=chart.y_axis)
        if chart.limits:
            axes.set_ylim(*chart.limits)
        axes.locator_params(axis="x", integer=True, nbins=6)
        style_axes(axes)
    for axes in grid[len(charts) :]:
        axes.remove()
    drawn = grid[0].get_lines()
    if 0 < len(drawn) <= 8:
        words = {"frameon": False, "fontsize": 8, "labelcolor": "#55554f", "handlelength": 1.2, "columnspacing": 1.2}
        figure.legend(handles=drawn, loc="outside upper right", ncols=len(drawn), **words)


def _draw_bars(figure: Any, bars: Sequence[Bars]) -> None:
    wide = 1.6 + 0.55 * max(len(part.heights) for part in bars)
    figure.set_size_inches(min(max(wide, 4.0), 7.2), 2.3 * len(bars) + 0.7)
    for axes, part in zip(figure.subplots(len(bars), 1, squeeze=False)[:, 0], bars, strict=True):
        places = np.arange(len(part.heights))
        shades = [MUTED_COLOR if i in part.inactive else LINE_COLORS["train"] for i in places]
        axes.bar(places, part.heights, color=shades, width=0.72)
        every = math.ceil(len(places) / 24)
        axes.set_xticks(places[::every], list(part.labels)[::every])
        axes.set_title(part.title if len(bars) > 1 else "", fontsize=9.5, loc="left", color=INK_COLOR)
        axes.set(xlabel=part.x_axis, ylabel=part.y_axis)
        style_axes(axes)
        axes.grid(False, axis="x")


def _draw_image_grid(figure: Any, grid: ImageGrid) -> None:
    array, lefts, tops, (height, width) = tile_images(grid)
    inches = CELL_INCHES * (0.42 if grid.is_seamless else 1.0)
    wide = max(array.shape[1] / width * inches, 3.6)
    figure.set_size_inches(wide + 1.5, wide * array.shape[0] / array.shape[1] + 1.1)
    axes = figure.subplots()
    grey = array.ndim == 2
    shown = axes.imshow(array, cmap="gray" if grey else None, vmin=0, vmax=1, interpolation="nearest")
    if grid.is_seamless:
        every = math.ceil(len(lefts) / 9)
        lefts, tops = lefts[::every], tops[::every]
        columns, rows = list(grid.column_titles)[::every], list(grid.row_titles)[::every]
    else:
        columns, rows = list(grid.column_titles), list(grid.row_titles)
    axes.set_xticks([left + (width - 1) / 2 for left in lefts], columns)
    axes.set_yticks([top + (height - 1) / 2 for top in tops], rows)
    if not grid.is_seamless:
        axes.xaxis.tick_top()
    for line, top in zip(grid.captions, tops, strict=False):
        for word, left in zip(line, lefts, strict=True):
            axes.text(left + (width - 1) / 2, top + height, word, ha="center", va="top", fontsize=6.5, color="#55554f")
    axes.set(xlabel=grid.column_axis, ylabel=grid.row_axis)
    style_axes(axes)
    axes.grid(False)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=2.5 if grid.is_seamless else 0)
    if grey:
        bar = figure.colorbar(shown, ax=axes, fraction=0.03, pad=0.015, aspect=30, ticks=[0, 1])
        bar.set_label("grey value", fontsize=8, color="#55554f", labelpad=-4)
        bar.ax.tick_params(length=0, labelsize=8, labelcolor="#55554f")
        bar.outline.set_visible(False)


def tile_images(grid: ImageGrid) -> tuple[np.ndarray, list[int], list[int], tuple[int, int]]:
    """A sheet as one picture (H, W) or (H, W, 3), where its columns and rows begin in it, and the size of a cell."""
    rows, columns, channels, height, width = grid.images.shape
    gap = 0 if grid.is_seamless else max(1, round(GAP_SHARE * width))
    under = math.ceil(0.3 * height) if grid.captions else 0
    between = max(gap, round(GROUP_GAP_SHARE * width)) if grid.group_size else gap
    lefts = [i * (width + gap) for i in range(columns)]
    tops, top = [], 0
    for i in range(rows):
        tops.append(top)
        last = not grid.group_size or (i + 1) % grid.group_size == 0
        top += height + under + (between if last else gap)
    array = torch.ones(channels, tops[-1] + height + under, lefts[-1] + width)
    for i, y in enumerate(tops):
        for j, x in enumerate(lefts):
            array[:, y : y + height, x : x + width] = grid.images[i, j].clamp(0, 1)
    pixels = array[0] if channels == 1 else array.permute(1, 2, 0)
    return pixels.numpy(), lefts, tops, (height, width)


def _draw_scatter(figure: Any, scatter: Scatter, labels: ColorLabels | None) -> None:
    figure.set_size_inches(6.6, 5.4)
    axes = figure.subplots()
    x, y = scatter.points[:, 0].numpy(), scatter.points[:, 1].numpy()
    dots: dict[str, Any] = {"s": 11, "linewidths": 0, "alpha": 0.85}
    if labels is None:
        axes.scatter(x, y, color=LINE_COLORS["train"], **dots)
    elif labels.classes:
        for number, name in enumerate(labels.classes):
            mine = (labels.values == number).numpy()
            if mine.any():
                axes.scatter(x[mine], y[mine], color=CLASS_COLORS[number], label=name, **dots)
        axes.legend(
            frameon=False,
            fontsize=8,
            loc="center left",
            bbox_to_anchor=(1.0, 0.5),
            title="label",
            title_fontsize=8,
            markerscale=1.6,
            handletextpad=0.2,
            labelcolor="#55554f",
        )
    else:
        drawn = axes.scatter(x, y, c=labels.values.numpy(), cmap="viridis", **dots)
        figure.colorbar(drawn, ax=axes, fraction=0.04, pad=0.02).set_label(labels.title, fontsize=8.5, color="#55554f")
    axes.set(xlabel=scatter.x_axis, ylabel=scatter.y_axis)
    if scatter.has_equal_aspect:
        axes.set_aspect("equal", adjustable="datalim")
    style_axes(axes)
