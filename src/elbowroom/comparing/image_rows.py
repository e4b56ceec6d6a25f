"""Pictures side by side: what each group's model makes of the same examples, and of its prior."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from elbowroom.comparing.columns import format_mean
from elbowroom.comparing.curves import legend_key
from elbowroom.comparing.entry import Entry
from elbowroom.plotting import RunView
from elbowroom.plotting.figure import Chart, ImageGrid, Line
from elbowroom.plotting.table_rows import X_AXIS, Y_AXIS, column_numbers
from elbowroom.web.charts import render_chart
from elbowroom.web.image_grids import render_image_grid

if TYPE_CHECKING:
    from elbowroom.comparing.comparison import Comparison, Group

#: Examples in a row, and examples that are drawn as lines where they are no pictures.
EXAMPLES_PER_ROW, MAX_ROW_CHARTS = 10, 3


class RepresentativeModels:
    """The models that are shown, one of each group: of one seed, so that examples and noise are the same.

    Attributes:
        seed: of the runs, where a group has it.
        parts: (examples, groups) for each data set: the number of each group, its run, and its model with data.
        missing: groups that have no model to show, and why.
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
            data, model = entry.data, entry.model
            run = entry.run or (entry.reference_entry.run if entry.reference_entry else None)
            if data is None or model is None or run is None:
                self.missing_reasons[group.name] = entry.missing_reason
                continue
            key = (group.protocol.data, data.protocol["fingerprint"])
            self.by_dataset.setdefault(key, []).append((i, group, entry, RunView(run, data, model, EXAMPLES_PER_ROW)))

    @property
    def protocol(self) -> str:
        """Which run of a group is shown."""
        return f"of each group the run with seed {self.seed}" if self.seed is not None else ""


def render_reconstructions(models: RepresentativeModels, chart_data: list[dict[str, Any]]) -> str:
    """The same examples under each model, a row for each group under the data."""
    html = []
    for part in models.by_dataset.values():
        look = part[0][3]
        x, y = look.batch.x, look.batch.y
        made = [(i, group, one.model.reconstruct(x, y)) for i, group, _, one in part]
        html.append(
            _render_image_grid(models, look, x, made)
            if look.has_images
            else _render_row_charts(look, x, made, chart_data)
        )
    return "".join(html)


def render_samples(models: RepresentativeModels) -> tuple[str, list[str]]:
    """What each model makes of codes from its prior; and the recipes that have none."""
    html, without = [], []
    for part in models.by_dataset.values():
        rows, names = [], []
        for _, group, _, look in part:
            if not look.has_images:
                continue
            try:
                rows.append(look.samples(EXAMPLES_PER_ROW))
                names.append(group.name)
            except ValueError:
                without.append(str(group.settings.get("recipe")))
        if rows:
            cells = torch.stack(rows).clamp(0, 1)
            html.append(
                render_image_grid(
                    ImageGrid(
                        cells, names, [""] * EXAMPLES_PER_ROW, "each group", f"{EXAMPLES_PER_ROW} samples, z ~ p(z)"
                    )
                )
            )
    return "".join(html), list(dict.fromkeys(without))


def _render_image_grid(
    models: RepresentativeModels, view: RunView, x: Tensor, outputs: Sequence[tuple[int, Group, Tensor]]
) -> str:
    cells = torch.stack([x, *(again for _, _, again in outputs)]).clamp(0, 1)
    column = next(c for c in models.comparison.columns if c.name == "squared_error")
    figures = [
        format_mean(group.metrics.get("squared_error"), column.digits).partition(" ±")[0] for _, group, _ in outputs
    ]
    names = [f"{group.name}  {figure}" for (_, group, _), figure in zip(outputs, figures, strict=True)]
    about = f"{view.describe_examples(len(x))}; beside each name the squared error per dimension of the whole split"
    return render_image_grid(ImageGrid(cells, ["data", *names], [""] * len(x), "what each group makes of them", about))


def _render_row_charts(
    view: RunView, x: Tensor, outputs: Sequence[tuple[int, Group, Tensor]], chart_data: list[dict[str, Any]]
) -> str:
    """Rows of a table as lines over its columns: the data, and every group's reconstruction of it."""
    charts = []
    for n in range(min(MAX_ROW_CHARTS, len(x))):
        charts.append(_render_row_chart(view, n, x, outputs, len(chart_data)))
        chart_data.append({"lines": []})
    keys = "".join(f"<span>{legend_key(i)}{escape(group.name)}</span>" for i, group, _ in outputs)
    legend = f'<p class="legend"><span>{legend_key("data")}data</span>{keys}</p>'
    return f'{legend}<div class="charts">{"".join(charts)}</div>'


def _render_row_chart(
    view: RunView, n: int, x: Tensor, outputs: Sequence[tuple[int, Group, Tensor]], chart_index: int
) -> str:
    across = column_numbers(x)

    def lines() -> Iterator[Line]:
        yield Line("data", across, view.standardize(x[n : n + 1])[0].tolist(), "data", len(across) < 40)
        for i, group, again in outputs:
            yield Line(group.name, across, view.standardize(again[n : n + 1])[0].tolist(), f"g{i}")

    return render_chart(Chart(view.example_name(n), list(lines()), X_AXIS, Y_AXIS), chart_index)[0]
