"""Colours that stay apart for the colour-blind, and quiet axes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import Tensor

#: Of the lines of a chart, by role (Okabe & Ito 2008).
LINE_COLORS = {
    "train": "#0072B2",
    "validation": "#D55E00",
    "test": "#009E73",
    "data": "#8A8A86",
    "model": "#0072B2",
}
#: Of ten classes, found by a search: any two differ by at least 0.09 in OKLab (Ottosson 2020), also as the colour-blind
#: see them (Machado, Oliveira & Fernandes 2009, doi 10.1109/TVCG.2009.113); the first few differ most.
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
#: A scale from one end to the other, through a grey middle (after Brewer 2003, RdBu).
SCALE_COLORS = ("#2166ac", "#67a9cf", "#b0b0aa", "#ef8a62", "#b2182b")
INK_COLOR, MUTED_COLOR, PAPER_COLOR = "#222222", "#8a8a86", "#ffffff"


def scale_color(position: float) -> str:
    """The colour at a place from 0 to 1 on the scale.

    >>> scale_color(0.0), scale_color(0.5), scale_color(1.0)
    ('#2166ac', '#b0b0aa', '#b2182b')
    """
    at = min(max(position, 0.0), 1.0) * (len(SCALE_COLORS) - 1)
    low = min(int(at), len(SCALE_COLORS) - 2)
    ends = [[int(colour[i : i + 2], 16) for i in (1, 3, 5)] for colour in SCALE_COLORS[low : low + 2]]
    return "#" + "".join(f"{round(a + (b - a) * (at - low)):02x}" for a, b in zip(*ends, strict=True))


def role_color(role: str | float) -> str:
    """The colour of a line, by its role or its place on the scale."""
    return LINE_COLORS.get(role, MUTED_COLOR) if isinstance(role, str) else scale_color(role)


def style_axes(axes: Any) -> None:
    """Axes that stay behind what they measure."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color("#b8b8b2")
    axes.tick_params(color="#b8b8b2", labelcolor="#55554f", labelsize=8)
    axes.xaxis.label.set(color="#55554f", fontsize=8.5)
    axes.yaxis.label.set(color="#55554f", fontsize=8.5)
    axes.grid(color="#e6e6e0", linewidth=0.6)
    axes.set_axisbelow(True)


@dataclass(frozen=True)
class ColorLabels:
    """One value for each example.

    Attributes:
        values: (N,).
        classes: the names of 0, 1, …, where there are few enough to give each a colour; else the values are a scale.
        title: what the values are.
    """

    values: Tensor
    classes: tuple[str, ...]
    title: str


def color_labels(y: Tensor | None, classes: tuple[str, ...] | None) -> ColorLabels | None:
    """Labels (N,) of classes or values; rows of attributes give no colour.

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
    highest = int(y.max()) + 1
    names = classes if classes and len(classes) >= highest else tuple(map(str, range(highest)))
    if len(names) > len(CLASS_COLORS) or int(y.min()) < 0:
        return ColorLabels(y, (), "label, by number")
    return ColorLabels(y, names, "label")
