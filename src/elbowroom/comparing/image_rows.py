"""Rows of images, one for each group: reconstructions of the same examples, and samples from the prior."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
from markupsafe import Markup
from torch import Tensor

from elbowroom.comparing.columns import format_mean
from elbowroom.comparing.curves import LineStyle, line_styles
from elbowroom.comparing.entry import EXAMPLES_PER_ROW, Entry
from elbowroom.plotting.figure import Chart, ImageGrid, Line
from elbowroom.plotting.montage import to_images
from elbowroom.plotting.sample_source import find_source
from elbowroom.plotting.table_rows import X_AXIS, Y_AXIS, cell_table, column_numbers, has_named_columns, standardize
from elbowroom.runs.run_view import RunView
from elbowroom.web.charts import chart_data, line_data
from elbowroom.web.marks import MarkRenderer

if TYPE_CHECKING:
    from elbowroom.comparing.comparison import Comparison, Group

#: Rows of a table that are drawn as charts, where the data has no images.
MAX_ROW_CHARTS = 3
#: Columns of a table below which each of its values is marked.
MAX_MARKED_COLUMNS = 40


class RepresentativeModels:
    """The models that are shown, one for each group: with one seed, so that examples and noise are the same.

    Attributes:
        seed: the seed of the runs that are shown, in each group that has it.
        by_dataset: for each data set (group's index, group, entry, view of its run with model and data).
        missing_reasons: why a group has no model to show, by the group's name.
    """

    def __init__(self, comparison: Comparison) -> None:
        self.comparison = comparison
        seeds = [entry.seed for group in comparison.groups for entry in group.done_entries]
        self.seed = max(dict.fromkeys(seeds), key=seeds.count, default=None)
        self.by_dataset: dict[Any, list[tuple[int, Group, Entry, RunView]]] = {}
        self.missing_reasons: dict[str, str] = {}
        for i, group in enumerate(comparison.groups):
            if not group.done_entries:
                continue
            entry = next((e for e in group.done_entries if e.seed == self.seed), group.done_entries[0])
            if entry.view is None or entry.missing_reason:
                self.missing_reasons[group.name] = entry.missing_reason
                continue
            key = (group.protocol.data, entry.view.data.protocol["fingerprint"])
            self.by_dataset.setdefault(key, []).append((i, group, entry, entry.view))

    @property
    def protocol(self) -> str:
        """Which run of a group is shown, in words."""
        return f"of each group the run with seed {self.seed}" if self.seed is not None else ""


def render_reconstructions(models: RepresentativeModels, marks: MarkRenderer) -> Markup:
    """Return reconstructions of the same examples as HTML: a row for each group under the data."""
    html = []
    for shown in models.by_dataset.values():
        view = shown[0][3]
        x, y = view.batch.x, view.batch.y
        outputs = [(i, group, one.model.reconstruct(x, y)) for i, group, _, one in shown]
        html.append(
            marks.render([_image_grid(models, view, x, outputs)])
            if view.has_images
            else _render_row_charts(view, x, outputs, marks, line_styles(models.comparison.groups))
        )
    return Markup("").join(html)


def render_samples(models: RepresentativeModels, marks: MarkRenderer) -> tuple[Markup, list[str]]:
    """Return samples from each model as HTML, and the names of the recipes that cannot be sampled."""
    html, without = [], []
    for shown in models.by_dataset.values():
        rows, names, sources = [], [], dict[str, None]()
        for _, group, _, view in shown:
            if not view.has_images:
                continue
            try:
                source = find_source(view)
                rows.append(source.samples(view, EXAMPLES_PER_ROW))
                names.append(group.name)
                sources[source.words] = None
            except ValueError:
                without.append(str(group.settings.get("recipe")))
        if rows:
            images = to_images(torch.stack(rows), view.model.views)
            cells, columns = images.clamp(0, 1), [""] * EXAMPLES_PER_ROW
            grid = ImageGrid(cells, names, columns, "each group", f"{EXAMPLES_PER_ROW} samples, {', '.join(sources)}")
            html.append(marks.render([grid]))
    return Markup("").join(html), list(dict.fromkeys(without))


def _image_grid(
    models: RepresentativeModels, view: RunView, x: Tensor, outputs: Sequence[tuple[int, Group, Tensor]]
) -> ImageGrid:
    cells = to_images(torch.stack([x, *(output for _, _, output in outputs)]), view.model.views).clamp(0, 1)
    names = [group.name for _, group, _ in outputs]
    axis = view.describe_examples(len(x))
    column = next((c for c in models.comparison.columns if c.name == "squared_error"), None)
    if column is not None:
        means = [format_mean(group.metrics.get(column.name), column.digits) for _, group, _ in outputs]
        names = [f"{name}  {mean.partition(' ±')[0]}" for name, mean in zip(names, means, strict=True)]
        axis = f"{axis}; beside each name the squared error per dimension of the whole split"
    return ImageGrid(cells, ["data", *names], [""] * len(x), "reconstruction of each group", axis)


def _render_row_charts(
    view: RunView,
    x: Tensor,
    outputs: Sequence[tuple[int, Group, Tensor]],
    marks: MarkRenderer,
    styles: Sequence[LineStyle],
) -> Markup:
    """Return rows of a table: the data, and each group's reconstruction of it; charts where columns have no names."""
    shown = range(min(MAX_ROW_CHARTS, len(x)))
    if has_named_columns(view):
        heads = ["data", *(group.name for _, group, _ in outputs)]
        rows = [torch.stack([x[n], *(output[n].cpu() for _, _, output in outputs)]) for n in shown]
        return marks.render([cell_table(view, view.example_name(n), heads, rows[n]) for n in shown])
    return marks.side_by_side(_render_row_chart(view, n, x, outputs, marks, styles) for n in shown)


def _render_row_chart(
    view: RunView,
    n: int,
    x: Tensor,
    outputs: Sequence[tuple[int, Group, Tensor]],
    marks: MarkRenderer,
    styles: Sequence[LineStyle],
) -> Markup:
    """Return a chart of one row: the data in grey, each group in the color of its legend."""
    columns = column_numbers(x)
    data = standardize(view, x[n : n + 1])[0].tolist()
    lines = [Line("data", columns, data, "data", len(columns) < MAX_MARKED_COLUMNS)]
    for _, group, output in outputs:
        lines.append(Line(group.name, columns, standardize(view, output[n : n + 1])[0].tolist(), "model"))
    chart = Chart(view.example_name(n), lines, X_AXIS, Y_AXIS)
    drawn = [styles[i]._asdict() for i, _, _ in outputs]
    line_datas = [line_data(line) | style for line, style in zip(lines, [{}, *drawn], strict=True)]
    return marks.chart(chart, chart_data(chart) | {"lines": line_datas})
