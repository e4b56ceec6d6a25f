"""Examples that are rows of a table: cells in their own units, or standardized values over columns without names."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch import Tensor

from elbowroom.data.readers.table_encoding import Cell, decode_rows, parse_columns
from elbowroom.data.text_encoding import decode_texts
from elbowroom.formatting import MISSING, format_number
from elbowroom.plotting import series_curves
from elbowroom.plotting.figure import CellTable, Chart, Line
from elbowroom.runs.run_view import RunView

X_AXIS = "number of the column"
Y_AXIS = "standard deviations from the mean"
#: Examples along a latent path whose cells are shown: both ends, the middle, and between.
MAX_PATH_CELLS = 5
#: Lines of fewer values have each one marked.
MAX_MARKED_COLUMNS = 40
#: Rows of more values than this are not drawn as lines.
MAX_ROW_VALUES = 256
#: Training examples from which the mean and standard deviation of the columns are taken.
STANDARDIZATION_EXAMPLES = 5000
#: The standard deviation of a column that changes, at least.
MIN_STD = 1e-6


def column_stats(view: RunView) -> tuple[Tensor, Tensor]:
    """Return mean and standard deviation of each value of a table's rows over the training split: (*shape) each.

    Missing values (NaN) do not count. A column that never changes, as a word that no text has, is in its own unit.

    Raises:
        ValueError: examples are neither images nor rows.
    """
    if math.prod(view.shape) > MAX_ROW_VALUES and not view.has_series:
        size = "x".join(map(str, view.shape))
        raise ValueError(
            f"examples are {size}: neither images of 1 or 3 channels nor rows of at most {MAX_ROW_VALUES} numbers"
        )

    def measure() -> tuple[Tensor, Tensor]:
        x = view.get_split("train")[1].first(STANDARDIZATION_EXAMPLES).x.cpu()
        mean = x.nanmean(0)
        std = (x - mean).square().nanmean(0).sqrt()
        return mean, std.where(std > MIN_STD, 1.0)

    return view.get_or_compute("column stats", measure)


def standardize(view: RunView, x: Tensor) -> Tensor:
    """Return examples (..., *shape) in standard deviations from the training mean, flattened: (..., D)."""
    mean, std = column_stats(view)
    return ((x - mean) / std).flatten(x.dim() - mean.dim())


def column_numbers(x: Tensor) -> list[float]:
    """Return the numbers of the columns of rows (N, *shape), from 1."""
    return list(range(1, math.prod(x.shape[1:]) + 1))


def has_named_columns(view: RunView) -> bool:
    """Whether the examples are rows of a table whose columns have names and units, or texts; the record says so."""
    record = view.record["data"]
    return bool(record.get("columns") or record.get("vocabulary"))


def cell_table(view: RunView, title: str, heads: list[str], x: Tensor) -> CellTable:
    """Return rows (N, D) of a table as cells, one column for each, under a head for each; of texts a row for each."""
    if "vocabulary" in view.record["data"]:
        texts = decode_texts(x.flatten(1).cpu(), view.record["data"])
        return CellTable(title, ["text"], [(head, [text]) for head, text in zip(heads, texts, strict=True)], "example")
    columns = view.record["data"]["columns"]
    names = [column.name for column in parse_columns(columns) or () if not column.part]
    cells = [[_format_cell(cell) for cell in row] for row in decode_rows(x.flatten(1).cpu(), columns)]
    rows = [(name, [row[i] for row in cells]) for i, name in enumerate(names)]
    return CellTable(title, heads, rows)


def _format_cell(cell: Cell) -> str:
    if cell is None:
        return MISSING
    return format_number(cell) if isinstance(cell, int | float) else str(cell)


def pair_rows(
    view: RunView, titles: list[str], data: Tensor, output: Tensor, names: tuple[str, str]
) -> list[CellTable | Chart]:
    """Return a mark for each row, of data and the model's output: a table where columns have names, else a chart."""
    pairs: Iterator[CellTable | Chart]
    if view.has_series:
        return [*series_curves.pair_curves(view, titles, data, output, names)]
    if has_named_columns(view):
        pairs = _pair_tables(view, titles, data, output, names)
    else:
        pairs = _pair_charts(view, titles, data, output, names)
    return list(pairs)


def _pair_tables(
    view: RunView, titles: list[str], data: Tensor, output: Tensor, names: tuple[str, str]
) -> Iterator[CellTable]:
    """Yield a table for each row, of its data and the model's output: (N, D) each."""
    for title, a, b in zip(titles, data, output, strict=True):
        yield cell_table(view, title, list(names), torch.stack([a, b]))


def path_table(view: RunView, title: str, x: Tensor, positions: Tensor) -> CellTable:
    """Return a table of some rows (T, D) along a latent path, from one end to the other."""
    kept = torch.linspace(0, len(x) - 1, MAX_PATH_CELLS).round().long()
    return cell_table(view, title, [format_number(round(positions[i].item(), 1)) for i in kept], x[kept])


def _pair_charts(
    view: RunView, titles: list[str], data: Tensor, output: Tensor, names: tuple[str, str]
) -> Iterator[Chart]:
    """Yield a chart for each row, of its data and the model's output: (N, *shape) each."""
    x = column_numbers(data)
    has_markers = len(x) < MAX_MARKED_COLUMNS
    for title, a, b in zip(titles, standardize(view, data).tolist(), standardize(view, output).tolist(), strict=True):
        lines = [Line(names[0], x, a, "data", has_markers), Line(names[1], x, b, "model", has_markers)]
        yield Chart(title, lines, X_AXIS, Y_AXIS)


def path_chart(view: RunView, title: str, x: Tensor, positions: Tensor) -> Chart:
    """Return a chart of every second row (T, *shape) along a latent path, colored by its position on it."""
    if view.has_series:
        return series_curves.path_curves(view, title, x, positions)
    fractions = (positions - positions[0]) / (positions[-1] - positions[0])
    rows = standardize(view, x).tolist()
    lines = [
        Line(format_number(round(positions[i].item(), 1)), column_numbers(x), rows[i], fractions[i].item())
        for i in range(0, len(x), 2)
    ]
    return Chart(title, lines, X_AXIS, Y_AXIS)


def quantile_band(view: RunView, title: str, x: Tensor) -> Chart:
    """Return a chart of rows (N, *shape) between the 5 % and 95 % quantiles of the data."""
    data, columns = standardize(view, view.batch.x), column_numbers(x)
    edges = [
        Line(f"{q:.0%} of the data lie below", columns, data.quantile(q, 0).tolist(), "data") for q in (0.05, 0.95)
    ]
    lines = [Line(f"sample {i}", columns, row, "model") for i, row in enumerate(standardize(view, x).tolist(), 1)]
    return Chart(title, [*edges, *lines], X_AXIS, Y_AXIS)
