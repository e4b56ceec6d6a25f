"""What a figure shows, before anybody draws it: sheets of pictures, charts, bars, scatters.

Each is a record of numbers and words. :mod:`elbowroom.plotting.matplotlib_backend` draws them with matplotlib, and the report as a
page, so that both show the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from torch import Tensor


@dataclass(frozen=True)
class ImageGrid:
    """Pictures in rows and columns.

    Attributes:
        images: (rows, columns, *shape), values in [0, 1].
        row_titles: what stands beside each row.
        column_titles: what stands above each column.
        row_axis: what the rows are, with the unit.
        column_axis: what the columns are, with the unit.
        captions: what stands under each picture, by row; empty if nothing.
        group_size: rows that belong together; 0 if none do.
        is_seamless: no gaps: the pictures make one.
    """

    images: Tensor
    row_titles: Sequence[str]
    column_titles: Sequence[str]
    row_axis: str
    column_axis: str
    captions: Sequence[Sequence[str]] = ()
    group_size: int = 0
    is_seamless: bool = False


@dataclass(frozen=True)
class Line:
    """One line of a chart.

    Attributes:
        label: its name.
        x: positions.
        y: heights, as many.
        role: what it is, which decides its colour: a split's name, ``data``, ``model``, ``quiet``; or a place from
            0 to 1 on a scale.
        has_markers: whether each value is marked.
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
        title: what it is of.
        lines: the lines.
        x_axis: with the unit.
        y_axis: with the unit.
        limits: of the vertical axis; those of the values if not given.
    """

    title: str
    lines: Sequence[Line]
    x_axis: str
    y_axis: str
    limits: tuple[float, float] | None = None


@dataclass(frozen=True)
class Bars:
    """A height for each of several things.

    Attributes:
        title: what it is of.
        heights: from zero.
        labels: a name for each.
        x_axis: with the unit.
        y_axis: with the unit.
        inactive: those that do not count: inactive dimensions.
    """

    title: str
    heights: Sequence[float]
    labels: Sequence[str]
    x_axis: str
    y_axis: str
    inactive: frozenset[int] = frozenset()


@dataclass(frozen=True)
class Scatter:
    """Examples as points on a plane, one for each code.

    Attributes:
        title: what it is of.
        points: (N, 2).
        x_axis: with the unit.
        y_axis: with the unit.
        has_equal_aspect: whether both axes have the same unit, so that distances mean something.
    """

    title: str
    points: Tensor
    x_axis: str
    y_axis: str
    has_equal_aspect: bool = True


Mark = ImageGrid | Chart | Bars | Scatter


@dataclass(frozen=True)
class FigureSpec:
    """A figure: what it consists of, and its words.

    Attributes:
        title: a few words.
        caption: what one sees, and in which unit.
        protocol: how it was made: examples, samples, seed.
        marks: what it consists of.
    """

    title: str
    caption: str
    protocol: str
    marks: Sequence[Mark] = field(default_factory=tuple)
