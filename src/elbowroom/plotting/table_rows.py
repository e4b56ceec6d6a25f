"""Examples that are rows of a table, as lines over their columns."""

from __future__ import annotations

import math
from collections.abc import Iterator

from torch import Tensor

from elbowroom.formatting import number
from elbowroom.plotting.figure import Chart, Line
from elbowroom.plotting.run_view import Look

COLUMN = "column of the table"
HEIGHT = "standard deviations from the mean"
#: Lines with fewer values than this have them marked one by one.
FEW = 40


def columns(x: Tensor) -> list[float]:
    """The numbers of the columns of rows (N, *shape), from 1."""
    return list(range(1, math.prod(x.shape[1:]) + 1))


def pairs(look: Look, titles: list[str], data: Tensor, made: Tensor, names: tuple[str, str]) -> Iterator[Chart]:
    """A row, and what stands beside it, as two lines: (N, *shape) each."""
    x = columns(data)
    marked = len(x) < FEW
    for title, a, b in zip(titles, look.standardised(data).tolist(), look.standardised(made).tolist(), strict=True):
        lines = [Line(names[0], x, a, "data", marked), Line(names[1], x, b, "model", marked)]
        yield Chart(title, lines, COLUMN, HEIGHT)


def family(look: Look, title: str, x: Tensor, places: Tensor) -> Chart:
    """Rows (T, *shape) along a way, as lines that change colour; every second of them."""
    span = (places - places[0]) / (places[-1] - places[0])
    heights = look.standardised(x).tolist()
    lines = [
        Line(number(round(places[i].item(), 1)), columns(x), heights[i], span[i].item()) for i in range(0, len(x), 2)
    ]
    return Chart(title, lines, COLUMN, HEIGHT)


def crowd(look: Look, title: str, x: Tensor) -> Chart:
    """Rows (N, *shape), between lines that hold the middle nine tenths of the data."""
    data, across = look.standardised(look.batch.x), columns(x)
    edges = [Line(f"{q:.0%} of the data lie below", across, data.quantile(q, 0).tolist(), "data") for q in (0.05, 0.95)]
    lines = [Line(f"sample {i}", across, row, "model") for i, row in enumerate(look.standardised(x).tolist(), 1)]
    return Chart(title, [*edges, *lines], COLUMN, HEIGHT)
