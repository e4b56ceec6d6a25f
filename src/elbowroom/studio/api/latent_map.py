"""Endpoints of the latent map: the latents of a split in two dimensions, and thumbnails of its examples."""

from __future__ import annotations

import base64
from typing import Annotated

import msgspec
import torch
from msgspec import Meta
from starlette.responses import Response
from torch import Tensor

from elbowroom import errors
from elbowroom.latent import principal_components, tsne
from elbowroom.plotting.latent_ranking import dimension_name
from elbowroom.studio.api.endpoint import ModelRequest, RunFields, endpoint
from elbowroom.studio.api.inputs import SplitName
from elbowroom.studio.http import media
from elbowroom.studio.http.media import PNG
from elbowroom.studio.services.loaded_model import LoadedModel

#: Points of a map.
MAX_POINTS = 5000
#: Images of a strip.
MAX_STRIP_IMAGES = 256
#: Width of a strip.
MAX_STRIP_PIXELS = 65_000
#: Numbers of all latents that are sent along with a map; more are left out.
MAX_SENT_NUMBERS = 2_000_000


class MapFields(RunFields):
    """The fields of a request for a map."""

    view: Annotated[str, Meta(description="dims:I,J, pca or tsne")] = "pca"
    split: SplitName = None
    n: Annotated[int, Meta(ge=5, le=MAX_POINTS, description="number of points, picked at random")] = 2000


class LatentMap(msgspec.Struct):
    """Points (n, 2) with their labels, indices and latents, and the affine map from the plane back to z."""

    view: str
    split: str
    n: int
    points: Annotated[list[list[float]], Meta(description="(n, 2)")]
    labels: Annotated[list[int] | None, Meta(description="classes, or null")]
    names: Annotated[list[str] | None, Meta(description="names of the classes")]
    index: Annotated[list[int], Meta(description="indices in the split")]
    axes: Annotated[dict[str, str], Meta(description="labels of the axes")]
    map: Annotated[
        dict[str, list[float]] | None,
        Meta(description="z = centre + px x + py y; null where the view is not linear"),
    ]
    codes: Annotated[
        str | None,
        Meta(description="latents, (n, dims), base64 of little-endian float32; null where they are too many"),
    ]
    dims: Annotated[int, Meta(description="dimensions of z")]


@endpoint("/api/plane", "GET", example={"view": "pca", "n": 500})
async def get_latent_map(request: ModelRequest[MapFields]) -> LatentMap:
    """Project the latents of a split to two dimensions."""
    loaded, fields, store = request.loaded, request.fields, request.studio.store
    key = (fields.view, fields.split, fields.n)
    return await request.submit(
        store.long_queue if fields.view == "tsne" else store.slow_queue,
        lambda: loaded.get_or_compute(("map", *key), lambda: build_latent_map(loaded, *key)),
    )


def build_latent_map(loaded: LoadedModel, view: str, split: str | None, n: int) -> LatentMap:
    """Project the latents of n examples of a split."""
    name, batch, z = loaded.encode_split(split, n)
    points, axes, plane = _project(loaded, view, z)
    y, data = batch.y, loaded.data
    is_labeled = y is not None and y.dim() == 1 and not y.is_floating_point()
    return LatentMap(
        view=view,
        split=name,
        n=len(z),
        points=points.tolist(),
        labels=y.tolist() if is_labeled and y is not None else None,
        names=list(data.classes) if is_labeled and data.classes else None,
        index=batch.index.tolist(),
        axes=axes,
        map=None if loaded.model.is_quantized else plane,
        codes=_encode_floats(z) if z.numel() <= MAX_SENT_NUMBERS else None,
        dims=z.shape[1],
    )


def _encode_floats(values: Tensor) -> str:
    """Return numbers as base64 of little-endian float32."""
    return base64.b64encode(values.numpy().astype("<f4").tobytes()).decode()


def _project(loaded: LoadedModel, view: str, z: Tensor) -> tuple[Tensor, dict[str, str], dict[str, list[float]] | None]:
    """Return the points of a view, its axis labels, and for a linear view z = centre + px x + py y."""
    kind, _, dims = view.partition(":")
    if kind == "tsne":
        return tsne(z), {"x": "t-SNE, no unit", "y": "t-SNE, no unit"}, None
    if kind == "pca":
        projection = principal_components(z)
        first, second = (
            f"principal axis {i}, {share:.0%} of the variance"
            for i, share in enumerate(projection.explained_variance_ratio, 1)
        )
        x, y = projection.axes
        return projection.points, {"x": first, "y": second}, _plane_coordinates(z.mean(0), x, y)
    if kind != "dims":
        raise errors.unknown_name("view", view[:20], ["dims:0,1", "pca", "tsne"])
    i, j = _parse_dims(dims or "0,1", z.shape[1])
    center = z.mean(0)
    center[[i, j]] = 0
    x, y = torch.eye(z.shape[1])[[i, j]]
    return (
        z[:, [i, j]],
        {"x": dimension_name(loaded, i), "y": dimension_name(loaded, j)},
        _plane_coordinates(center, x, y),
    )


def _plane_coordinates(center: Tensor, x: Tensor, y: Tensor) -> dict[str, list[float]]:
    return {"centre": center.tolist(), "x": x.tolist(), "y": y.tolist()}


def _parse_dims(text: str, size: int) -> tuple[int, int]:
    parts = text.split(",")
    are_valid = all(part.strip().isdigit() and int(part) < size for part in parts)
    if len(parts) != 2 or not are_valid or parts[0] == parts[1]:
        raise ValueError(f"view dims:{text[:20]}: give two dimensions of 0 to {size - 1}, as dims:0,1")
    return int(parts[0]), int(parts[1])


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
