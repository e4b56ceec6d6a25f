"""Figures as data: what a figure shows, independent of the library that draws it.

A :class:`FigureSpec` holds numbers and text. :mod:`elbowroom.plotting.matplotlib_backend` draws it with matplotlib,
:mod:`elbowroom.web` as HTML, so that both show the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from torch import Tensor


@dataclass(frozen=True)
class ImageGrid:
    """Images in rows and columns.

    Attributes:
        images: (rows, columns, C, H, W), values in [0, 1].
        row_titles: one beside each row.
        column_titles: one above each column.
        row_axis: what the rows are, with the unit.
        column_axis: what the columns are, with the unit.
        captions: one under each image, by row; empty for none.
        group_size: number of consecutive rows that belong together; 0 for no groups.
        is_seamless: whether the images touch and make one.
        has_grey_scale: whether images of one channel have a scale from 0 to 1 beside them.
    """

    images: Tensor
    row_titles: Sequence[str]
    column_titles: Sequence[str]
    row_axis: str
    column_axis: str
    captions: Sequence[Sequence[str]] = ()
    group_size: int = 0
    is_seamless: bool = False
    has_grey_scale: bool = True


@dataclass(frozen=True)
class Line:
    """One line of a chart.

    Attributes:
        label: its name.
        x: horizontal positions.
        y: vertical positions, as many.
        role: decides its color: the name of a split, ``data``, ``model`` or ``quiet``; or a position from 0 to 1 on
            the color scale.
        has_markers: whether each point is marked.
    """

    label: str
    x: Sequence[float]
    y: Sequence[float]
    role: str | float
    has_markers: bool = False


@dataclass(frozen=True)
class Chart:
    """Lines over common axes.

    Attributes:
        title: heading.
        lines: the lines.
        x_axis: label of the horizontal axis, with the unit.
        y_axis: label of the vertical axis, with the unit.
        limits: (low, high) of the vertical axis; from the values if not given.
    """

    title: str
    lines: Sequence[Line]
    x_axis: str
    y_axis: str
    limits: tuple[float, float] | None = None


@dataclass(frozen=True)
class Bars:
    """A bar chart.

    Attributes:
        title: heading.
        heights: of the bars, from zero.
        labels: a name for each bar.
        x_axis: label of the horizontal axis, with the unit.
        y_axis: label of the vertical axis, with the unit.
        inactive: indices of the bars drawn in grey: inactive dimensions.
    """

    title: str
    heights: Sequence[float]
    labels: Sequence[str]
    x_axis: str
    y_axis: str
    inactive: frozenset[int] = frozenset()


@dataclass(frozen=True)
class CellTable:
    """Cells in rows with a name each; of examples as their source has them a row for each column of the table.

    Attributes:
        title: heading.
        heads: what the cells of each example are, one above each column.
        rows: the name of a column of the table, and its cell for each head, in its own unit.
        row_head: what the names of the rows are.
    """

    title: str
    heads: Sequence[str]
    rows: Sequence[tuple[str, Sequence[str]]]
    row_head: str = "column"


#: Radii of the rings of a standard normal prior, in standard deviations.
PRIOR_RINGS_SD = (1, 2)


@dataclass(frozen=True)
class PriorOnPlane:
    """What a plane shows of the prior: rings of the standard normal, draws from a learned one, or nothing.

    Attributes:
        center: of the rings at one and two standard deviations, (k,); None where the prior is not the standard normal.
        draws: coordinates (M, k) of draws; None for none.
        words: what is shown, or why nothing is.
    """

    center: Tensor | None
    draws: Tensor | None
    words: str


@dataclass(frozen=True)
class Scatter:
    """Points on a plane, one for each example.

    Attributes:
        title: heading.
        points: (N, 2).
        x_axis: label of the horizontal axis, with the unit.
        y_axis: label of the vertical axis, with the unit.
        has_equal_aspect: whether both axes have the same unit, so that distances mean something.
        prior: what is shown of the prior; None where the plane has no place for it.
    """

    title: str
    points: Tensor
    x_axis: str
    y_axis: str
    has_equal_aspect: bool = True
    prior: PriorOnPlane | None = None


Mark = ImageGrid | Chart | Bars | Scatter | CellTable


@dataclass(frozen=True)
class FigureSpec:
    """A figure: its marks and its text.

    Attributes:
        title: a few words.
        caption: what it shows, and in which unit.
        protocol: how it was made: examples, samples, seed.
        marks: what it consists of.
    """

    title: str
    caption: str
    protocol: str
    marks: Sequence[Mark] = field(default_factory=tuple)
