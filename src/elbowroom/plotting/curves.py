"""Training curves: the loss and its terms over the optimizer's steps."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from elbowroom.formatting import latent_symbol
from elbowroom.plotting.figure import Chart, FigureSpec, Line
from elbowroom.plotting.registry import register_figure
from elbowroom.runs.run_view import RunView

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from elbowroom.runs.run import Run

#: The share of the steps whose values may be cut off, and the share of the range of the others shown beyond it.
START_SHARE = 0.1
MARGIN_SHARE = 0.15
#: Up to this many points of the training split are marked, and no value is cut off by the axes.
MAX_MARKED_TRAIN_POINTS = 8
#: Up to this many points of the validation and test splits are marked.
MAX_MARKED_POINTS = 30
SPLITS = ("train", "validation", "test")
#: Titles of the terms of most objectives; others are shown by their name.
TERM_TITLES = {
    "loss": "loss",
    "elbo": "ELBO, higher is better",
    "reconstruction": "reconstruction, −log p(x|z)",
    "kl": "KL(q ‖ p)",
    "density_ratio": "log density ratio, by the critic",
    "critic": "the critic's own loss",
    "critic_accuracy": "share of what the critic sees that it is right on",
    "adversarial": "adversarial loss, before its weight",
    "adversarial_weight": "balanced weight of the adversarial loss",
    "critic_similarity": "distance in the critic's features",
    "exp_elbo": "exponential of the ELBO of decoded examples",
    "fake_kl": "KL(q ‖ p) of decoded examples",
    "encoder": "the encoder's loss",
    "decoder": "the decoder's loss",
    "code_usage": "share of the codes that a batch uses",
    "code_perplexity": "perplexity of the codes of a batch",
}
#: Units of the terms that are not in nats.
TERM_UNITS = {
    "commitment": "squared distance per example",
    "latent_l2": "½‖z‖² per example",
    "codebook": "squared distance per example",
    "mmd": "squared discrepancy",
    "critic": "loss per logit",
    "critic_accuracy": "share",
    "adversarial": "loss per logit",
    "adversarial_weight": "factor",
    "critic_similarity": "½ squared distance per example",
    "code_usage": "share",
    "code_perplexity": "codes",
}
#: Keys of a row of ``metrics.jsonl`` that are not terms.
NON_TERM_KEYS = {"step", "epoch", "split", "examples", "seconds", "examples_per_second"}


def plot_curves(run: Run) -> Figure:
    """Draw the loss and every term over the optimizer's steps, for every split, in nats per example."""
    from elbowroom.plotting.matplotlib_backend import draw_figure

    return draw_figure(curves_figure(run))


def curves_figure(run: Run) -> FigureSpec:
    """Return the charts of :func:`plot_curves`, one for each term."""
    rows = [row for row in run.metrics() if "split" in row]
    names = term_names(rows)
    latents = [name for name in names if re.fullmatch(r"kl_z\d+", name)]
    charts = [_term_chart(rows, name) for name in names if name not in latents]
    charts += [_latent_kl_chart(rows, latents)] if latents else []
    splits = [split for split in SPLITS if any(row["split"] == split for row in rows)]
    caption = (
        "Each term of the objective as the training went, the mean over a split's examples. Training rows are means "
        "over the steps since the row before, while the model changed; other splits were measured at the end of epochs."
    )
    if note := run.record["training"].get("held_out_note"):
        caption += f" {note[0].upper()}{note[1:]}."
    if charts and charts[0].limits:
        caption += " The first values, far from the rest, are cut off."
    protocol = f"metrics.jsonl, {len(rows):,} rows; {', '.join(splits)}" if rows else "metrics.jsonl holds no rows"
    empty = Chart("loss", [], "optimiser steps", "nats per example")
    return FigureSpec("Training curves", caption, protocol, charts or [empty])


@register_figure("curves", "every term of the objective over the steps", "Training curves", section="course")
def _run_curves_figure(view: RunView) -> FigureSpec:
    return curves_figure(view.run)


def term_names(rows: list[dict[str, Any]]) -> list[str]:
    """Return the terms in rows of the metrics, the loss first; without the ELBO where it is the negated loss."""
    names = {name: None for name in ("loss", "elbo", "reconstruction", "kl") if any(name in row for row in rows)}
    names |= {
        name: None
        for row in rows
        for name, value in row.items()
        if isinstance(value, float) and name not in NON_TERM_KEYS
    }
    pairs = [(row["loss"], row["elbo"]) for row in rows if "elbo" in row]
    if all(abs(loss + elbo) <= 1e-4 * abs(loss) for loss, elbo in pairs):
        names.pop("elbo", None)
    return list(names)


def _term_chart(rows: list[dict[str, Any]], name: str) -> Chart:
    lines = [line for split in SPLITS if (line := _term_line(rows, name, split)).x]
    limits = None
    if any(len(line.x) > MAX_MARKED_TRAIN_POINTS for line in lines):
        limits = _y_limits(lines)
    title = TERM_TITLES.get(name, name.replace("_", " "))
    if name == "loss" and _is_loss_negated_elbo(rows):
        title = "loss, −ELBO"
    return Chart(title, lines, "optimiser steps", TERM_UNITS.get(name, "nats per example"), limits)


def _term_line(rows: list[dict[str, Any]], name: str, split: str) -> Line:
    """Return one term of one split."""
    rows = _without_short_windows([row for row in rows if row["split"] == split and name in row])
    has_markers = len(rows) <= (MAX_MARKED_TRAIN_POINTS if split == "train" else MAX_MARKED_POINTS)
    return Line(split, [row["step"] for row in rows], [row[name] for row in rows], split, has_markers)


def _without_short_windows(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Leave out rows of far fewer examples than the one before: the last of an epoch may be of a few noisy batches."""
    kept: list[dict[str, Any]] = []
    for row in rows:
        if not kept or row["examples"] >= 0.5 * kept[-1]["examples"]:
            kept.append(row)
    return kept


def _latent_kl_chart(rows: list[dict[str, Any]], names: list[str]) -> Chart:
    """Return one chart with the KL of every latent of a hierarchy, of one split."""
    split = next(name for name in ("validation", "test", "train") if any(row["split"] == name for row in rows))
    rows = [row for row in rows if row["split"] == split and names[0] in row]
    steps, has_markers = [row["step"] for row in rows], len(rows) <= MAX_MARKED_TRAIN_POINTS
    lines = [
        Line(latent_symbol(i), steps, [row[name] for row in rows], i / max(len(names) - 1, 1), has_markers)
        for i, name in enumerate(names)
    ]
    title = f"KL of each latent, {split}: {latent_symbol(0)} blue to {latent_symbol(len(names) - 1)} red"
    return Chart(title, lines, "optimiser steps", "nats per example")


def _is_loss_negated_elbo(rows: list[dict[str, Any]]) -> bool:
    return "elbo" not in term_names(rows) and any("elbo" in row for row in rows)


def _y_limits(lines: list[Line]) -> tuple[float, float] | None:
    """Return limits that cut off values of the first tenth of the steps, far from the rest; None where none are."""
    values = [y for line in lines for y in line.y]
    first, last = (bound(x for line in lines for x in line.x) for bound in (min, max))
    start = first + START_SHARE * (last - first)
    later = [y for line in lines for x, y in zip(line.x, line.y, strict=True) if x > start]
    if not later:
        return None
    margin = MARGIN_SHARE * (max(later) - min(later)) + 1e-9
    low, high = min(later) - margin, max(later) + margin
    return (low, high) if min(values) < low or max(values) > high else None
