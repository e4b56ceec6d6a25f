"""Draw the figures of the pages on tables: ``python docs/table_figures.py`` (``adult.csv``, a minute of one core).

``synthetic_table.png``: two columns of the census table and a pair of them, of held-out rows and of rows that
``made_vae`` drew. ``gaps.png``: hidden cells of a table of numbers against what ``vaeac`` fills in, with the spread of
its draws. ``ELBOWROOM_DATA`` is where the tables are.
"""

from __future__ import annotations

import csv
import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import elbowroom as er
from elbowroom.data.table_rows import table_columns
from elbowroom.latent.imputation import impute

FOLDER = Path(__file__).parent / "images"
TABLES = Path(os.environ.get("ELBOWROOM_DATA", "data"), "Tables")
BLUE, ORANGE, GRAY = "#0072B2", "#D55E00", "#7f7f7f"
QUIET: dict[str, Any] = {"report": False, "progress": False, "sampler": "none", "watch": (), "device": "cpu"}
#: Rows that are trained on, held out and drawn.
N_ROWS = 10_000
#: The share of cells that are hidden, and the draws of each.
HIDDEN, DRAWS = 0.2, 50


def train(recipe: str, data: er.Data, steps: int, **arguments: Any) -> er.GenerativeModel:
    """Return a recipe's model, trained in the recipe's settings."""
    settings = er.recipes.find(recipe).defaults | {"steps": steps}
    schedule = er.LRSchedule(settings.pop("schedule", "one-cycle"))
    model, objective = er.recipes.find(recipe)(data.shape, seed=0, **arguments)
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder, "run")
        run = er.fit(model, objective, data, seed=0, out=out, callbacks=[schedule], **QUIET, **settings)
        return run.model()


def read_adult() -> dict[str, list[Any]]:
    """Return the census table by column, numbers as such."""
    with (TABLES / "adult.csv").open(newline="") as file:
        head, *rows = [row for row in csv.reader(file, skipinitialspace=True) if row]
    columns = dict(zip(head, map(list, zip(*rows, strict=True)), strict=True))
    return {name: [*map(int, cells)] if cells[0].isdigit() else cells for name, cells in columns.items()}


def draw_synthetic(steps: int = 300) -> None:
    """Draw columns of the census table and of as many synthetic rows."""
    table = read_adult()
    order = np.random.default_rng(0).permutation(len(table["age"]))[: 2 * N_ROWS]
    taken = {name: [cells[i] for i in order] for name, cells in table.items()}
    data = er.load_data({name: cells[:N_ROWS] for name, cells in taken.items()}, label="", validation=0, test=0)
    torch.manual_seed(0)
    model = train("made_vae", data, steps)
    drawn = table_columns(torch.cat([model.sample(1_000, draw=True) for _ in range(N_ROWS // 1_000)]), data.protocol)
    real = {name: cells[N_ROWS:] for name, cells in taken.items()}
    figure = Figure(figsize=(11, 3.4), dpi=110, facecolor="white", layout="constrained")
    hours, education, ages = figure.subplots(1, 3, width_ratios=(1, 1.15, 1.1))
    parts = ((real, BLUE, "held-out rows"), (drawn, ORANGE, "synthetic rows"))
    for rows, color, label in parts:
        hours.hist(
            rows["hours-per-week"],
            bins=range(0, 101, 2),
            density=True,
            histtype="step",
            color=color,
            label=label,
            lw=1.4,
        )
    hours.set(xlabel="hours per week", ylabel="share of rows per hour")
    hours.legend(frameon=False)
    draw_shares(education, [(rows["education"], color) for rows, color, _ in parts])
    draw_pair(ages, [(rows, color) for rows, color, _ in parts])
    hide_frame(hours, education, ages)
    figure.savefig(FOLDER / "synthetic_table.png")


def draw_shares(axes: Axes, columns: list[tuple[list[Any], str]]) -> None:
    """Draw the shares of the ten most frequent categories as bars side by side."""
    names, counts = np.unique(columns[0][0], return_counts=True)
    names = names[counts.argsort()[-10:]]
    for offset, (cells, color) in zip((0.2, -0.2), columns, strict=True):
        shares = [np.mean(np.array(cells) == name) * 100 for name in names]
        axes.barh(np.arange(len(names)) + offset, shares, 0.38, color=color)
    axes.set_yticks(range(len(names)), names)
    axes.set_xlabel("education, % of rows")


def draw_pair(axes: Axes, parts: list[tuple[dict[str, list[Any]], str]]) -> None:
    """Draw the share of high incomes by age."""
    edges = np.arange(17, 80, 5)
    for rows, color in parts:
        age, is_high = np.array(rows["age"], dtype=float), np.array(rows["income"]) == ">50K"
        shares = [is_high[(age >= low) & (age < low + 5)].mean() * 100 for low in edges]
        axes.plot(edges + 2.5, shares, "o-", color=color, markersize=4)
    axes.set(xlabel="age, years", ylabel="income above 50K, % of rows", ylim=(0, None))


def hide_frame(*every: Axes) -> None:
    """Leave out the lines at the top and on the right."""
    for axes in every:
        axes.spines[["top", "right"]].set_visible(False)


def draw_gaps(steps: int = 2_000) -> None:
    """Draw hidden numbers against what is filled in: means of draws, with the range that 90 % of them have."""
    x = np.load(TABLES / "anomalies" / "pendigits.npz")["X"][:2_500]
    x = (x - x.mean(0)) / x.std(0)
    is_hidden = np.random.default_rng(0).random(x.shape) < HIDDEN
    table = {f"x{i + 1}": column for i, column in enumerate(np.where(is_hidden, np.nan, x).T)}
    data = er.load_data(table, label="", validation=0, test=0)
    model = train("vaeac", data, steps)
    with torch.no_grad():
        torch.manual_seed(0)
        batch = data.train.first(300)
        draws = impute(model, batch.x, draws=DRAWS)
    scale = np.array([(column.sd, column.mean) for column in data.columns or ()]).T
    filled = draws.numpy() * scale[0] + scale[1]
    figure = Figure(figsize=(9, 4.2), dpi=110, facecolor="white", layout="constrained")
    for axes, column in zip(figure.subplots(1, 2), (3, 12), strict=True):
        rows = np.flatnonzero(is_hidden[:300, column])[:40]
        mean, truth = filled[:, rows, column].mean(0), x[rows, column]
        low, high = np.quantile(filled[:, rows, column], (0.05, 0.95), axis=0)
        ends = (truth.min() - 0.2, truth.max() + 0.2)
        axes.plot(ends, ends, color=GRAY, lw=1)
        axes.errorbar(truth, mean, np.abs([mean - low, high - mean]), fmt="o", color=BLUE, ms=4, lw=0.8)
        inside = np.mean((truth >= low) & (truth <= high))
        axes.set(xlabel="hidden value, standard deviations", ylabel="filled: mean and 90 % of draws")
        axes.set_title(f"column {column + 1}: {100 * inside:.0f} % of {len(rows)} cells within the bars", fontsize=10)
        hide_frame(axes)
    figure.savefig(FOLDER / "gaps.png")


if __name__ == "__main__":
    draw_synthetic()
    draw_gaps()
