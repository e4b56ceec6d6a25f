"""A run in a notebook: its state, its loss curve, its last figures and its newest reconstructions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from elbowroom.display import html_form
from elbowroom.formatting import MISSING, format_count, format_metric
from elbowroom.notebook.card import environment, image_url
from elbowroom.runs.metrics_log import MetricsRow
from elbowroom.runs.settings import planned_length

if TYPE_CHECKING:
    from elbowroom.runs.run import Run

#: Size of the curve.
WIDTH_PX, HEIGHT_PX = 560, 160
#: Room for numbers beside and below the curve.
LEFT_PX, BOTTOM_PX = 64, 16
#: Points of a line, at most.
MAX_POINTS = 400
#: Colors of the lines, which are told apart by all eyes and on any background, by split.
CURVE_COLORS = {"train": "#0072B2", "validation": "#D55E00", "test": "#009E73"}
#: Terms of the table, those that a run has.
TABLE_TERMS = ("loss", "elbo", "reconstruction", "kl")
#: The part of the largest losses, those of the first steps, that the curve cuts off.
CLIPPED_SHARE = 0.05


@html_form("Run")
def run_to_html(run: Run) -> str | None:
    """Return a run in HTML; None if its directory holds no readable record."""
    if run.is_damaged:
        return None
    rows = [row for row in run.metrics() if "split" in row]
    by_split = {name: found for name in CURVE_COLORS if (found := [row for row in rows if row["split"] == name])}
    names = [name for name in TABLE_TERMS if any(name in row for row in rows)]
    losses = sorted(row["loss"] for row in rows)
    limits = (losses[0], losses[int((1 - CLIPPED_SHARE) * (len(losses) - 1))]) if losses else (0.0, 1.0)
    return (
        environment()
        .get_template("run.html")
        .render(
            title=f"{run.record['recipe'] or 'custom model'} on {run.record['data'].get('name')}",
            state=_describe_state(run, rows),
            curves=[_curve(split, by_split[split], limits, rows[-1]["step"]) for split in by_split],
            splits=[_last_figures(name, found[-1], names) for name, found in by_split.items()],
            names=names,
            n_steps=f"{rows[-1]['step']:,}" if rows else "",
            low=format_metric(limits[0]),
            high=format_metric(limits[1]),
            width=WIDTH_PX,
            height=HEIGHT_PX,
            left=LEFT_PX,
            path=run.path,
            images=_newest_reconstructions(run),
        )
    )


def _describe_state(run: Run, rows: list[MetricsRow]) -> str:
    """Return how far the training has come, and the reason why it ended.

    An unfinished one may be training, or have been killed.
    """
    if not rows:
        return run.state
    epochs, steps = planned_length(run.record, rows)
    epoch = f"epoch {rows[-1]['epoch']:,}" + (f" of {epochs:,}" if epochs else "")
    step = f"step {rows[-1]['step']:,}" + (f" of {steps:,}" if steps else "")
    # While callbacks end, all steps are done and the reason is not written yet.
    state = "trained" if run.state == "unfinished" and rows[-1]["step"] == steps else run.state
    return f"{state}, {epoch}, {step}, {format_count(round(run.seconds), 'second')}"


def _last_figures(name: str, row: MetricsRow, names: list[str]) -> dict[str, Any]:
    values = [format_metric(row[one]) if one in row else MISSING for one in names]
    return {"name": name, "values": values, "epoch": row["epoch"]}


def _curve(split: str, rows: list[MetricsRow], limits: tuple[float, float], n_steps: int) -> dict[str, str]:
    """Return a split's losses as the points of a line, which comes into the frame from above the limits."""
    low, high = limits
    x_scale, y_scale = (WIDTH_PX - LEFT_PX) / max(n_steps, 1), (HEIGHT_PX - BOTTOM_PX - 4) / max(high - low, 1e-12)
    stride = -(-len(rows) // MAX_POINTS)
    shown = [*rows[:-1:stride], rows[-1]]
    # what is above the frame is cut off by it; an infinite loss still needs a place
    points = [(LEFT_PX + row["step"] * x_scale, max(2 + (high - row["loss"]) * y_scale, -HEIGHT_PX)) for row in shown]
    return {"split": split, "color": CURVE_COLORS[split], "points": " ".join(f"{x:.1f},{y:.1f}" for x, y in points)}


def _newest_reconstructions(run: Run) -> list[tuple[str, str]]:
    """Return the images of the last reconstructions as a data URL with a description, if there are any."""
    files = sorted(run.images.glob("reconstructions-*.png"))
    return [(image_url(files[-1].read_bytes()), "examples and their reconstructions")] if files else []
