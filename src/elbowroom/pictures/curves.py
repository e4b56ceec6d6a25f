"""How a training went."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from elbowroom.run import Run

#: Colours that stay apart for the colour-blind (Okabe & Ito 2008).
COLOURS = {"train": "#56B4E9", "validation": "#E69F00", "test": "#009E73"}
#: Up to so many points of a split are shown one by one, and no value is left out of the axes.
FEW = 8
TERMS = (("loss", "loss"), ("reconstruction", "reconstruction, −log p(x|z)"), ("kl", "KL(q ‖ p)"))


def curves(run: Run) -> Figure:
    """Loss, reconstruction and KL of every split over the optimiser's steps, in nats per example."""
    # Here, and not above: it takes a while, and complains on its own account where it may not write to its folder.
    from matplotlib.figure import Figure

    rows = [row for row in run.metrics() if "split" in row]
    shown = [(name, title) for name, title in TERMS if any(name in row for row in rows)] or [TERMS[0]]
    figure = Figure(figsize=(3.6 * len(shown), 3.0), layout="constrained", dpi=130)
    for axes, (name, title) in zip(figure.subplots(1, len(shown), squeeze=False)[0], shown, strict=True):
        _panel(axes, rows, name)
        axes.set_title(title, fontsize=10, loc="left")
        axes.set_xlabel("optimiser steps")
        axes.locator_params(axis="x", integer=True)
    axes = figure.axes[0]
    axes.set_ylabel("nats per example")
    if rows:
        axes.legend(frameon=False, fontsize=9)
    return figure


def _panel(axes: Any, rows: list[dict[str, Any]], name: str) -> None:
    longest = 0
    for split, colour in COLOURS.items():
        mine = [row for row in rows if row["split"] == split and name in row]
        # An epoch's last window may hold a few batches only; its mean is noise beside the others'.
        enough = 0.5 * max((row["examples"] for row in mine), default=0)
        points = [(row["step"], row[name]) for row in mine if row["examples"] >= enough]
        longest = max(longest, len(points))
        if points:
            marker = "" if split == "train" and len(points) > FEW else "o"
            axes.plot(
                *zip(*points, strict=True), color=colour, label=split, marker=marker, markersize=3.5, linewidth=1.6
            )
    values = sorted(row[name] for row in rows if name in row)
    if longest > FEW:
        # The first steps are far above everything that matters: leave them out of the axis, not of the data.
        low, high = values[0], values[int(0.9 * (len(values) - 1))]
        axes.set_ylim(low - 0.08 * (high - low + 1e-9), high + 0.25 * (high - low + 1e-9))
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.25, linewidth=0.6)
