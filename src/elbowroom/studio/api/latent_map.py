"""The codes of the data on a plane, and the examples they are of."""

from __future__ import annotations

import base64
from typing import Any

import torch
from starlette.responses import Response
from starlette.routing import BaseRoute
from torch import Tensor

from elbowroom import errors
from elbowroom.latent import principal_components, tsne
from elbowroom.studio.api.endpoint import ApiField, ApiRequest, Endpoint
from elbowroom.studio.http import media
from elbowroom.studio.http.json import json_response
from elbowroom.studio.http.media import PNG
from elbowroom.studio.services.loaded_model import LoadedModel

#: Points of a plane, pictures in a row, at most.
MAX_POINTS, MAX_STRIP_IMAGES = 5000, 256
#: Numbers of codes that are sent along with a plane, at most.
MAX_SENT_NUMBERS = 2_000_000


async def get_latent_map(request: ApiRequest) -> Response:
    """The codes of a split on a plane."""
    given = request.fields
    if not 5 <= given["n"] <= MAX_POINTS:
        raise ValueError(f"n={given['n']}: give 5 to {MAX_POINTS} points")
    lane = request.store.long_queue if given["view"] == "tsne" else request.store.slow_queue
    opened, key = request.loaded, ("plane", given["view"], given["split"], given["n"])
    found = await request.submit(lane, lambda: opened.get_or_compute(key, lambda: build_latent_map(opened, *key[1:])))
    return await request.in_thread(lambda: json_response(found))


def build_latent_map(loaded: LoadedModel, view: str, split: str | None, n: int) -> dict[str, Any]:
    """Points (n, 2) of codes, what colours them, and how a place on the plane becomes a code again."""
    name, batch, z = loaded.encode_split(split, n)
    points, axes, centre = _project(loaded, view, z)
    y, data = batch.y, loaded.data
    coloured = y is not None and y.dim() == 1 and not y.is_floating_point()
    return {
        "view": view,
        "split": name,
        "n": len(z),
        "points": points.tolist(),
        "labels": y.tolist() if coloured and y is not None else None,
        "names": list(data.classes) if coloured and data.classes else None,
        "index": batch.index.tolist(),
        "axes": axes,
        "map": None if centre is None or loaded.is_quantized else centre,
        "codes": base64.b64encode(z.numpy().astype("<f4").tobytes()).decode()
        if z.numel() <= MAX_SENT_NUMBERS
        else None,
        "dims": z.shape[1],
    }


def _project(loaded: LoadedModel, view: str, z: Tensor) -> tuple[Tensor, dict[str, str], dict[str, list[float]] | None]:
    """The points of a view, the words for its axes, and z = centre + px x + py y where it is a plane."""
    kind, _, which = view.partition(":")
    if kind == "tsne":
        return tsne(z), {"x": "t-SNE, no unit", "y": "t-SNE, no unit"}, None
    if kind == "pca":
        found = principal_components(z)
        first, second = (
            f"principal axis {i}, {share:.0%} of the variance"
            for i, share in enumerate(found.explained_variance_ratio, 1)
        )
        x, y = found.axes
        return found.points, {"x": first, "y": second}, _plane_coordinates(z.mean(0), x, y)
    if kind != "dims":
        raise errors.unknown_name("view", view[:20], ["dims:0,1", "pca", "tsne"])
    i, j = _parse_dims(which or "0,1", z.shape[1])
    centre = z.mean(0)
    centre[[i, j]] = 0
    x, y = torch.eye(z.shape[1])[[i, j]]
    return (
        z[:, [i, j]],
        {"x": loaded.run_view.dimension_name(i), "y": loaded.run_view.dimension_name(j)},
        _plane_coordinates(centre, x, y),
    )


def _plane_coordinates(center: Tensor, x: Tensor, y: Tensor) -> dict[str, list[float]]:
    return {"centre": center.tolist(), "x": x.tolist(), "y": y.tolist()}


def _parse_dims(text: str, size: int) -> tuple[int, int]:
    parts = text.split(",")
    if (
        len(parts) != 2
        or not all(part.strip().isdigit() and int(part) < size for part in parts)
        or parts[0] == parts[1]
    ):
        raise ValueError(f"view dims:{text[:20]}: give two dimensions of 0 to {size - 1}, as dims:0,1")
    return int(parts[0]), int(parts[1])


async def get_examples(request: ApiRequest) -> Response:
    """Some examples of a split in a row."""
    given, opened = request.fields, request.loaded
    media.require_images(opened.model.shape)
    index = _parse_indices(given["index"])
    size = given["size"]
    if not 8 <= size <= 512 or len(index) * size > 65_000:
        raise ValueError(f"{len(index)} pictures of {size} pixels: give sizes of 8 to 512, at most 65,000 wide")
    return await request.submit(
        request.store.slow_queue, lambda: media.strip_response(opened.examples(index, given["split"]).x, size)
    )


def _parse_indices(text: str) -> list[int]:
    parts = text.split(",")
    if len(parts) > MAX_STRIP_IMAGES or not all(part.strip().isdigit() and len(part) < 12 for part in parts):
        raise ValueError(f"index '{text[:20]}': give 1 to {MAX_STRIP_IMAGES} whole numbers, as 1,2,3")
    return [int(part) for part in parts]


SPLIT_FIELD = ApiField(str | None, "train, validation or test; what was held out, if left out", None)
ENDPOINTS = [
    Endpoint(
        "GET",
        "/api/plane",
        "The codes of a split on a plane, coloured by label.",
        {
            "view": ApiField(str, "dims:I,J, pca or tsne", "pca"),
            "split": SPLIT_FIELD,
            "n": ApiField(int, f"points, at most {MAX_POINTS}, picked at random", 2000),
        },
        {
            "points": "(n, 2)",
            "labels": "classes, or null",
            "map": "z = centre + px x + py y, or null where it is no plane",
            "codes": "base64 of little-endian float32, (n, dims); null where they are too many",
        },
        get_latent_map,
        {"view": "pca", "n": 500},
    ),
    Endpoint(
        "GET",
        "/api/examples",
        "Examples of a split in a row.",
        {
            "split": SPLIT_FIELD,
            "index": ApiField(str, "places in the split, as 1,2,3"),
            "size": ApiField(int, "pixels of a side", 56),
        },
        {},
        get_examples,
        {"index": "0,1,2", "split": "test"},
        media_types=(PNG,),
    ),
]
ROUTES: list[BaseRoute] = [call.route for call in ENDPOINTS]
