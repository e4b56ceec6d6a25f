"""The codes as points that answer to the pointer: what a script needs to draw them."""

from __future__ import annotations

from html import escape
from typing import Any

from torch import Tensor

from elbowroom.plotting.figure import FigureSpec, Scatter
from elbowroom.plotting.run_view import RunView
from elbowroom.plotting.style import CLASS_COLORS
from elbowroom.web.image_grids import THUMBNAILS_PER_ROW, thumbnail_sheet

#: Dimensions of the code that can be chosen as axes.
MAX_DIMENSIONS = 8
SCATTER_HTML = """\
<div class="scatter" id="codes-figure">
<div class="bar"><div class="views" role="group" aria-label="projection">BUTTONS</div>
<div class="axes-choice"></div></div>
<p class="unit" data-y></p>
<div class="plot"><div class="left" style="width:4em" aria-hidden="true"></div>
<div class="area">
<canvas tabindex="0" role="img" aria-label="the codes as points; the arrow keys go from one to the next"></canvas>
<div class="card" hidden><canvas></canvas><p></p></div>
</div>
<div class="below" aria-hidden="true"></div><p class="axis" data-x></p></div>
<div class="classes" role="group" aria-label="labels"></div>
<p class="said" aria-live="polite"></p>
<noscript><p>A script draws this figure, and scripts are turned off here.</p></noscript>
</div>"""


def render_scatter(run_view: RunView, specs: list[FigureSpec]) -> tuple[str, dict[str, Any]]:
    """A canvas with its buttons, and what is drawn on it."""
    labels = run_view.labels
    chosen = [_view_data(shown) for shown in specs]
    data: dict[str, Any] = {
        "views": chosen,
        "index": run_view.batch.index.tolist(),
        "split": run_view.split,
        "labels": None if labels is None else _round_values(labels.values),
        "classes": None if labels is None else list(labels.classes),
        "legend": "" if labels is None else labels.title,
        "colours": CLASS_COLORS,
        "dimensions": _dimension_choices(run_view) if chosen[0]["name"] == "two dimensions" else [],
    }
    if run_view.has_images:
        source, width, height = thumbnail_sheet(run_view.batch.x)
        data["sheet"] = {"source": source, "width": width, "height": height, "across": THUMBNAILS_PER_ROW}
    names = [view["name"] for view in chosen]
    buttons = "".join(
        f'<button type="button" aria-pressed="{"false" if i else "true"}">{escape(name)}</button>'
        for i, name in enumerate(names if len(names) > 1 else [])
    )
    return SCATTER_HTML.replace("BUTTONS", buttons), data


def _view_data(spec: FigureSpec) -> dict[str, Any]:
    part = spec.marks[0]
    assert isinstance(part, Scatter)
    return {
        "name": part.title,
        "x": _round_values(part.points[:, 0]),
        "y": _round_values(part.points[:, 1]),
        "axes": [part.x_axis, part.y_axis],
        "caption": spec.caption,
        "protocol": spec.protocol,
    }


def _dimension_choices(view: RunView) -> list[dict[str, Any]]:
    """The most informative dimensions, to be chosen from."""
    order, tells, measure = view.ranked_dimensions
    if len(order) < 3:
        return []
    return [
        {
            "name": view.dimension_name(dim),
            "tells": f"{tell:.2f} {measure.removeprefix('KL in ')}",
            "axis": f"{view.dimension_name(dim)}, {view.latent_unit}",
            "values": _round_values(view.latents[:, dim]),
        }
        for dim, tell in list(zip(order, tells, strict=True))[:MAX_DIMENSIONS]
    ]


def _round_values(values: Tensor) -> list[float]:
    """Four digits, which a screen has no room for."""
    return [float(f"{v:.4g}") for v in values.tolist()]
