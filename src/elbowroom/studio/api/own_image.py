"""A picture of one's own: what a model makes of it, how strange it is, and what it is like."""

from __future__ import annotations

from typing import Any

import torch
from starlette.responses import Response
from starlette.routing import BaseRoute
from torch import Tensor

from elbowroom.data import freeze
from elbowroom.latent import find_nearest_examples
from elbowroom.studio.api import inputs
from elbowroom.studio.api.endpoint import ApiField, ApiRequest, Endpoint
from elbowroom.studio.api.inputs import CONDITION_FIELD
from elbowroom.studio.http import media
from elbowroom.studio.http.json import json_response
from elbowroom.studio.services import image_upload
from elbowroom.studio.services.loaded_model import LoadedModel

#: Training examples like it that are shown; held-out examples that its score is compared with, at most.
NUM_NEIGHBORS, MAX_REFERENCE_EXAMPLES = 6, 500


async def analyze_image(request: ApiRequest) -> Response:
    """A picture of one's own: what the model makes of it, how strange it is, and what it is like."""
    given, opened = request.fields, request.loaded
    read = image_upload.drawing_to_example if given["drawn"] else image_upload.image_to_example
    with request.store.upload_slot():
        x = await request.submit(
            request.store.slow_queue, lambda: read(opened, image_upload.decode_base64(given["png"]))
        )
    c = inputs.parse_example_conditions(opened, given["c"], 1)
    (again,), (z, _) = [
        await request.submit(request.store.quick_queue, work, x, c) for work in (opened.reconstruct, opened.encode)
    ]
    found = await request.submit(request.store.slow_queue, lambda: score_image(opened, x, c))
    return json_response({"x": media.data_url(x[0]), "reconstruction": media.data_url(again[0]), "z": z[0]} | found)


def score_image(loaded: LoadedModel, x: Tensor, c: Tensor | None) -> dict[str, Any]:
    """The score of one picture, its place among those of held-out examples, and the training examples nearest to it."""
    of = loaded.scores(x, c, torch.tensor([0]))
    elbo = float(of[1]) if len(of) > 1 else None
    name, value = ("elbo", -float(of[1])) if len(of) > 1 else ("reconstruction", float(of[0]))
    about = "−ELBO" if len(of) > 1 else "−E log p(x|z)"
    score = {"name": name, "value": value, "unit": "nats", "percentile": None, "about": f"{about}; higher is stranger"}
    if loaded.data_error:
        return {"elbo": elbo, "score": score, "neighbours": [], "why": loaded.data_error}
    split, usual = loaded.get_or_compute("usual", lambda: _reference_scores(loaded))
    score["percentile"] = 100 * float((usual < value).double().mean())
    score["about"] = f"{about}; stranger than {score['percentile']:.0f} % of {len(usual)} {split} examples"
    return {"elbo": elbo, "score": score, "neighbours": _nearest_examples(loaded, x)}


def _reference_scores(loaded: LoadedModel) -> tuple[str, Tensor]:
    """The strangeness of held-out examples, (N,), nats."""
    name, batch, _ = loaded.encode_split(None, MAX_REFERENCE_EXAMPLES)
    parts = zip(
        batch.x.split(100), batch.index.split(100), _split_labels(loaded.as_condition(batch.y), batch.x), strict=True
    )
    found = [loaded.scores(x, c, index) for x, index, c in parts]
    return name, torch.cat([-of[1] if len(of) > 1 else of[0] for of in found])


def _split_labels(y: Tensor | None, x: Tensor) -> list[Tensor | None]:
    return [None] * len(x.split(100)) if y is None else list(y.split(100))


def _nearest_examples(loaded: LoadedModel, x: Tensor) -> list[dict[str, Any]]:
    train, classes = freeze(loaded.data.train, 0), loaded.data.classes
    found = find_nearest_examples(x, train, NUM_NEIGHBORS)
    y = loaded.examples(found.index[0].tolist(), "train").y
    named = y is not None and y.dim() == 1 and not y.is_floating_point()
    return [
        {
            "split": "train",
            "index": int(found.index[0, i]),
            "distance": float(found.distance[0, i]),
            "label": _class_name(classes, int(y[i])) if named and y is not None else None,
            "png": media.data_url(found.x[0, i]),
        }
        for i in range(found.x.shape[1])
    ]


def _class_name(classes: tuple[str, ...] | None, label: int) -> str | None:
    if label < 0:
        return None
    return classes[label] if classes and label < len(classes) else str(label)


ENDPOINTS = [
    Endpoint(
        "POST",
        "/api/own",
        "A picture of one's own: its reconstruction, its code, how strange it is, the training examples like it.",
        {
            "png": ApiField(str, "a PNG, JPEG or WebP, base64 or a data URL"),
            "drawn": ApiField(bool, "whether it was drawn with a mouse: then its ink is scaled and centred", False),
            "c": CONDITION_FIELD,
        },
        {
            "x": "as the model sees it, a data URL",
            "elbo": "nats",
            "score": "of strangeness",
            "neighbours": "nearest first",
        },
        analyze_image,
        {"png": "data:image/png;base64,..."},
    ),
]
ROUTES: list[BaseRoute] = [call.route for call in ENDPOINTS]
