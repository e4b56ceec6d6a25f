"""Figures drawn with matplotlib."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from elbowroom.plotting.figure import (
    PRIOR_RINGS_SD,
    Bars,
    CellTable,
    Chart,
    FigureSpec,
    ImageGrid,
    PriorOnPlane,
    Scatter,
)
from elbowroom.plotting.style import (
    CLASS_COLORS,
    INK_COLOR,
    LINE_COLORS,
    MUTED_COLOR,
    SPINE_COLOR,
    TEXT_COLOR,
    ColorLabels,
    role_color,
    style_axes,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DPI = 150
#: Characters of a cell above which cells are texts, and have the width of a figure.
MAX_CELL_CHARACTERS = 30
#: Width of an image of a grid.
CELL_INCHES = 0.52
#: Gaps between the images of a grid, and between groups of its rows, as shares of an image's width.
GAP_SHARE = 0.06
GROUP_GAP_SHARE = 0.24
#: Room for a caption under an image, as a share of its height.
CAPTION_SHARE = 0.3
#: Tick labels along one axis of a seamless grid, and below bars, at most.
SEAMLESS_LABELS = 9
MAX_BAR_LABELS = 24
#: Lines of a chart, at most, that a legend names.
MAX_LEGEND_LINES = 8
#: What the rings of a scatter plot are, in its legend.
RINGS_NAME = f"{' and '.join(f'{sd:g}' for sd in PRIOR_RINGS_SD)} standard deviations of the prior"
#: Room for the name of a vertical axis, at least: that of a grid of one row is longer than its axis.
MIN_NAME_INCHES = 0.9


def draw_figure(spec: FigureSpec, labels: ColorLabels | None = None) -> Figure:
    """Draw a figure with its title above and its protocol below.

    Args:
        spec: what to draw: marks of the type of the first one.
        labels: of the examples, which give the points of a scatter plot their colors.
    """
    # Imported only here: it is slow, and warns where it cannot write to its configuration folder.
    from elbowroom.plotting.notebook_figure import NotebookFigure

    first = spec.marks[0]
    figure = NotebookFigure(layout="constrained", dpi=DPI)
    if isinstance(first, ImageGrid):
        _draw_image_grid(figure, first)
    elif isinstance(first, Scatter):
        _draw_scatter(figure, first, labels)
    elif isinstance(first, Bars):
        _draw_bars(figure, [mark for mark in spec.marks if isinstance(mark, Bars)])
    elif isinstance(first, CellTable):
        _draw_cell_tables(figure, [mark for mark in spec.marks if isinstance(mark, CellTable)])
    else:
        _draw_charts(figure, [mark for mark in spec.marks if isinstance(mark, Chart)])
    figure.suptitle(spec.title, x=0.01, ha="left", fontsize=11, color=INK_COLOR, fontweight="bold")
    figure.supxlabel(spec.protocol, x=0.01, ha="left", fontsize=7, color=MUTED_COLOR, wrap=True)
    _wrap_axis_names(figure)
    return figure


def _wrap_axis_names(figure: Figure) -> None:
    """Break the names of vertical axes that are longer than these: they would run into title and protocol."""
    names = [(axes, axes.yaxis.label) for axes in figure.axes if axes.get_ylabel()]
    # A layout takes as long as drawing: only where a name may be too long.
    if all(name.get_window_extent().height < 0.4 * figure.bbox.height / len(figure.axes) for _, name in names):
        return
    figure.draw_without_rendering()
    for axes, name in names:
        share = max(axes.bbox.height, MIN_NAME_INCHES * figure.dpi) / name.get_window_extent().height
        if share < 1:
            name.set_text(textwrap.fill(name.get_text(), int(share * len(name.get_text())), break_long_words=False))


def _draw_charts(figure: Any, charts: Sequence[Chart]) -> None:
    columns = min(3, len(charts))
    rows = math.ceil(len(charts) / columns)
    figure.set_size_inches(3.5 * columns + (1.0 if columns == 1 else 0.0), 2.7 * rows + 0.5)
    all_axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes, chart in zip(all_axes, charts, strict=False):
        for line in chart.lines:
            axes.plot(
                line.x,
                line.y,
                color=role_color(line.role),
                label=line.label,
                linewidth=1.2 if line.role == "data" else 1.6,
                marker="o" if line.has_markers else "",
                markersize=3.2,
            )
        axes.set_title(chart.title, fontsize=9.5, loc="left", color=INK_COLOR)
        axes.set(xlabel=chart.x_axis, ylabel=chart.y_axis)
        if chart.limits:
            axes.set_ylim(*chart.limits)
        axes.locator_params(axis="x", integer=True, nbins=6)
        style_axes(axes)
    for axes in all_axes[len(charts) :]:
        axes.remove()
    handles = all_axes[0].get_lines()
    if 0 < len(handles) <= MAX_LEGEND_LINES:
        figure.legend(
            handles=handles,
            loc="outside upper right",
            ncols=len(handles),
            frameon=False,
            fontsize=8,
            labelcolor=TEXT_COLOR,
            handlelength=1.2,
            columnspacing=1.2,
        )


def _draw_bars(figure: Any, bars: Sequence[Bars]) -> None:
    width = 1.6 + 0.55 * max(len(chart.heights) for chart in bars)
    figure.set_size_inches(min(max(width, 4.0), 7.2), 2.3 * len(bars) + 0.7)
    for axes, chart in zip(figure.subplots(len(bars), 1, squeeze=False)[:, 0], bars, strict=True):
        positions = np.arange(len(chart.heights))
        colors = [MUTED_COLOR if i in chart.inactive else LINE_COLORS["train"] for i in positions]
        axes.bar(positions, chart.heights, color=colors, width=0.72)
        step = math.ceil(len(positions) / MAX_BAR_LABELS)
        axes.set_xticks(positions[::step], list(chart.labels)[::step])
        axes.set_title(chart.title if len(bars) > 1 else "", fontsize=9.5, loc="left", color=INK_COLOR)
        axes.set(xlabel=chart.x_axis, ylabel=chart.y_axis)
        style_axes(axes)
        axes.grid(False, axis="x")


def _draw_cell_tables(figure: Any, tables: Sequence[CellTable]) -> None:
    has_texts = max(len(cell) for table in tables for _, cells in table.rows for cell in cells) > MAX_CELL_CHARACTERS
    columns = 1 if has_texts else min(2, len(tables))
    rows = math.ceil(len(tables) / columns)
    n_cells = max(len(table.heads) for table in tables) + 1
    n_lines = max(len(table.rows) for table in tables) + 2
    figure.set_size_inches(8.0 if has_texts else min(1.3 * n_cells, 8.0) * columns, 0.24 * n_lines * rows + 0.6)
    all_axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes in all_axes:
        axes.axis("off")
    for axes, table in zip(all_axes, tables, strict=False):
        axes.set_title(table.title, fontsize=9.5, loc="left", color=INK_COLOR)
        drawn = axes.table(
            [[name, *cells] for name, cells in table.rows],
            colLabels=["", *table.heads],
            loc="upper left",
            edges="horizontal",
            cellLoc="left" if has_texts else "right",
            colLoc="left" if has_texts else "right",
        )
        for cell in drawn.get_celld().values():
            cell.set(linewidth=0.5, edgecolor=SPINE_COLOR)
        drawn.auto_set_font_size(False)
        drawn.set_fontsize(8)
        if has_texts:
            _fit_columns(drawn, n_cells)


def _fit_columns(drawn: Any, n_columns: int) -> None:
    """Give the columns of a table the width of their texts, with the room of one character on each side."""
    columns = [[cell for (_, i), cell in drawn.get_celld().items() if i == column] for column in range(n_columns)]
    for cells in columns:
        longest = max(len(cell.get_text().get_text()) for cell in cells)
        for cell in cells:
            cell.PAD = 1 / max(longest, 1)  # a share of the cell's width
    drawn.auto_set_column_width(list(range(n_columns)))


def _draw_image_grid(figure: Any, grid: ImageGrid) -> None:
    array, lefts, tops, (height, width) = tile_images(grid)
    inches = CELL_INCHES * (0.42 if grid.is_seamless else 1.0)
    figure_width = max(array.shape[1] / width * inches, 3.6)
    figure.set_size_inches(figure_width + 1.5, figure_width * array.shape[0] / array.shape[1] + 1.1)
    axes = figure.subplots()
    is_grayscale = array.ndim == 2
    image = axes.imshow(array, cmap="gray" if is_grayscale else None, vmin=0, vmax=1, interpolation="nearest")
    step = math.ceil(len(lefts) / SEAMLESS_LABELS) if grid.is_seamless else 1
    axes.set_xticks([left + (width - 1) / 2 for left in lefts[::step]], list(grid.column_titles)[::step])
    axes.set_yticks([top + (height - 1) / 2 for top in tops[::step]], list(grid.row_titles)[::step])
    if not grid.is_seamless:
        axes.xaxis.tick_top()
    for captions, top in zip(grid.captions, tops, strict=False):
        for caption, left in zip(captions, lefts, strict=True):
            x = left + (width - 1) / 2
            axes.text(x, top + height, caption, ha="center", va="top", fontsize=6.5, color=TEXT_COLOR)
    axes.set(xlabel=grid.column_axis, ylabel=grid.row_axis)
    style_axes(axes)
    axes.grid(False)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=2.5 if grid.is_seamless else 0)
    if is_grayscale and grid.has_grey_scale:
        bar = figure.colorbar(image, ax=axes, fraction=0.03, pad=0.015, aspect=30, ticks=[0, 1])
        bar.set_label("grey value", fontsize=8, color=TEXT_COLOR, labelpad=-4)
        bar.ax.tick_params(length=0, labelsize=8, labelcolor=TEXT_COLOR)
        bar.outline.set_visible(False)


def tile_images(grid: ImageGrid) -> tuple[np.ndarray[Any, Any], list[int], list[int], tuple[int, int]]:
    """Tile a grid into one image.

    Returns:
        The image, (H, W) or (H, W, 3); the left edges of its columns; the top edges of its rows; the height and width
        of one image in it; all in pixels.
    """
    rows, columns, channels, height, width = grid.images.shape
    gap = 0 if grid.is_seamless else max(1, round(GAP_SHARE * width))
    caption_height = math.ceil(CAPTION_SHARE * height) if grid.captions else 0
    group_gap = max(gap, round(GROUP_GAP_SHARE * width)) if grid.group_size else gap
    lefts = [i * (width + gap) for i in range(columns)]
    tops, top = [], 0
    for i in range(rows):
        tops.append(top)
        is_group_end = not grid.group_size or (i + 1) % grid.group_size == 0
        top += height + caption_height + (group_gap if is_group_end else gap)
    array = torch.ones(channels, tops[-1] + height + caption_height, lefts[-1] + width)
    for i, y in enumerate(tops):
        for j, x in enumerate(lefts):
            array[:, y : y + height, x : x + width] = grid.images[i, j].clamp(0, 1)
    pixels = array[0] if channels == 1 else array.permute(1, 2, 0)
    return pixels.numpy(), lefts, tops, (height, width)


def _draw_prior(axes: Any, prior: PriorOnPlane) -> None:
    """Draw rings at one and two standard deviations, or draws as crosses, under the points; both are named."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Circle

    handles: list[Any] = []
    if prior.center is not None:
        center = tuple(prior.center.tolist())
        line: dict[str, Any] = {"color": MUTED_COLOR, "linewidth": 0.9, "linestyle": (0, (4, 3))}
        for radius in PRIOR_RINGS_SD:
            axes.add_patch(Circle(center, radius, fill=False, **line))
        handles.append(Line2D([], [], label=RINGS_NAME, **line))
    if prior.draws is not None:
        axes.scatter(*prior.draws.T.numpy(), marker="x", s=9, linewidths=0.6, color=MUTED_COLOR)
        style: dict[str, Any] = {"marker": "x", "markersize": 4, "markeredgewidth": 0.6, "color": MUTED_COLOR}
        handles.append(Line2D([], [], linestyle="", label="draws from the prior", **style))
    if handles:
        axes.figure.legend(
            handles=handles,
            loc="outside upper right",
            frameon=False,
            fontsize=8,
            labelcolor=TEXT_COLOR,
            handletextpad=0.4,
        )


def _draw_scatter(figure: Any, scatter: Scatter, labels: ColorLabels | None) -> None:
    figure.set_size_inches(6.6, 5.4)
    axes = figure.subplots()
    x, y = scatter.points[:, 0].numpy(), scatter.points[:, 1].numpy()
    # The edge keeps light colors in contrast to the paper.
    style: dict[str, Any] = {"s": 12, "linewidths": 0.4, "edgecolors": TEXT_COLOR, "alpha": 0.85}
    if scatter.prior is not None:
        _draw_prior(axes, scatter.prior)
    if labels is None:
        axes.scatter(x, y, color=LINE_COLORS["train"], **style)
    elif labels.classes:
        for number, name in enumerate(labels.classes):
            has_label = (labels.values == number).numpy()
            if has_label.any():
                axes.scatter(x[has_label], y[has_label], color=CLASS_COLORS[number], label=name, **style)
        axes.legend(
            frameon=False,
            fontsize=8,
            loc="center left",
            bbox_to_anchor=(1.0, 0.5),
            title="label",
            title_fontsize=8,
            markerscale=1.6,
            handletextpad=0.2,
            labelcolor=TEXT_COLOR,
        )
    else:
        points = axes.scatter(x, y, c=labels.values.numpy(), cmap="viridis", **style)
        bar = figure.colorbar(points, ax=axes, fraction=0.04, pad=0.02)
        bar.set_label(labels.title, fontsize=8.5, color=TEXT_COLOR)
    axes.set(xlabel=scatter.x_axis, ylabel=scatter.y_axis)
    if scatter.has_equal_aspect:
        axes.set_aspect("equal", adjustable="datalim")
    style_axes(axes)
