"""How a training went."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from elbowroom.formatting import latent_symbol
from elbowroom.plotting.figure import Chart, FigureSpec, Line

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from elbowroom.runs.run import Run

#: Up to so many points of a split are shown one by one, and no value is left out of the axes.
MAX_MARKED_TRAIN_POINTS = 8
#: Up to so many points of a measured split are marked.
MAX_MARKED_POINTS = 30
SPLITS = ("train", "validation", "test")
#: Titles of the terms that stand in most objectives; any other goes by its name.
TERM_TITLES = {
    "loss": "loss",
    "elbo": "ELBO, higher is better",
    "reconstruction": "reconstruction, −log p(x|z)",
    "kl": "KL(q ‖ p)",
    "density_ratio": "log density ratio, by the critic",
    "critic": "the critic's own loss",
}
#: Units of the terms that are not in nats.
TERM_UNITS = {
    "commitment": "squared distance per example",
    "latent_l2": "½‖z‖² per example",
    "mmd": "squared discrepancy",
}
#: What a row of the metrics says beside its terms.
NON_TERM_KEYS = {"step", "epoch", "split", "examples", "seconds", "examples_per_second"}


def plot_curves(run: Run) -> Figure:
    """Loss and every term of every split over the optimiser's steps, in nats per example."""
    from elbowroom.plotting.matplotlib_backend import draw_figure

    return draw_figure(curves_figure(run))


def curves_figure(run: Run) -> FigureSpec:
    """The charts of :func:`plot_curves`, and their words."""
    rows = [row for row in run.metrics() if "split" in row]
    names = term_names(rows)
    latents = [name for name in names if re.fullmatch(r"kl_z\d+", name)]
    charts = [_term_chart(rows, name) for name in names if name not in latents]
    charts += [_latent_kl_chart(rows, latents)] if latents else []
    splits = [split for split in SPLITS if any(row["split"] == split for row in rows)]
    caption = (
        "Each term of the objective as the training went, the mean over a split's examples. Training rows are means "
        "over the steps since the row before, while the model changed; other splits were measured after each epoch."
    )
    if charts and charts[0].limits:
        caption += " The first values, far from the rest, are cut off."
    protocol = f"metrics.jsonl, {len(rows):,} rows; {', '.join(splits)}" if rows else "metrics.jsonl holds no rows"
    return FigureSpec(
        "How it went", caption, protocol, charts or [Chart("loss", [], "optimiser steps", "nats per example")]
    )


def term_names(rows: list[dict[str, Any]]) -> list[str]:
    """The terms in some rows of the metrics, the loss first; without the ELBO where that is the negated loss."""
    found = {name: None for name in ("loss", "elbo", "reconstruction", "kl") if any(name in row for row in rows)}
    found |= {
        name: None
        for row in rows
        for name, value in row.items()
        if isinstance(value, float) and name not in NON_TERM_KEYS
    }
    both = [(row["loss"], row["elbo"]) for row in rows if "elbo" in row]
    if all(abs(loss + elbo) <= 1e-4 * abs(loss) for loss, elbo in both):
        found.pop("elbo", None)
    return list(found)


def _term_chart(rows: list[dict[str, Any]], name: str) -> Chart:
    lines, longest = [], 0
    for split in SPLITS:
        mine = [row for row in rows if row["split"] == split and name in row]
        # An epoch's last window may hold a few batches only; its mean is noise beside the others'.
        enough = 0.5 * max((row["examples"] for row in mine), default=0)
        kept = [row for row in mine if row["examples"] >= enough]
        longest = max(longest, len(kept))
        if kept:
            points = len(kept) <= (MAX_MARKED_TRAIN_POINTS if split == "train" else MAX_MARKED_POINTS)
            steps = [row["step"] for row in kept]
            lines.append(Line(split, steps, [row[name] for row in kept], split, points))
    limits = (
        _y_limits([y for line in lines for y in line.y], is_rising=name == "elbo")
        if longest > MAX_MARKED_TRAIN_POINTS
        else None
    )
    title = TERM_TITLES.get(name, name.replace("_", " "))
    if name == "loss" and _is_loss_negated_elbo(rows):
        title = "loss, −ELBO"
    return Chart(title, lines, "optimiser steps", TERM_UNITS.get(name, "nats per example"), limits)


def _latent_kl_chart(rows: list[dict[str, Any]], names: list[str]) -> Chart:
    """The KL of every latent of a hierarchy in one chart, of one split."""
    split = next(name for name in ("validation", "test", "train") if any(row["split"] == name for row in rows))
    mine = [row for row in rows if row["split"] == split and names[0] in row]
    steps = [row["step"] for row in mine]
    lines = [
        Line(
            latent_symbol(i),
            steps,
            [row[name] for row in mine],
            i / max(len(names) - 1, 1),
            len(mine) <= MAX_MARKED_TRAIN_POINTS,
        )
        for i, name in enumerate(names)
    ]
    title = f"KL of each latent, {split}: {latent_symbol(0)} blue to {latent_symbol(len(names) - 1)} red"
    return Chart(title, lines, "optimiser steps", "nats per example")


def _is_loss_negated_elbo(rows: list[dict[str, Any]]) -> bool:
    return "elbo" not in term_names(rows) and any("elbo" in row for row in rows)


def _y_limits(values: list[float], is_rising: bool) -> tuple[float, float] | None:
    """The span of an axis, without the first values where they are far from everything that matters."""
    values = sorted(values)
    tenth = int(0.1 * (len(values) - 1))
    low, high = (values[tenth], values[-1]) if is_rising else (values[0], values[-1 - tenth])
    room = high - low + 1e-9
    below, above = (0.25, 0.08) if is_rising else (0.08, 0.25)
    low, high = low - below * room, high + above * room
    return (low, high) if values[0] < low or values[-1] > high else None
