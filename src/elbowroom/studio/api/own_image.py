"""Endpoint of one's own image: reconstruction, latent, anomaly score and nearest training examples."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
import torch
from msgspec import UNSET, Meta, UnsetType
from torch import Tensor

from elbowroom.data import freeze
from elbowroom.latent import find_nearest_examples
from elbowroom.studio.api import inputs
from elbowroom.studio.api.endpoint import ModelRequest, RunFields, endpoint
from elbowroom.studio.api.inputs import Condition
from elbowroom.studio.http import media
from elbowroom.studio.services import image_upload
from elbowroom.studio.services.loaded_model import LoadedModel

#: Nearest training examples that are shown.
NUM_NEIGHBORS = 6
#: Held-out examples whose scores the image's score is compared with.
MAX_REFERENCE_EXAMPLES = 500
#: Examples that are scored at a time.
SCORE_BATCH_SIZE = 100


class OwnImageFields(RunFields):
    """The fields of a request about one's own image."""

    png: Annotated[str, Meta(description="a PNG, JPEG or WebP, base64 or a data URL")]
    drawn: Annotated[
        bool, Meta(description="whether it was drawn by hand: then its ink is cropped, scaled and centred")
    ] = False
    c: Condition = None


class OwnImageAnswer(msgspec.Struct):
    """What a model makes of an image."""

    x: Annotated[str, Meta(description="the image as the model sees it, a data URL")]
    reconstruction: Annotated[str, Meta(description="a data URL")]
    z: Annotated[Tensor, Meta(description="the mean of q(z|x)")]
    elbo: Annotated[float | None, Meta(description="nats")]
    score: Annotated[dict[str, Any], Meta(description="anomaly score and its percentile among held-out examples")]
    neighbours: Annotated[list[dict[str, Any]], Meta(description="training examples, the nearest first")]
    why: Annotated[str, Meta(description="why the data is not available")] | UnsetType = UNSET


@endpoint("/api/own", "POST", example={"png": "data:image/png;base64,..."})
async def analyze_image(request: ModelRequest[OwnImageFields]) -> OwnImageAnswer:
    """Analyze your own image: its reconstruction, latent, anomaly score and nearest training examples."""
    fields, loaded, store = request.fields, request.loaded, request.studio.store
    to_example = image_upload.drawing_to_example if fields.drawn else image_upload.image_to_example
    x = await inputs.read_image(request, fields.png, to_example)
    c = inputs.parse_example_conditions(loaded, fields.c, 1)
    (reconstruction,) = await request.submit(store.quick_queue, loaded.reconstruct, x, c)
    z, _ = await request.submit(store.quick_queue, loaded.encode, x, c)
    scores = await request.submit(store.slow_queue, lambda: score_image(loaded, x, c))
    return OwnImageAnswer(media.data_url(x[0]), media.data_url(reconstruction[0]), z[0], **scores)


def score_image(loaded: LoadedModel, x: Tensor, c: Tensor | None) -> dict[str, Any]:
    """Return the anomaly score of one image, its percentile among held-out examples, and the nearest examples."""
    terms = loaded.scores(x, c, torch.tensor([0]))
    elbo = float(terms[1]) if len(terms) > 1 else None
    name, symbol = ("reconstruction", "−E log p(x|z)") if elbo is None else ("elbo", "−ELBO")
    value = float(_anomaly_scores(terms))
    score = {
        "name": name,
        "value": value,
        "unit": "nats",
        "percentile": None,
        "about": f"{symbol}; higher is more anomalous",
    }
    if loaded.missing_data_reason:
        return {"elbo": elbo, "score": score, "neighbours": [], "why": loaded.missing_data_reason}
    split, reference = loaded.get_or_compute("reference scores", lambda: _reference_scores(loaded))
    n_below = int((reference < value).sum())
    score["percentile"] = 100 * n_below / len(reference)
    score["about"] = f"{symbol}: {describe_rank(n_below, len(reference), split)}"
    return {"elbo": elbo, "score": score, "neighbours": _nearest_examples(loaded, x)}


def describe_rank(n_below: int, n: int, split: str) -> str:
    """Return where a value stands among those of n examples, of which some are below it.

    >>> describe_rank(135, 500, "test"), describe_rank(500, 500, "test")
    ('27th percentile of 500 test examples', 'higher than all of 500 test examples')
    >>> describe_rank(499, 500, "test"), describe_rank(0, 500, "test")
    ('higher than all but 1 of 500 test examples', 'lower than all of 500 test examples')
    """
    percentile = 100 * n_below / n
    if 1 <= percentile <= 99:
        return f"{_ordinal(round(percentile))} percentile of {n:,} {split} examples"
    side, others = ("higher", n - n_below) if percentile > 50 else ("lower", n_below)
    return f"{side} than all {f'but {others} ' if others else ''}of {n:,} {split} examples"


def _ordinal(number: int) -> str:
    """Return a whole number as 1st, 2nd, 3rd, 11th."""
    suffix = "th" if number // 10 % 10 == 1 else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{suffix}"


def _anomaly_scores(terms: tuple[Tensor, ...]) -> Tensor:
    """−ELBO of examples where it is defined, or else their reconstruction term: (N,), nats."""
    return -terms[1] if len(terms) > 1 else terms[0]


def _reference_scores(loaded: LoadedModel) -> tuple[str, Tensor]:
    """Return the name of a held-out split and the anomaly scores of its examples, (N,), nats."""
    name, batch, _ = loaded.encode_split(None, MAX_REFERENCE_EXAMPLES)
    c = loaded.as_condition(batch.y)
    scores = []
    for start in range(0, len(batch.x), SCORE_BATCH_SIZE):
        part = slice(start, start + SCORE_BATCH_SIZE)
        terms = loaded.scores(batch.x[part], None if c is None else c[part], batch.index[part])
        scores.append(_anomaly_scores(terms))
    return name, torch.cat(scores)


def _nearest_examples(loaded: LoadedModel, x: Tensor) -> list[dict[str, Any]]:
    train, classes = freeze(loaded.data.train, 0), loaded.data.classes
    nearest = find_nearest_examples(x, train, NUM_NEIGHBORS)
    y = loaded.examples(nearest.index[0].tolist(), "train").y
    is_labeled = y is not None and y.dim() == 1 and not y.is_floating_point()
    return [
        {
            "split": "train",
            "index": int(nearest.index[0, i]),
            "distance": float(nearest.distance[0, i]),
            "label": _class_name(classes, int(y[i])) if is_labeled and y is not None else None,
            "png": media.data_url(nearest.x[0, i]),
        }
        for i in range(nearest.x.shape[1])
    ]


def _class_name(classes: tuple[str, ...] | None, label: int) -> str | None:
    if label < 0:
        return None
    return classes[label] if classes and label < len(classes) else str(label)
