"""The codes as points that answer to the pointer: what a script needs to draw them."""

from __future__ import annotations

from html import escape
from typing import Any

from torch import Tensor

from elbowroom.plotting.figure import Scatter, Shown
from elbowroom.plotting.run_view import Look
from elbowroom.plotting.style import CLASSES
from elbowroom.web.image_grids import ACROSS, thumbnails

#: Dimensions of the code that can be chosen as axes.
DIMENSIONS = 8
FRAME = """\
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


def scatter(look: Look, views: list[Shown]) -> tuple[str, dict[str, Any]]:
    """A canvas with its buttons, and what is drawn on it."""
    labels = look.labels
    chosen = [_view(shown) for shown in views]
    data: dict[str, Any] = {
        "views": chosen,
        "index": look.batch.index.tolist(),
        "split": look.split,
        "labels": None if labels is None else _rounded(labels.values),
        "classes": None if labels is None else list(labels.classes),
        "legend": "" if labels is None else labels.title,
        "colours": CLASSES,
        "dimensions": _dimensions(look) if chosen[0]["name"] == "two dimensions" else [],
    }
    if look.pictures:
        source, width, height = thumbnails(look.batch.x)
        data["sheet"] = {"source": source, "width": width, "height": height, "across": ACROSS}
    names = [view["name"] for view in chosen]
    buttons = "".join(
        f'<button type="button" aria-pressed="{"false" if i else "true"}">{escape(name)}</button>'
        for i, name in enumerate(names if len(names) > 1 else [])
    )
    return FRAME.replace("BUTTONS", buttons), data


def _view(shown: Shown) -> dict[str, Any]:
    part = shown.parts[0]
    assert isinstance(part, Scatter)
    return {
        "name": part.title,
        "x": _rounded(part.points[:, 0]),
        "y": _rounded(part.points[:, 1]),
        "axes": [part.x_axis, part.y_axis],
        "caption": shown.caption,
        "protocol": shown.protocol,
    }


def _dimensions(look: Look) -> list[dict[str, Any]]:
    """The most informative dimensions, to be chosen from."""
    order, tells, measure = look.informative
    if len(order) < 3:
        return []
    return [
        {
            "name": look.z(dim),
            "tells": f"{tell:.2f} {measure.removeprefix('KL in ')}",
            "axis": f"{look.z(dim)}, {look.axis}",
            "values": _rounded(look.codes[:, dim]),
        }
        for dim, tell in list(zip(order, tells, strict=True))[:DIMENSIONS]
    ]


def _rounded(values: Tensor) -> list[float]:
    """Four digits, which a screen has no room for."""
    return [float(f"{v:.4g}") for v in values.tolist()]
