"""Endpoints of paths in latent space: interpolation, traversal, attribute directions."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Annotated, Any

import msgspec
import torch
from msgspec import UNSET, Meta, UnsetType
from starlette.responses import Response
from torch import Tensor

from elbowroom import errors
from elbowroom.data import InMemorySplit
from elbowroom.latent import attribute_vector, find_path, interpolation, move_latent, traversal
from elbowroom.studio.api import inputs, snippets
from elbowroom.studio.api.endpoint import ModelRequest, RunFields, Snippets, endpoint
from elbowroom.studio.api.inputs import Condition, DecodedLatents, Numbers, PathFormat, Pngs, Rows, SplitName
from elbowroom.studio.http.json import RequestFields
from elbowroom.studio.services.loaded_model import LoadedModel

#: A path between two latents (D,) at positions t: (T, D).
LatentPath = Callable[[Tensor, Tensor, Tensor | Sequence[float]], Tensor]
#: Steps of an interpolation.
MAX_STEPS = 64
#: Examples that an attribute direction is estimated from.
MAX_DIRECTION_EXAMPLES = 2000
END_DESCRIPTION = 'a latent, {"z": [...]}, or an example, {"index": 7, "split": "test"}'


class PathEnd(RequestFields):
    """One end of a path: a latent, or an example of the data."""

    z: Annotated[list[Any] | None, Meta(description="a latent")] = None
    index: Annotated[int | None, Meta(description="instead of z: the index of an example")] = None
    split: SplitName = None


class InterpolateFields(RunFields):
    """The fields of a request to interpolate."""

    a: Annotated[PathEnd, Meta(description=f"from: {END_DESCRIPTION}")]
    b: Annotated[PathEnd, Meta(description="to: likewise")]
    steps: Annotated[int, Meta(ge=2, le=MAX_STEPS, description="number of steps")] = 9
    path: Annotated[str, Meta(description="linear or spherical")] = "linear"
    c: Condition = None
    format: PathFormat = "json"


async def read_interpolation(
    request: ModelRequest[InterpolateFields],
) -> tuple[Tensor, Tensor, Tensor, LatentPath, Tensor | None]:
    """Return the ends of a path, the positions t in [0, 1], (steps,), the path, and the condition."""
    fields, loaded = request.fields, request.loaded
    inputs.check_format(fields.format, loaded)
    require_continuous(loaded)
    path = find_path(loaded.model, fields.path)
    (a, own_condition), (b, _) = [await read_path_end(request, name) for name in ("a", "b")]
    c = own_condition if fields.c is None else None
    c = inputs.parse_conditions(loaded, fields.c, 1) if c is None else c
    return a, b, torch.linspace(0, 1, fields.steps), path, None if c is None else c[0]


async def interpolate_snippets(request: ModelRequest[InterpolateFields]) -> Snippets:
    """Return the snippets of an interpolation."""
    fields, loaded = request.fields, request.loaded
    a, b, t, path, c = await read_interpolation(request)
    z = path(a.flatten(), b.flatten(), t).reshape(len(t), *loaded.model.latent_shape)
    lines = [
        f"a = {snippets.tensor_expression(a.flatten())}",
        f"b = {snippets.tensor_expression(b.flatten())}",
        f'z = find_path(model, "{fields.path}")(a, b, torch.linspace(0, 1, {len(t)})).reshape(-1, *model.latent_shape)',
    ]
    name, imports = snippets.file_name("interpolation", fields.format), ["from elbowroom.latent import find_path"]
    return snippets.latents_snippets(loaded, z, None if c is None else c.tolist(), name, lines, imports)


@endpoint(
    "/api/interpolate",
    "POST",
    example={"a": {"index": 0, "split": "test"}, "b": {"index": 1, "split": "test"}, "steps": 5},
    snippets=interpolate_snippets,
)
async def interpolate(request: ModelRequest[InterpolateFields]) -> DecodedLatents | Response:
    """Decode the path between two latents."""
    output_format, loaded, model = request.fields.format, request.loaded, request.loaded.model
    a, b, t, path, c = await read_interpolation(request)
    z = path(a.flatten(), b.flatten(), t)
    x = await request.submit(request.studio.store.quick_queue, lambda: interpolation(model, a, b, t, path, c))
    if output_format == "json":
        return await asyncio.to_thread(lambda: DecodedLatents(z, **inputs.json_examples(loaded, x)))
    z = z.reshape(len(z), *model.latent_shape)
    return await asyncio.to_thread(inputs.file_response, loaded, output_format, "interpolation", x, len(x), z=z, x=x)


async def read_path_end(request: ModelRequest[InterpolateFields], name: str) -> tuple[Tensor, Tensor | None]:
    """Return the latent of one end of a path, and the condition (1, …) that an example of the data comes with."""
    end, loaded, store = {"a": request.fields.a, "b": request.fields.b}[name], request.loaded, request.studio.store
    if end.z is not None and end.index is None and end.split is None:
        return inputs.parse_latent(loaded, end.z), None
    index = end.index
    if index is None or end.z is not None:
        raise ValueError(f'{name}: give {{"z": [...]}}, or {{"index": 7, "split": "test"}}')
    batch = await request.submit(store.slow_queue, lambda: loaded.examples([index], end.split))
    c = await request.submit(store.slow_queue, lambda: loaded.condition_to_decode(batch))
    z, _ = await request.submit(store.quick_queue, loaded.encode, batch.x, c)
    return z[0].reshape(loaded.model.latent_shape), c


class AttributeFields(RunFields):
    """The fields of a request for a direction."""

    name: Annotated[str, Meta(description="name of the attribute or class")]


class AttributeDirection(msgspec.Struct):
    """The direction of an attribute or class in latent space."""

    name: str
    vector: Annotated[list[float], Meta(description="(latent,)")]
    examples_with: Annotated[int, Meta(description="number of examples with it")]
    of: Annotated[int, Meta(description="number of all examples")]


@endpoint("/api/attribute", "GET", example={"name": "3"})
async def get_attribute_direction(request: ModelRequest[AttributeFields]) -> AttributeDirection:
    """The direction of an attribute or a class: the mean latent with it minus the mean latent without."""
    loaded, name = request.loaded, request.fields.name
    return await request.submit(
        request.studio.store.slow_queue,
        lambda: loaded.get_or_compute(("direction", name), lambda: attribute_direction(loaded, name)),
    )


def attribute_direction(loaded: LoadedModel, name: str) -> AttributeDirection:
    """Return the mean latent of the examples with an attribute, or of a class, minus that of the others."""
    require_continuous(loaded)
    names = list(loaded.attributes or loaded.classes)
    if not names and loaded.missing_data_reason:
        raise ValueError(loaded.missing_data_reason)
    if name not in names:
        raise errors.unknown_name("attribute" if loaded.attributes else "class", name[:40], names)
    index = names.index(name)
    _, batch, _ = loaded.encode_split(None, MAX_DIRECTION_EXAMPLES)
    vector = attribute_vector(loaded.model, InMemorySplit(batch.x, batch.y), index)
    assert batch.y is not None
    has_it = batch.y[:, index] > 0.5 if batch.y.dim() > 1 else batch.y == index
    return AttributeDirection(name, vector.flatten().tolist(), int(has_it.sum()), len(batch.x))


class TraverseFields(RunFields):
    """The fields of a request to traverse."""

    z: Annotated[list[Any], Meta(description="the latent")]
    dims: Annotated[list[int], Meta(min_length=1, description="the dimensions to move")]
    offsets: Annotated[list[float], Meta(min_length=1, description="offsets, in the units of z")]
    c: Condition = None
    format: PathFormat = "json"


async def traverse_snippets(request: ModelRequest[TraverseFields]) -> Snippets:
    """Return the snippets of a traversal."""
    fields, loaded = request.fields, request.loaded
    z, offsets, c = parse_traversal(request)
    latents = move_latent(loaded.model, z, torch.eye(z.numel())[fields.dims], offsets)
    moved = f"{fields.dims}, {snippets.number_list(offsets)}{snippets.condition_argument(c)}"
    lines = [
        f"z = {snippets.tensor_expression(z)}",
        *([] if c is None else [f"c = {snippets.tensor_expression(c)}"]),
        f"x = traversal(model, z, {moved})",
    ]
    latents = latents.reshape(-1, *loaded.model.latent_shape)
    words = snippets.decode_words(loaded, latents, None if c is None else c.tolist())
    command = snippets.format_command(loaded, words, snippets.file_name("traversal", fields.format))
    return command, snippets.format_python(loaded, lines, ["from elbowroom.latent import traversal"])


class TraversalRow(msgspec.Struct):
    """The examples of one dimension."""

    pngs: Pngs = UNSET
    x: Numbers = UNSET
    cells: Rows | UnsetType = UNSET


class Traversal(msgspec.Struct):
    """A latent with one dimension moved at a time, decoded."""

    dims: list[int]
    offsets: Tensor
    rows: Annotated[list[TraversalRow], Meta(description="for each dimension, pngs or x for each offset")]


@endpoint(
    "/api/traverse", "POST", example={"z": [0.0, 0.0], "dims": [0], "offsets": [-2, 0, 2]}, snippets=traverse_snippets
)
async def traverse(request: ModelRequest[TraverseFields]) -> Traversal | Response:
    """Decode a latent with one dimension moved at a time."""
    dims, output_format, loaded = request.fields.dims, request.fields.format, request.loaded
    model = loaded.model
    z, offsets, c = parse_traversal(request)
    x = await request.submit(request.studio.store.quick_queue, lambda: traversal(model, z, dims, offsets, c))
    if output_format == "json":
        rows = await asyncio.to_thread(lambda: [TraversalRow(**inputs.json_examples(loaded, row)) for row in x])
        return Traversal(dims, offsets, rows)
    images = torch.cat(list(x), -2) if output_format == "gif" else x.flatten(0, 1)
    arrays = {"z": z, "dims": torch.tensor(dims), "offsets": offsets, "x": x}
    return await asyncio.to_thread(
        inputs.file_response, loaded, output_format, "traversal", images, len(offsets), **arrays
    )


def parse_traversal(request: ModelRequest[TraverseFields]) -> tuple[Tensor, Tensor, Tensor | None]:
    """Parse the latent to start from, the offsets and the condition."""
    fields, loaded = request.fields, request.loaded
    inputs.check_format(fields.format, loaded)
    require_continuous(loaded)
    offsets = inputs.parse_array([fields.offsets], (len(fields.offsets),), "offsets", 1)[0]
    if len(fields.dims) * len(offsets) > inputs.MAX_LATENTS:
        size = f"{len(fields.dims)} dims x {len(offsets)} offsets"
        raise ValueError(f"{size}: ask for at most {inputs.MAX_LATENTS} examples")
    c = inputs.parse_conditions(loaded, fields.c, 1)
    return inputs.parse_latent(loaded, fields.z), offsets, None if c is None else c[0]


def require_continuous(loaded: LoadedModel) -> None:
    """Raise ValueError for a model whose latents are codes of a quantizer."""
    if loaded.model.is_quantized:
        raise ValueError("the latents are codes of a quantizer: they have no axes to move along, and nothing between")
