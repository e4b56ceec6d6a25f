"""Endpoints of the latent map: the latents of a split in two or three dimensions, and thumbnails of its examples."""

from __future__ import annotations

import base64
from typing import Annotated, Any

import msgspec
from msgspec import Meta
from starlette.responses import Response
from torch import Tensor

from elbowroom import errors
from elbowroom.data import Batch
from elbowroom.studio.api.endpoint import ModelRequest, RunFields, endpoint
from elbowroom.studio.api.inputs import SplitName
from elbowroom.studio.errors import RequestError
from elbowroom.studio.http import media
from elbowroom.studio.http.media import PNG
from elbowroom.studio.services.latent_map import (
    BOUNDS,
    BoundEstimate,
    ExampleValues,
    ProjectedLatents,
    attribute_values,
    project_split,
    value_titles,
)
from elbowroom.studio.services.loaded_model import LoadedModel
from elbowroom.web.planes import prior_data

#: Points of a map.
MAX_POINTS = 5000
#: Images of a strip.
MAX_STRIP_IMAGES = 256
#: Width of a strip.
MAX_STRIP_PIXELS = 65_000
#: Numbers of all latents that are sent along with a map; more are left out.
MAX_SENT_NUMBERS = 2_000_000
#: The status of a request whose client has gone, which nobody reads.
CLIENT_GONE = 499

NumPoints = Annotated[int, Meta(ge=5, le=MAX_POINTS, description="number of points, picked at random")]


class MapFields(RunFields):
    """The fields of a request for a map."""

    view: Annotated[
        str,
        Meta(description="dims for the two most informative dimensions, dims:I,J, pca, pca3 for three axes, or tsne"),
    ] = "pca"
    split: SplitName = None
    n: NumPoints = 2000


class MapPrior(msgspec.Struct):
    """What a map shows of the prior."""

    center: Annotated[
        list[float] | None, Meta(description="of the standard normal, whose rings are at 1 and 2; null for others")
    ]
    draws: Annotated[list[list[float]] | None, Meta(description="points of draws from a learned prior")]
    words: Annotated[str, Meta(description="what is shown, or why nothing is")]


class ColorChoice(msgspec.Struct):
    """What points may be colored by."""

    name: Annotated[str, Meta(description="as /api/plane/values takes it")]
    title: str


class LatentMap(msgspec.Struct):
    """Points (n, 2) with their labels, indices and latents, and the affine map from the plane back to z."""

    view: Annotated[str, Meta(description="the view, with its dimensions")]
    split: str
    n: int
    points: Annotated[list[list[float]], Meta(description="(n, 2); (n, 3) of pca3")]
    labels: Annotated[list[int] | None, Meta(description="classes, or null")]
    names: Annotated[list[str] | None, Meta(description="names of the classes")]
    index: Annotated[list[int], Meta(description="indices in the split")]
    axes: Annotated[dict[str, str], Meta(description="labels of the axes x, y and, of pca3, z")]
    map: Annotated[
        dict[str, list[float]] | None,
        Meta(description="z = centre + px x + py y (+ pz z of pca3); null where the view is not linear"),
    ]
    codes: Annotated[
        str | None,
        Meta(description="latents, (n, dims), base64 of little-endian float32; null where they are too many"),
    ]
    dims: Annotated[int, Meta(description="dimensions of z")]
    unit: Annotated[str, Meta(description="of latents and their distances")]
    prior: MapPrior
    note: Annotated[str, Meta(description="what makes this map say little, such as collapsed axes; empty for nothing")]
    colors: Annotated[list[ColorChoice], Meta(description="what points may be colored by, besides the labels")]


@endpoint("/api/plane", "GET", example={"view": "pca", "n": 500})
async def get_latent_map(request: ModelRequest[MapFields]) -> LatentMap:
    """Project the latents of a split to two or three dimensions."""
    loaded, fields, store = request.loaded, request.fields, request.studio.store
    key = (fields.view, fields.split, fields.n)
    return await request.submit(
        store.long_queue if fields.view == "tsne" else store.slow_queue,
        lambda: loaded.get_or_compute(("map", *key), lambda: _map_answer(loaded, project_split(loaded, *key))),
    )


def _map_answer(loaded: LoadedModel, projected: ProjectedLatents) -> LatentMap:
    batch, z, y = projected.batch, projected.z, projected.batch.y
    classes = loaded.data.classes
    is_labeled = y is not None and y.dim() == 1 and not y.is_floating_point()
    return LatentMap(
        view=projected.view,
        split=projected.split,
        n=len(z),
        points=projected.points.tolist(),
        labels=y.tolist() if is_labeled and y is not None else None,
        names=list(classes) if is_labeled and classes else None,
        index=batch.index.tolist(),
        axes=dict(zip("xyz", projected.labels, strict=False)),
        map=None if loaded.model.is_quantized else _affine_map(projected),
        codes=_encode_floats(z) if z.numel() <= MAX_SENT_NUMBERS else None,
        dims=z.shape[1],
        unit=loaded.latent_unit,
        prior=MapPrior(**_prior_fields(projected)),
        note=projected.note,
        colors=[ColorChoice(name, title) for name, title in value_titles(loaded, batch).items()],
    )


def _affine_map(projected: ProjectedLatents) -> dict[str, list[float]] | None:
    plane = projected.plane
    if plane is None:
        return None
    return {"centre": plane.origin.tolist()} | {
        name: axis.tolist() for name, axis in zip("xyz", plane.axes, strict=False)
    }


def _prior_fields(projected: ProjectedLatents) -> dict[str, Any]:
    fields = prior_data(projected.prior)
    assert fields is not None
    return fields


def _encode_floats(values: Tensor) -> str:
    """Return numbers as base64 of little-endian float32."""
    return base64.b64encode(values.numpy().astype("<f4").tobytes()).decode()


class ValueFields(RunFields):
    """The fields of a request for numbers of a map's examples."""

    by: Annotated[str, Meta(description="elbo, reconstruction, kl, or attribute:I")]
    split: SplitName = None
    n: NumPoints = 2000


class MapValues(msgspec.Struct):
    """A number for each point of a map, in the same order."""

    values: Annotated[Tensor, Meta(description="(n,)")]
    title: Annotated[str, Meta(description="what they are")]
    unit: Annotated[str, Meta(description="nats, or empty for none")]
    about: Annotated[str, Meta(description="how they were estimated")]


@endpoint("/api/plane/values", "GET", example={"by": "elbo", "n": 100})
async def get_map_values(request: ModelRequest[ValueFields]) -> MapValues:
    """Return ELBO, reconstruction error, KL or an attribute of the examples of a map."""
    loaded, fields, queue = request.loaded, request.fields, request.studio.store.slow_queue
    _, batch, _ = await request.submit(queue, lambda: loaded.encode_split(fields.split, fields.n))
    titles = value_titles(loaded, batch)
    if fields.by not in titles:
        raise errors.unknown_name("value", fields.by[:20], titles)
    if fields.by in BOUNDS:
        values = await _estimate_bounds(request, batch)
    else:
        values = attribute_values(loaded, batch, fields.by)
    return MapValues(values.values, values.title, values.unit, values.about)


async def _estimate_bounds(request: ModelRequest[ValueFields], batch: Batch) -> ExampleValues:
    """Estimate part after part, so that others have their turn between them, as long as the client waits."""
    loaded, fields, queue = request.loaded, request.fields, request.studio.store.slow_queue
    key = ("bounds", fields.split, fields.n)
    estimate = loaded.get_or_compute(key, lambda: BoundEstimate(loaded, batch))
    for first in estimate.missing_parts():
        if await request.http.is_disconnected():
            raise RequestError("the client has gone", CLIENT_GONE)
        await request.submit(queue, lambda first=first: estimate.estimate_part(first))
    return estimate.values(fields.by)


class StripFields(RunFields):
    """The fields of a request for images side by side."""

    index: Annotated[str, Meta(description="indices in the split, as 1,2,3")]
    split: SplitName = None
    size: Annotated[int, Meta(ge=8, le=512, description="side of each image, pixels")] = 56


@endpoint("/api/examples", "GET", example={"index": "0,1,2", "split": "test"}, files=(PNG,))
async def get_examples(request: ModelRequest[StripFields]) -> Response:
    """Show examples of a split side by side in one image."""
    fields, loaded = request.fields, request.loaded
    media.require_images(loaded.model.shape)
    index = _parse_indices(fields.index)
    if len(index) * fields.size > MAX_STRIP_PIXELS:
        raise ValueError(
            f"{len(index)} images of {fields.size} pixels: give at most {MAX_STRIP_PIXELS:,} pixels in all"
        )
    return await request.submit(
        request.studio.store.slow_queue,
        lambda: media.strip_response(loaded.examples(index, fields.split).x, fields.size),
    )


def _parse_indices(text: str) -> list[int]:
    parts = text.split(",")
    if len(parts) > MAX_STRIP_IMAGES or not all(part.strip().isdigit() and len(part) < 12 for part in parts):
        raise ValueError(f"index '{text[:20]}': give 1 to {MAX_STRIP_IMAGES} whole numbers, as 1,2,3")
    return [int(part) for part in parts]
