"""Style of figures: colors that the color-blind can tell apart, and unobtrusive axes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import Tensor

from elbowroom.runs.run_view import RunView

#: Colors of the lines of a chart, by role (Okabe & Ito 2008).
LINE_COLORS = {
    "train": "#0072B2",
    "validation": "#D55E00",
    "test": "#009E73",
    "data": "#8A8A86",
    "model": "#0072B2",
}
#: Colors of ten classes, found by a search: any two differ by at least 0.09 in OKLab (Ottosson 2020), also as the
#: color-blind see them (Machado, Oliveira & Fernandes 2009, doi 10.1109/TVCG.2009.113); the first few differ most.
CLASS_COLORS = (
    "#1491ad",
    "#f4c914",
    "#972207",
    "#8dd5fe",
    "#f48113",
    "#a56c5b",
    "#a495ff",
    "#7a2a86",
    "#04c493",
    "#6b5fd4",
)
#: A diverging color scale with a grey middle (after Brewer 2003, RdBu).
SCALE_COLORS = ("#2166ac", "#67a9cf", "#b0b0aa", "#ef8a62", "#b2182b")
INK_COLOR = "#222222"
MUTED_COLOR = "#8a8a86"
#: Of tick labels, axis labels and legends.
TEXT_COLOR = "#55554f"
SPINE_COLOR = "#b8b8b2"
GRID_COLOR = "#e6e6e0"


def scale_color(position: float) -> str:
    """Return the color at a position from 0 to 1 on the scale, clipped to it.

    >>> scale_color(0.0), scale_color(0.5), scale_color(1.0)
    ('#2166ac', '#b0b0aa', '#b2182b')
    """
    index = min(max(position, 0.0), 1.0) * (len(SCALE_COLORS) - 1)
    low = min(int(index), len(SCALE_COLORS) - 2)
    ends = [[int(color[i : i + 2], 16) for i in (1, 3, 5)] for color in SCALE_COLORS[low : low + 2]]
    return "#" + "".join(f"{round(a + (b - a) * (index - low)):02x}" for a, b in zip(*ends, strict=True))


def role_color(role: str | float) -> str:
    """Return the color of a line, by its role or its position on the scale."""
    return LINE_COLORS.get(role, MUTED_COLOR) if isinstance(role, str) else scale_color(role)


def style_axes(axes: Any) -> None:
    """Draw the spines, ticks and grid of matplotlib axes in light colors, behind the data."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(SPINE_COLOR)
    axes.tick_params(color=SPINE_COLOR, labelcolor=TEXT_COLOR, labelsize=8)
    axes.xaxis.label.set(color=TEXT_COLOR, fontsize=8.5)
    axes.yaxis.label.set(color=TEXT_COLOR, fontsize=8.5)
    axes.grid(color=GRID_COLOR, linewidth=0.6)
    axes.set_axisbelow(True)


@dataclass(frozen=True)
class ColorLabels:
    """A label for each example, which decides its color.

    Attributes:
        values: (N,).
        classes: the names of 0, 1, …, if there are few enough to give each a color; else empty, and the values are
            shown on a color scale.
        title: what the values are.
    """

    values: Tensor
    classes: tuple[str, ...]
    title: str


def color_labels(y: Tensor | None, classes: tuple[str, ...] | None) -> ColorLabels | None:
    """Return how labels (N,) of classes or values are colored; None for no labels, or attributes (N, D).

    >>> import torch
    >>> color_labels(torch.tensor([0, 2]), ("cat", "dog", "owl")).classes
    ('cat', 'dog', 'owl')
    >>> color_labels(torch.tensor([0.5, 2.5]), None).classes
    ()
    """
    if y is None or y.dim() != 1:
        return None
    if y.is_floating_point():
        return ColorLabels(y, (), "label")
    n = int(y.max()) + 1
    names = classes if classes and len(classes) >= n else tuple(map(str, range(n)))
    if len(names) > len(CLASS_COLORS) or int(y.min()) < 0:
        return ColorLabels(y, (), "label, by number")
    return ColorLabels(y, names, "label")


def example_labels(view: RunView) -> ColorLabels | None:
    """Return how the labels of a view's examples are colored; None where there are none."""
    return color_labels(view.batch.y, view.data.classes)


def grayscale_note(view: RunView) -> str:
    """Return a sentence on the grey values of images; empty for color images."""
    return " Grey values run from 0, black, to 1, white." if view.model.shape[0] == 1 else ""
