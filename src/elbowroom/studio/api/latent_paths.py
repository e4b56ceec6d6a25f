"""Ways through the space of codes: from one to another, along a dimension, in the direction of an attribute."""

from __future__ import annotations

from collections.abc import Callable
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

#: Steps of a way; examples from which a direction is known: at most.
MAX_STEPS, MAX_DIRECTION_EXAMPLES = 64, 2000


async def interpolate(request: ApiRequest) -> Response:
    """The way from one code to another, decoded."""
    given, opened = request.fields, request.loaded
    form = _requested_format(request, "json", "png", "gif", "npz")
    require_continuous(opened)
    if not 2 <= given["steps"] <= MAX_STEPS:
        raise ValueError(f"steps={given['steps']}: give 2 to {MAX_STEPS}")
    if given["path"] not in PATHS:
        raise errors.unknown_name("path", given["path"][:20], PATHS)
    (a, own), (b, _) = [await read_path_end(request, name) for name in ("a", "b")]
    c = inputs.parse_conditions(opened, given["c"], 1) if given["c"] is not None or own is None else own
    t, path = torch.linspace(0, 1, given["steps"]), PATHS[given["path"]]
    z = path(a.flatten(), b.flatten(), t)
    told = None if c is None else c[0]
    x = await request.submit(request.store.quick_queue, lambda: interpolation(opened.model, a, b, t, path, told))
    forms: dict[str, Callable[[], Response]] = {
        "json": lambda: json_response({"z": z} | media.json_examples(x)),
        "npz": lambda: media.npz_response("interpolation", z=z.unflatten(1, opened.model.latent_shape), x=x),
        "gif": lambda: media.gif_response(x),
        "png": lambda: media.png_response(x, len(x)),
    }
    return await request.in_thread(forms[form])


async def read_path_end(request: ApiRequest, name: str) -> tuple[Tensor, Tensor | None]:
    """The code of an end, and the label that came with it, if the model is told any."""
    end, opened = request.fields[name], request.loaded
    if set(end) == {"z"}:
        return inputs.parse_latent(opened, end["z"]), None
    if not {"index"} <= set(end) <= {"index", "split"} or type(end["index"]) is not int:
        raise ValueError(f'{name}: give {{"z": [...]}}, or {{"index": 7, "split": "test"}}')
    batch = await request.submit(request.store.slow_queue, lambda: opened.examples([end["index"]], end.get("split")))
    c = opened.as_condition(batch.y)
    z, _ = await request.submit(request.store.quick_queue, opened.encode, batch.x, c)
    return z[0].unflatten(0, opened.model.latent_shape), c


async def get_attribute_direction(request: ApiRequest) -> Response:
    """The direction of an attribute or class in the space of codes."""
    opened, name = request.loaded, request.fields["name"]
    return json_response(
        await request.submit(
            request.store.slow_queue,
            lambda: opened.get_or_compute(("towards", name), lambda: attribute_direction(opened, name)),
        )
    )


def attribute_direction(loaded: LoadedModel, name: str) -> dict[str, Any]:
    """The mean code of examples with an attribute, or of a class, minus that of those without."""
    require_continuous(loaded)
    data = loaded.data
    names = list(data.attributes or data.classes or ())
    if name not in names:
        raise errors.unknown_name("attribute" if data.attributes else "class", name[:40], names)
    place = names.index(name)
    _, batch, _ = loaded.encode_split(None, MAX_DIRECTION_EXAMPLES)
    vector = attribute_vector(loaded.model, InMemorySplit(batch.x, batch.y), place)
    assert batch.y is not None
    having = batch.y[:, place] > 0.5 if batch.y.dim() > 1 else batch.y == place
    return {"name": name, "vector": vector.flatten().tolist(), "examples_with": int(having.sum()), "of": len(batch.x)}


async def traverse(request: ApiRequest) -> Response:
    """One dimension of a code moved at a time."""
    given, opened = request.fields, request.loaded
    form = _requested_format(request, "json", "png", "gif", "npz")
    require_continuous(opened)
    z, dims, steps = parse_traversal(request)
    c = inputs.parse_conditions(opened, given["c"], 1)
    told = None if c is None else c[0]
    x = await request.submit(request.store.quick_queue, lambda: traversal(opened.model, z, dims, steps, told))
    forms: dict[str, Callable[[], Response]] = {
        "json": lambda: json_response(
            {"dims": dims, "offsets": steps, "rows": [media.json_examples(row) for row in x]}
        ),
        "npz": lambda: media.npz_response("traversal", z=z, dims=torch.tensor(dims), offsets=steps, x=x),
        "gif": lambda: media.gif_response(torch.cat(list(x), -2)),
        "png": lambda: media.png_response(x.flatten(0, 1), len(steps)),
    }
    return await request.in_thread(forms[form])


def parse_traversal(request: ApiRequest) -> tuple[Tensor, list[int], Tensor]:
    """The code, the dimensions to move, and by how much."""
    dims, offsets = request.fields["dims"], request.fields["offsets"]
    if not dims or not all(type(dim) is int for dim in dims):
        raise ValueError("dims: give whole numbers, the dimensions to move")
    steps = inputs.parse_array([offsets], (len(offsets) or 1,), "offsets", 1)[0]
    if len(dims) * len(steps) > inputs.MAX_LATENTS:
        raise ValueError(f"{len(dims)} x {len(steps)} pictures: ask for at most {inputs.MAX_LATENTS}")
    return inputs.parse_latent(request.loaded, request.fields["z"]), dims, steps


def require_continuous(loaded: LoadedModel) -> None:
    """Refuse codes that there is nothing between."""
    if loaded.is_quantized:
        raise ValueError("the codes are choices from a codebook: they have no axes to move along, and nothing between")


def _requested_format(request: ApiRequest, *formats: str) -> str:
    form = media.check_format(request.fields["format"], *formats)
    if form in ("png", "gif"):
        media.require_images(request.loaded.model.shape)
    return form


FORMAT_FIELD = ApiField(str, "json, png, gif or npz", "json")
END_DESCRIPTION = 'a code, {"z": [...]}, or an example, {"index": 7, "split": "test"}'
MEDIA_TYPES = (JSON, PNG, GIF, NPZ)
ENDPOINTS = [
    Endpoint(
        "POST",
        "/api/interpolate",
        "The way from one code to another, decoded.",
        {
            "a": ApiField(dict, f"from: {END_DESCRIPTION}"),
            "b": ApiField(dict, "to: likewise"),
            "steps": ApiField(int, f"2 to {MAX_STEPS}", 9),
            "path": ApiField(str, "linear or spherical", "linear"),
            "c": CONDITION_FIELD,
            "format": FORMAT_FIELD,
        },
        {"z": "codes on the way, (steps, latent)", "pngs": "data URLs of pictures", "x": "anything else"},
        interpolate,
        {"a": {"index": 0, "split": "test"}, "b": {"index": 1, "split": "test"}, "steps": 5},
        media_types=MEDIA_TYPES,
    ),
    Endpoint(
        "GET",
        "/api/attribute",
        "The direction of an attribute, or of a class: the mean code with it minus the mean code without.",
        {"name": ApiField(str, "of the attribute, or of the class")},
        {"vector": "(latent,)", "examples_with": "how many have it", "of": "how many were looked at"},
        get_attribute_direction,
        {"name": "3"},
    ),
    Endpoint(
        "POST",
        "/api/traverse",
        "One dimension of a code moved at a time.",
        {
            "z": ApiField(list, "the code"),
            "dims": ApiField(list, "the dimensions to move"),
            "offsets": ApiField(list, "by how much, in the units of z"),
            "c": CONDITION_FIELD,
            "format": FORMAT_FIELD,
        },
        {"rows": "for each dimension, pngs or x for each offset"},
        traverse,
        {"z": [0.0, 0.0], "dims": [0], "offsets": [-2, 0, 2]},
        media_types=MEDIA_TYPES,
    ),
]
ROUTES: list[BaseRoute] = [call.route for call in ENDPOINTS]
