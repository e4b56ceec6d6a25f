"""Endpoints of paths in latent space: interpolation, traversal, attribute directions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from starlette.responses import Response
from starlette.routing import BaseRoute
from torch import Tensor

from elbowroom import errors
from elbowroom.data import InMemorySplit
from elbowroom.latent import PATHS, attribute_vector, interpolation, traversal
from elbowroom.studio.api import inputs
from elbowroom.studio.api.endpoint import ApiField, ApiRequest, Endpoint
from elbowroom.studio.api.inputs import CONDITION_FIELD
from elbowroom.studio.http import media
from elbowroom.studio.http.json import json_response
from elbowroom.studio.http.media import GIF, JSON, NPZ, PNG
from elbowroom.studio.services.loaded_model import LoadedModel

#: A path between two latents (D,) at positions t: (T, D).
LatentPath = Callable[[Tensor, Tensor, Tensor | Sequence[float]], Tensor]
#: Steps of an interpolation.
MAX_STEPS = 64
#: Examples that an attribute direction is estimated from.
MAX_DIRECTION_EXAMPLES = 2000


async def interpolate(request: ApiRequest) -> Response:
    """Decode the path between two latents."""
    fields, loaded = request.fields, request.loaded
    output_format = inputs.read_format(request, "json", "png", "gif", "npz")
    require_continuous(loaded)
    t, path = read_path(request)
    (a, a_condition), (b, _) = [await read_path_end(request, name) for name in ("a", "b")]
    z = path(a.flatten(), b.flatten(), t)
    use_own = fields["c"] is None and a_condition is not None
    condition = a_condition if use_own else inputs.parse_conditions(loaded, fields["c"], 1)
    c = None if condition is None else condition[0]
    x = await request.submit(request.store.quick_queue, lambda: interpolation(loaded.model, a, b, t, path, c))
    responses: dict[str, Callable[[], Response]] = {
        "json": lambda: json_response({"z": z} | media.json_examples(x)),
        "npz": lambda: media.npz_response("interpolation", z=z.reshape(len(z), *loaded.model.latent_shape), x=x),
        "gif": lambda: media.gif_response(x),
        "png": lambda: media.png_response(x, len(x)),
    }
    return await request.in_thread(responses[output_format])


def read_path(request: ApiRequest) -> tuple[Tensor, LatentPath]:
    """Return the positions t in [0, 1] of an interpolation, (steps,), and the path through latent space."""
    steps, name = request.fields["steps"], request.fields["path"]
    if not 2 <= steps <= MAX_STEPS:
        raise ValueError(f"steps={steps}: give 2 to {MAX_STEPS}")
    if name not in PATHS:
        raise errors.unknown_name("path", name[:20], PATHS)
    return torch.linspace(0, 1, steps), PATHS[name]


async def read_path_end(request: ApiRequest, name: str) -> tuple[Tensor, Tensor | None]:
    """Return the latent of one end of a path, and the condition (1, …) that an example of the data comes with."""
    end, loaded = request.fields[name], request.loaded
    if set(end) == {"z"}:
        return inputs.parse_latent(loaded, end["z"]), None
    if not {"index"} <= set(end) <= {"index", "split"} or type(end["index"]) is not int:
        raise ValueError(f'{name}: give {{"z": [...]}}, or {{"index": 7, "split": "test"}}')
    batch = await request.submit(request.store.slow_queue, lambda: loaded.examples([end["index"]], end.get("split")))
    c = loaded.as_condition(batch.y)
    z, _ = await request.submit(request.store.quick_queue, loaded.encode, batch.x, c)
    return z[0].reshape(loaded.model.latent_shape), c


async def get_attribute_direction(request: ApiRequest) -> Response:
    """Return the direction of an attribute or class in latent space."""
    loaded, name = request.loaded, request.fields["name"]
    return json_response(
        await request.submit(
            request.store.slow_queue,
            lambda: loaded.get_or_compute(("direction", name), lambda: attribute_direction(loaded, name)),
        )
    )


def attribute_direction(loaded: LoadedModel, name: str) -> dict[str, Any]:
    """Return the mean latent of the examples with an attribute, or of a class, minus that of the others."""
    require_continuous(loaded)
    data = loaded.data
    names = list(data.attributes or data.classes or ())
    if name not in names:
        raise errors.unknown_name("attribute" if data.attributes else "class", name[:40], names)
    index = names.index(name)
    _, batch, _ = loaded.encode_split(None, MAX_DIRECTION_EXAMPLES)
    vector = attribute_vector(loaded.model, InMemorySplit(batch.x, batch.y), index)
    assert batch.y is not None
    has_it = batch.y[:, index] > 0.5 if batch.y.dim() > 1 else batch.y == index
    return {"name": name, "vector": vector.flatten().tolist(), "examples_with": int(has_it.sum()), "of": len(batch.x)}


async def traverse(request: ApiRequest) -> Response:
    """Decode a latent with one dimension moved at a time."""
    loaded, output_format = request.loaded, inputs.read_format(request, "json", "png", "gif", "npz")
    require_continuous(loaded)
    z, dims, offsets = parse_traversal(request)
    condition = inputs.parse_conditions(loaded, request.fields["c"], 1)
    c = None if condition is None else condition[0]
    x = await request.submit(request.store.quick_queue, lambda: traversal(loaded.model, z, dims, offsets, c))
    responses: dict[str, Callable[[], Response]] = {
        "json": lambda: json_response(
            {"dims": dims, "offsets": offsets, "rows": [media.json_examples(row) for row in x]}
        ),
        "npz": lambda: media.npz_response("traversal", z=z, dims=torch.tensor(dims), offsets=offsets, x=x),
        "gif": lambda: media.gif_response(torch.cat(list(x), -2)),
        "png": lambda: media.png_response(x.flatten(0, 1), len(offsets)),
    }
    return await request.in_thread(responses[output_format])


def parse_traversal(request: ApiRequest) -> tuple[Tensor, list[int], Tensor]:
    """Parse the latent to start from, the dimensions to move, and the offsets."""
    dims, values = request.fields["dims"], request.fields["offsets"]
    if not dims or not all(type(dim) is int for dim in dims):
        raise ValueError("dims: give whole numbers, the dimensions to move")
    offsets = inputs.parse_array([values], (len(values) or 1,), "offsets", 1)[0]
    if len(dims) * len(offsets) > inputs.MAX_LATENTS:
        raise ValueError(f"{len(dims)} dims x {len(offsets)} offsets: ask for at most {inputs.MAX_LATENTS} examples")
    return inputs.parse_latent(request.loaded, request.fields["z"]), dims, offsets


def require_continuous(loaded: LoadedModel) -> None:
    """Raise ValueError for a model whose latents are codebook entries."""
    if loaded.is_quantized:
        raise ValueError("the latents are codebook entries: they have no axes to move along, and nothing between")


FORMAT_FIELD = ApiField(str, "json, png, gif or npz", "json")
END_DESCRIPTION = 'a latent, {"z": [...]}, or an example, {"index": 7, "split": "test"}'
MEDIA_TYPES = (JSON, PNG, GIF, NPZ)
ENDPOINTS = [
    Endpoint(
        "POST",
        "/api/interpolate",
        "Decode the path between two latents.",
        {
            "a": ApiField(dict, f"from: {END_DESCRIPTION}"),
            "b": ApiField(dict, "to: likewise"),
            "steps": ApiField(int, f"number of steps, 2 to {MAX_STEPS}", 9),
            "path": ApiField(str, "linear or spherical", "linear"),
            "c": CONDITION_FIELD,
            "format": FORMAT_FIELD,
        },
        {
            "z": "latents on the path, (steps, latent)",
            "pngs": "images as data URLs",
            "x": "examples of any other kind",
        },
        interpolate,
        {"a": {"index": 0, "split": "test"}, "b": {"index": 1, "split": "test"}, "steps": 5},
        media_types=MEDIA_TYPES,
    ),
    Endpoint(
        "GET",
        "/api/attribute",
        "The direction of an attribute or a class: the mean latent with it minus the mean latent without.",
        {"name": ApiField(str, "name of the attribute or class")},
        {"vector": "(latent,)", "examples_with": "number of examples with it", "of": "number of all examples"},
        get_attribute_direction,
        {"name": "3"},
    ),
    Endpoint(
        "POST",
        "/api/traverse",
        "Decode a latent with one dimension moved at a time.",
        {
            "z": ApiField(list, "the latent"),
            "dims": ApiField(list, "the dimensions to move"),
            "offsets": ApiField(list, "offsets, in the units of z"),
            "c": CONDITION_FIELD,
            "format": FORMAT_FIELD,
        },
        {"rows": "for each dimension, pngs or x for each offset"},
        traverse,
        {"z": [0.0, 0.0], "dims": [0], "offsets": [-2, 0, 2]},
        media_types=MEDIA_TYPES,
    ),
]
ROUTES: list[BaseRoute] = [endpoint.route for endpoint in ENDPOINTS]
