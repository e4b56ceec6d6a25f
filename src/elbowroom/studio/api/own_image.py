"""A picture of one's own: what a model makes of it, how strange it is, and what it is like."""

from __future__ import annotations

from typing import Any

import torch
from starlette.responses import Response
from starlette.routing import BaseRoute
from torch import Tensor

from elbowroom.data import still
from elbowroom.latent import neighbours
from elbowroom.studio.api import inputs
from elbowroom.studio.api.endpoint import Asking, Call, Field
from elbowroom.studio.api.inputs import C
from elbowroom.studio.http import media
from elbowroom.studio.http.json import ok
from elbowroom.studio.services import image_upload
from elbowroom.studio.services.loaded_model import Opened

#: Training examples like it that are shown; held-out examples that its score is compared with, at most.
LIKE, USUAL = 6, 500


async def own(asking: Asking) -> Response:
    """A picture of one's own: what the model makes of it, how strange it is, and what it is like."""
    given, opened = asking.given, asking.opened
    read = image_upload.drawn if given["drawn"] else image_upload.example
    with asking.desk.upload():
        x = await asking.do(asking.desk.slow, lambda: read(opened, image_upload.content(given["png"])))
    c = inputs.told(opened, given["c"], 1)
    (again,), (z, _) = [await asking.do(asking.desk.quick, work, x, c) for work in (opened.reconstruct, opened.encode)]
    found = await asking.do(asking.desk.slow, lambda: judged(opened, x, c))
    return ok({"x": media.url(x[0]), "reconstruction": media.url(again[0]), "z": z[0]} | found)


def judged(opened: Opened, x: Tensor, c: Tensor | None) -> dict[str, Any]:
    """The score of one picture, its place among those of held-out examples, and the training examples nearest to it."""
    of = opened.figures(x, c, torch.tensor([0]))
    elbo = float(of[1]) if len(of) > 1 else None
    name, value = ("elbo", -float(of[1])) if len(of) > 1 else ("reconstruction", float(of[0]))
    about = "−ELBO" if len(of) > 1 else "−E log p(x|z)"
    score = {"name": name, "value": value, "unit": "nats", "percentile": None, "about": f"{about}; higher is stranger"}
    if opened.why:
        return {"elbo": elbo, "score": score, "neighbours": [], "why": opened.why}
    split, usual = opened.kept("usual", lambda: _usual(opened))
    score["percentile"] = 100 * float((usual < value).double().mean())
    score["about"] = f"{about}; stranger than {score['percentile']:.0f} % of {len(usual)} {split} examples"
    return {"elbo": elbo, "score": score, "neighbours": _like(opened, x)}


def _usual(opened: Opened) -> tuple[str, Tensor]:
    """The strangeness of held-out examples, (N,), nats."""
    name, batch, _ = opened.coded(None, USUAL)
    parts = zip(batch.x.split(100), batch.index.split(100), _split(opened.labels(batch.y), batch.x), strict=True)
    found = [opened.figures(x, c, index) for x, index, c in parts]
    return name, torch.cat([-of[1] if len(of) > 1 else of[0] for of in found])


def _split(y: Tensor | None, x: Tensor) -> list[Tensor | None]:
    return [None] * len(x.split(100)) if y is None else list(y.split(100))


def _like(opened: Opened, x: Tensor) -> list[dict[str, Any]]:
    train, classes = still(opened.data.train, 0), opened.data.classes
    found = neighbours(x, train, LIKE)
    y = opened.examples(found.index[0].tolist(), "train").y
    named = y is not None and y.dim() == 1 and not y.is_floating_point()
    return [
        {
            "split": "train",
            "index": int(found.index[0, i]),
            "distance": float(found.distance[0, i]),
            "label": _name(classes, int(y[i])) if named and y is not None else None,
            "png": media.url(found.x[0, i]),
        }
        for i in range(found.x.shape[1])
    ]


def _name(classes: tuple[str, ...] | None, label: int) -> str | None:
    if label < 0:
        return None
    return classes[label] if classes and label < len(classes) else str(label)


CALLS = [
    Call(
        "POST",
        "/api/own",
        "A picture of one's own: its reconstruction, its code, how strange it is, the training examples like it.",
        {
            "png": Field(str, "a PNG, JPEG or WebP, base64 or a data URL"),
            "drawn": Field(bool, "whether it was drawn with a mouse: then its ink is scaled and centred", False),
            "c": C,
        },
        {
            "x": "as the model sees it, a data URL",
            "elbo": "nats",
            "score": "of strangeness",
            "neighbours": "nearest first",
        },
        own,
        {"png": "data:image/png;base64,..."},
    ),
]
ROUTES: list[BaseRoute] = [call.route for call in CALLS]
