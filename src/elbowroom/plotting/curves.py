"""How a training went."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from elbowroom.formatting import z
from elbowroom.plotting.figure import Chart, Line, Shown

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from elbowroom.runs.run import Run

#: Up to so many points of a split are shown one by one, and no value is left out of the axes.
FEW = 8
#: Up to so many points of a measured split are marked.
MARKED = 30
SPLITS = ("train", "validation", "test")
#: Titles of the terms that stand in most objectives; any other goes by its name.
TITLES = {
    "loss": "loss",
    "elbo": "ELBO, higher is better",
    "reconstruction": "reconstruction, −log p(x|z)",
    "kl": "KL(q ‖ p)",
    "density_ratio": "log density ratio, by the critic",
    "critic": "the critic's own loss",
}
#: Units of the terms that are not in nats.
UNITS = {
    "commitment": "squared distance per example",
    "latent_l2": "½‖z‖² per example",
    "mmd": "squared discrepancy",
}
#: What a row of the metrics says beside its terms.
NO_TERMS = {"step", "epoch", "split", "examples", "seconds", "examples_per_second"}


def curves(run: Run) -> Figure:
    """Loss and every term of every split over the optimiser's steps, in nats per example."""
    from elbowroom.plotting.matplotlib_backend import paint

    return paint(curve_charts(run))


def curve_charts(run: Run) -> Shown:
    """The charts of :func:`curves`, and their words."""
    rows = [row for row in run.metrics() if "split" in row]
    names = terms(rows)
    latents = [name for name in names if re.fullmatch(r"kl_z\d+", name)]
    charts = [_chart(rows, name) for name in names if name not in latents]
    charts += [_latents(rows, latents)] if latents else []
    splits = [split for split in SPLITS if any(row["split"] == split for row in rows)]
    caption = (
        "Each term of the objective as the training went, the mean over a split's examples. Training rows are means "
        "over the steps since the row before, while the model changed; other splits were measured after each epoch."
    )
    if charts and charts[0].limits:
        caption += " The first values, far from the rest, are cut off."
    protocol = f"metrics.jsonl, {len(rows):,} rows; {', '.join(splits)}" if rows else "metrics.jsonl holds no rows"
    return Shown("How it went", caption, protocol, charts or [Chart("loss", [], "optimiser steps", "nats per example")])


def terms(rows: list[dict[str, Any]]) -> list[str]:
    """The terms in some rows of the metrics, the loss first; without the ELBO where that is the negated loss."""
    found = {name: None for name in ("loss", "elbo", "reconstruction", "kl") if any(name in row for row in rows)}
    found |= {
        name: None for row in rows for name, value in row.items() if isinstance(value, float) and name not in NO_TERMS
    }
    both = [(row["loss"], row["elbo"]) for row in rows if "elbo" in row]
    if all(abs(loss + elbo) <= 1e-4 * abs(loss) for loss, elbo in both):
        found.pop("elbo", None)
    return list(found)


def _chart(rows: list[dict[str, Any]], name: str) -> Chart:
    lines, longest = [], 0
    for split in SPLITS:
        mine = [row for row in rows if row["split"] == split and name in row]
        # An epoch's last window may hold a few batches only; its mean is noise beside the others'.
        enough = 0.5 * max((row["examples"] for row in mine), default=0)
        kept = [row for row in mine if row["examples"] >= enough]
        longest = max(longest, len(kept))
        if kept:
            points = len(kept) <= (FEW if split == "train" else MARKED)
            steps = [row["step"] for row in kept]
            lines.append(Line(split, steps, [row[name] for row in kept], split, points))
    limits = _limits([y for line in lines for y in line.y], rising=name == "elbo") if longest > FEW else None
    title = TITLES.get(name, name.replace("_", " "))
    if name == "loss" and _is_bound(rows):
        title = "loss, −ELBO"
    return Chart(title, lines, "optimiser steps", UNITS.get(name, "nats per example"), limits)


def _latents(rows: list[dict[str, Any]], names: list[str]) -> Chart:
    """The KL of every latent of a hierarchy in one chart, of one split."""
    split = next(name for name in ("validation", "test", "train") if any(row["split"] == name for row in rows))
    mine = [row for row in rows if row["split"] == split and names[0] in row]
    steps = [row["step"] for row in mine]
    lines = [
        Line(z(i), steps, [row[name] for row in mine], i / max(len(names) - 1, 1), len(mine) <= FEW)
        for i, name in enumerate(names)
    ]
    title = f"KL of each latent, {split}: {z(0)} blue to {z(len(names) - 1)} red"
    return Chart(title, lines, "optimiser steps", "nats per example")


def _is_bound(rows: list[dict[str, Any]]) -> bool:
    return "elbo" not in terms(rows) and any("elbo" in row for row in rows)


def _limits(values: list[float], rising: bool) -> tuple[float, float] | None:
    """The span of an axis, without the first values where they are far from everything that matters."""
    values = sorted(values)
    tenth = int(0.1 * (len(values) - 1))
    low, high = (values[tenth], values[-1]) if rising else (values[0], values[-1 - tenth])
    room = high - low + 1e-9
    below, above = (0.25, 0.08) if rising else (0.08, 0.25)
    low, high = low - below * room, high + above * room
    return (low, high) if values[0] < low or values[-1] > high else None
