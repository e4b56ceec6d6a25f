"""Pictures side by side: what each group's model makes of the same examples, and of its prior."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from typing import Any

import torch
from torch import Tensor

from elbowroom.comparing.colours import key
from elbowroom.comparing.columns import words
from elbowroom.comparing.comparison import Comparison
from elbowroom.comparing.entry import Entry
from elbowroom.comparing.group import Group
from elbowroom.plotting import Look
from elbowroom.plotting.figure import Chart, Line, Sheet
from elbowroom.plotting.table_rows import COLUMN, HEIGHT, columns
from elbowroom.web.charts import chart
from elbowroom.web.image_grids import sheet

#: Examples in a row, and examples that are drawn as lines where they are no pictures.
ACROSS, ROWS = 10, 3


class Shown:
    """The models that are shown, one of each group: of one seed, so that examples and noise are the same.

    Attributes:
        seed: of the runs, where a group has it.
        parts: (examples, groups) for each data set: the number of each group, its run, and its model with data.
        missing: groups that have no model to show, and why.
    """

    def __init__(self, comparison: Comparison) -> None:
        self.comparison = comparison
        seeds = [entry.seed for group in comparison.groups for entry in group.done]
        self.seed = max(dict.fromkeys(seeds), key=seeds.count, default=None)
        self.parts: dict[Any, list[tuple[int, Group, Entry, Look]]] = {}
        self.missing: dict[str, str] = {}
        for i, group in enumerate(comparison.groups):
            if not group.done:
                continue
            entry = next((e for e in group.done if e.seed == self.seed), group.done[0])
            data, model = entry.data, entry.model
            run = entry.run or (entry.like.run if entry.like else None)
            if data is None or model is None or run is None:
                self.missing[group.name] = entry.unseen
                continue
            key = (group.protocol.data, data.protocol["fingerprint"])
            self.parts.setdefault(key, []).append((i, group, entry, Look(run, data, model, ACROSS)))

    @property
    def protocol(self) -> str:
        """Which run of a group is shown."""
        return f"of each group the run with seed {self.seed}" if self.seed is not None else ""


def reconstructions(shown: Shown, data: list[dict[str, Any]]) -> str:
    """The same examples under each model, a row for each group under the data."""
    html = []
    for part in shown.parts.values():
        look = part[0][3]
        x, y = look.batch.x, look.batch.y
        made = [(i, group, one.model.reconstruct(x, y)) for i, group, _, one in part]
        html.append(_sheet(shown, look, x, made) if look.pictures else _lines(look, x, made, data))
    return "".join(html)


def samples(shown: Shown) -> tuple[str, list[str]]:
    """What each model makes of codes from its prior; and the recipes that have none."""
    html, without = [], []
    for part in shown.parts.values():
        rows, names = [], []
        for _, group, _, look in part:
            if not look.pictures:
                continue
            try:
                rows.append(look.samples(ACROSS))
                names.append(group.name)
            except ValueError:
                without.append(str(group.settings.get("recipe")))
        if rows:
            cells = torch.stack(rows).clamp(0, 1)
            html.append(sheet(Sheet(cells, names, [""] * ACROSS, "each group", f"{ACROSS} samples, z ~ p(z)")))
    return "".join(html), list(dict.fromkeys(without))


def _sheet(shown: Shown, look: Look, x: Tensor, made: Sequence[tuple[int, Group, Tensor]]) -> str:
    cells = torch.stack([x, *(again for _, _, again in made)]).clamp(0, 1)
    column = next(c for c in shown.comparison.columns if c.name == "squared_error")
    figures = [words(group.figures.get("squared_error"), column.digits).partition(" ±")[0] for _, group, _ in made]
    names = [f"{group.name}  {figure}" for (_, group, _), figure in zip(made, figures, strict=True)]
    about = f"{look.of(len(x))}; beside each name the squared error per dimension of the whole split"
    return sheet(Sheet(cells, ["data", *names], [""] * len(x), "what each group makes of them", about))


def _lines(look: Look, x: Tensor, made: Sequence[tuple[int, Group, Tensor]], data: list[dict[str, Any]]) -> str:
    """Rows of a table as lines over its columns: the data, and every group's reconstruction of it."""
    charts = []
    for n in range(min(ROWS, len(x))):
        charts.append(_row(look, n, x, made, len(data)))
        data.append({"lines": []})
    keys = "".join(f"<span>{key(i)}{escape(group.name)}</span>" for i, group, _ in made)
    legend = f'<p class="legend"><span>{key("data")}data</span>{keys}</p>'
    return f'{legend}<div class="charts">{"".join(charts)}</div>'


def _row(look: Look, n: int, x: Tensor, made: Sequence[tuple[int, Group, Tensor]], place: int) -> str:
    across = columns(x)

    def lines() -> Iterator[Line]:
        yield Line("data", across, look.standardised(x[n : n + 1])[0].tolist(), "data", len(across) < 40)
        for i, group, again in made:
            yield Line(group.name, across, look.standardised(again[n : n + 1])[0].tolist(), f"g{i}")

    return chart(Chart(look.name(n), list(lines()), COLUMN, HEIGHT), place)[0]
