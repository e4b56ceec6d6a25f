"""Interactive scatter plot of the latents: the data that the page's script draws."""

from __future__ import annotations

from typing import Any

from elbowroom.formatting import format_metric
from elbowroom.plotting.figure import FigureSpec, Scatter
from elbowroom.plotting.latent_ranking import dimension_name, ranked_dimensions
from elbowroom.plotting.montage import to_images
from elbowroom.plotting.style import example_labels
from elbowroom.runs.run_view import RunView
from elbowroom.web.image_grids import THUMBNAILS_PER_ROW, thumbnail_sheet
from elbowroom.web.planes import COORDINATE_DIGITS, prior_data
from elbowroom.web.render import round_values

#: Latent dimensions that can be chosen as axes.
MAX_DIMENSIONS = 8


def scatter_data(view: RunView, specs: list[FigureSpec]) -> dict[str, Any]:
    """Return the data of the plot, for its template and its script.

    Args:
        view: the run.
        specs: figures of one :class:`~elbowroom.plotting.figure.Scatter` each, of the same examples.
    """
    labels = example_labels(view)
    projections = [_projection_data(spec) for spec in specs]
    data: dict[str, Any] = {
        "views": projections,
        "index": view.batch.index.tolist(),
        "split": view.split,
        "labels": None if labels is None else round_values(labels.values, COORDINATE_DIGITS),
        "classes": [] if labels is None else list(labels.classes),
        "legend": "" if labels is None else labels.title,
        "dimensions": _dimension_choices(view) if projections[0]["name"] == "two dimensions" else [],
    }
    if view.has_images:
        source, width, height = thumbnail_sheet(to_images(view.batch.x, view.model.views))
        data["sheet"] = {"source": source, "width": width, "height": height, "across": THUMBNAILS_PER_ROW}
    return data


def _projection_data(spec: FigureSpec) -> dict[str, Any]:
    scatter = spec.marks[0]
    assert isinstance(scatter, Scatter)
    return {
        "name": scatter.title,
        "x": round_values(scatter.points[:, 0], COORDINATE_DIGITS),
        "y": round_values(scatter.points[:, 1], COORDINATE_DIGITS),
        "axes": [scatter.x_axis, scatter.y_axis],
        "caption": spec.caption,
        "protocol": spec.protocol,
        "prior": prior_data(scatter.prior),
    }


def _dimension_choices(view: RunView) -> list[dict[str, Any]]:
    """Return the most informative dimensions, to choose axes from; empty where there are only two."""
    order, scores, unit = ranked_dimensions(view)
    if len(order) < 3:
        return []
    return [
        {
            "name": dimension_name(view, dim),
            "score": f"{format_metric(score)} {unit.removeprefix('KL in ')}",
            "axis": f"{dimension_name(view, dim)}, {view.latent_unit}",
            "values": round_values(view.latents[:, dim], COORDINATE_DIGITS),
        }
        for dim, score in list(zip(order, scores, strict=True))[:MAX_DIMENSIONS]
    ]
