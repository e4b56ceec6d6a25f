"""What examples are labelled with, as colours need it."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from elbowroom.plotting.style import CLASS_COLORS


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
