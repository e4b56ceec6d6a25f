"""Figures of data itself, before any model: images with their labels, the columns of a table, rows of numbers."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from elbowroom.data import Batch, Data, freeze
from elbowroom.data.readers.table_encoding import Column
from elbowroom.formatting import format_number
from elbowroom.plotting.figure import Bars, Chart, FigureSpec, ImageGrid
from elbowroom.plotting.montage import can_show, to_images
from elbowroom.plotting.registry import register_figure
from elbowroom.plotting.series_curves import curve, name_channels
from elbowroom.runs.run_view import RunView

#: Images, in rows of ten.
N_IMAGES = 50
N_COLUMNS = 10
#: Rows from which the columns of a table are counted.
MAX_ROWS = 5000
#: Columns of a table that are shown, and bars of each.
MAX_TABLE_COLUMNS = 12
MAX_BARS = 12
#: Characters of a category's name below a bar.
MAX_LABEL_CHARS = 9
#: Rows of numbers, or series, that are drawn as lines.
N_LINES = 12


def label_names(data: Data, y: Tensor | None) -> list[str] | None:
    """Return the names of the classes of examples, empty where unknown; ``None`` for what has no classes."""
    if y is None or y.dim() != 1 or y.is_floating_point():
        return None
    classes = data.classes or ()
    return ["" if i < 0 else classes[i] if i < len(classes) else str(i) for i in y.tolist()]


@register_figure("data", "examples as the model sees them, with their labels", "Data", "data", section="examples")
def data_figure(view: RunView) -> FigureSpec:
    """Return training examples of a run's data."""
    return examples_figure(view.data, view.seed)


def examples_figure(data: Data, seed: int = 0) -> FigureSpec:
    """Return training examples of data, picked at random: images, columns of a table, or lines."""
    if data.columns is not None:
        return _columns_figure(data, seed)
    if can_show(data.shape):
        return _images_figure(data, *_pick(data, N_IMAGES, seed))
    return _lines_figure(data, *_pick(data, N_LINES, seed))


def _pick(data: Data, n: int, seed: int) -> tuple[Batch, str]:
    """Return n training examples picked at random, and where they come from, as text."""
    split = freeze(data.train, seed)
    order = split.random_order(torch.Generator().manual_seed(seed))
    total = data.protocol.get("sizes", {}).get("train")
    first = next(split.batches(n, None if order is None else order[:n]))
    return first, f"{len(first.x):,}{f' of {total:,}' if total else ''} training examples of {data.name}, seed {seed}"


def _images_figure(data: Data, batch: Batch, words: str) -> FigureSpec:
    n_columns = min(N_COLUMNS, len(batch.x))
    n_rows = len(batch.x) // n_columns
    n = n_rows * n_columns
    names = label_names(data, batch.y)
    captions = [] if names is None else [names[i : i + n_columns] for i in range(0, n, n_columns)]
    x = to_images(batch.x[:n].cpu(), data.shape)
    images = x.reshape(n_rows, n_columns, *x.shape[1:])
    shape = "x".join(map(str, data.shape))
    grid = ImageGrid(images, [""] * n_rows, [""] * n_columns, f"{n} examples", f"data of {shape}", captions)
    return FigureSpec("Data", f"Examples as the model sees them. Preprocessing: {_preprocessing(data)}.", words, [grid])


def _columns_figure(data: Data, seed: int) -> FigureSpec:
    batch, words = _pick(data, MAX_ROWS, seed)
    columns = (data.columns or ())[:MAX_TABLE_COLUMNS]
    bars = [_column_bars(column, batch.x[:, i].cpu()) for i, column in enumerate(columns)]
    total = len(data.columns or ())
    more = f", the first {len(columns)} of {total} columns" if len(columns) < total else ""
    caption = f"The values of each column, in its own unit. Preprocessing: {_preprocessing(data)}."
    return FigureSpec("Data", caption, words + more, bars)


def _column_bars(column: Column, x: Tensor) -> Bars:
    """Return how often the values of a column come, among its cells that are not empty."""
    known = x[~x.isnan()]
    empty = f", {1 - len(known) / max(len(x), 1):.0%} of the cells empty" if len(known) < len(x) else ""
    if column.n_categories:
        counts = known.round().long().clamp_min(0).bincount(minlength=column.n_categories)[: column.n_categories]
        order = counts.argsort(descending=True, stable=True)[:MAX_BARS].tolist()
        labels = [_shorten(str(column.categories[i])) for i in order]
        heights = [counts[i].item() for i in order]
    else:
        values = known.double() * column.sd + column.mean
        counts, edges = torch.histogram(values, MAX_BARS) if len(values) else (torch.zeros(1), torch.zeros(2))
        step = float(edges[-1] - edges[0]) / 1000 or 1.0
        labels = [format_number(round(edge / step) * step, 3) for edge in edges[:-1].tolist()]
        heights = counts.tolist()
    axis = "category" if column.n_categories else "from each value to the next"
    return Bars(f"{column.name}{empty}", heights, labels, axis, "rows")


def _shorten(name: str) -> str:
    return name if len(name) <= MAX_LABEL_CHARS else f"{name[: MAX_LABEL_CHARS - 1]}…"


def _lines_figure(data: Data, batch: Batch, words: str) -> FigureSpec:
    if math.prod(data.shape) > 20_000:
        raise ValueError(f"examples of {'x'.join(map(str, data.shape))} are neither images, rows nor series")
    x = batch.x.cpu().float()
    channels = x.reshape(len(x), -1, x.shape[-1]).movedim(1, 0)
    series = data.protocol.get("series")
    if series:
        names, axes = name_channels(series["channels"]), ("step", "value as scaled")
    else:
        names = [f"channel {c}" if len(channels) > 1 else "rows" for c in range(1, len(channels) + 1)]
        axes = ("position", "value")
    charts = [
        Chart(name, [curve(f"example {i}", row, "data") for i, row in enumerate(rows, 1)], *axes)
        for name, rows in zip(names, channels[:MAX_TABLE_COLUMNS], strict=False)
    ]
    caption = f"{len(x)} examples as the model sees them. Preprocessing: {_preprocessing(data)}."
    return FigureSpec("Data", caption, words, charts)


def _preprocessing(data: Data) -> str:
    return str(data.protocol.get("preprocessing", "none"))
