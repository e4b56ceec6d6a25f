"""Figures of the columns of a table: drawn rows beside real ones, and the columns that make a row strange."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from elbowroom.data import InMemorySplit
from elbowroom.data.readers.table_encoding import Column, decode_cell, parse_columns
from elbowroom.evaluation.anomaly.explanation import explain_rows
from elbowroom.evaluation.metrics.synthetic_rows import column_shape
from elbowroom.formatting import MISSING, format_number
from elbowroom.plotting.figure import CellTable, Chart, FigureSpec, Line
from elbowroom.plotting.registry import register_figure
from elbowroom.plotting.sample_source import find_source
from elbowroom.runs.run_view import RunView

#: Columns that are listed, and columns of numbers whose distribution is drawn, at most: those least alike.
MAX_COLUMNS, MAX_CHARTS = 40, 4
#: Points of a drawn distribution.
N_QUANTILES = 101


@register_figure(
    "columns", "each column of drawn rows beside the data", "Synthetic rows", "data, a table of named columns",
    is_special=True,
)  # fmt: skip
def columns_figure(view: RunView, n: int = 2000) -> FigureSpec:
    """Return how alike each column is in drawn rows and in the data, and the distributions of the least alike ones.

    Raises:
        ValueError: examples are no rows of a table with named columns.
    """
    columns = _named_columns(view)
    source = find_source(view)
    data, drawn = view.batch.x.double().numpy(), source.samples(view, n).double().numpy()
    likeness = [column_shape(data[:, i], drawn[:, i], c.n_categories or None) for i, c in enumerate(columns)]
    order = np.argsort(likeness, kind="stable")[:MAX_COLUMNS].tolist()
    summaries = [(i, [_summarize(rows[:, i], columns[i]) for rows in (data, drawn)]) for i in order]
    table = [(columns[i].name, [f"{likeness[i]:.1%}", *both]) for i, both in summaries]
    numbers = [i for i in order if columns[i].kind == "number"][:MAX_CHARTS]
    return FigureSpec(
        "Columns of synthetic rows",
        f"Each column in {view.split_words} and in rows drawn from {source.words}, the least alike first. Likeness is "
        "1 minus the largest difference of cumulative shares (numbers), or minus half the sum of differences of shares "
        "(categories). Beside it median and 5 % to 95 % quantiles, or the most frequent category.",
        f"{view.describe_examples(len(data))}; {source.describe(view, n)}; "
        "'elbowroom evaluate --metrics synthetic' measures fidelity, use and privacy",
        [
            CellTable("columns", ["likeness", "data", "drawn"], table),
            *(_distribution_chart(columns[i], data[:, i], drawn[:, i]) for i in numbers),
        ],
    )


@register_figure(
    "strange-rows", "rows that surprise most, and which columns do", "Strange rows", "data, a table of named columns",
    is_special=True,
)  # fmt: skip
def strange_rows_figure(view: RunView, n: int = 10) -> FigureSpec:
    """Return the rows with the largest surprise, and the columns with the largest shares in it.

    Raises:
        ValueError: examples are no rows of a table with named columns.
    """
    _named_columns(view)
    explanation = explain_rows(view.model, InMemorySplit(view.batch.x, view.batch.y), view.record["data"])
    surprise, reasons = explanation.surprise.nan_to_num(0.0).sum(1), explanation.reasons()
    order = surprise.argsort(descending=True)[:n].tolist()
    return FigureSpec(
        "Strange rows",
        f"The rows among {view.split_words} whose cells surprise most: how much less probable they are than those that "
        "the model expected at the posterior mean, in nats, and the cells with the largest shares in it.",
        f"{view.describe_examples(len(surprise))}; 'elbowroom anomalies --explain' scores rows against a set",
        [
            CellTable(
                "strange rows",
                ["surprise, nats", "why"],
                [(view.example_name(i), [format_number(surprise[i].item(), 3), reasons[i]]) for i in order],
                "row",
            )
        ],
    )


def _named_columns(view: RunView) -> Sequence[Column]:
    """Return the columns of the run's table."""
    columns = parse_columns(view.record["data"].get("columns"))
    if not columns or not view.model.decoder.family.column_levels:
        raise ValueError("the examples are no rows of a table with named columns, or have another likelihood than one")
    return columns


def _summarize(values: np.ndarray, column: Column) -> str:
    """Return a column in a few words: the middle and the range of numbers, the most frequent category."""
    values = values[~np.isnan(values)]
    if not len(values):
        return MISSING
    if column.n_categories:
        index, counts = np.unique(values, return_counts=True)
        name = column.categories[int(index[counts.argmax()])]
        return f"{name} {counts.max() / len(values):.0%}"
    low, middle, high = (_format_number(v, column) for v in np.quantile(values, (0.05, 0.5, 0.95)))
    return f"{middle} ({low} to {high})"


def _format_number(value: float, column: Column) -> str:
    """Return an encoded number as its column has it: whole numbers are whole, and dates are dates."""
    cell = decode_cell(value, column)
    return format_number(cell, 3) if isinstance(cell, float) else str(cell)


def _decode(values: np.ndarray, column: Column) -> np.ndarray:
    """Return encoded numbers in the unit of the source."""
    return values * column.sd + column.mean


def _distribution_chart(column: Column, data: np.ndarray, drawn: np.ndarray) -> Chart:
    """Return the cumulative shares of a column of numbers in both."""
    levels = np.linspace(0, 100, N_QUANTILES)
    lines = [
        Line(label, np.percentile(_decode(values[~np.isnan(values)], column), levels).tolist(), levels.tolist(), label)
        for label, values in (("data", data), ("model", drawn))
    ]
    return Chart(column.name, lines, column.name, "rows up to this value, %", (0.0, 100.0))
