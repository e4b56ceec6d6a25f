"""Request fields to tensors: examples, latents, conditions; and the format of the response."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from typing import Annotated, Any, Literal

import msgspec
import torch
from msgspec import UNSET, Meta, UnsetType
from starlette.responses import Response
from torch import Tensor

from elbowroom.data import Batch
from elbowroom.data.table_rows import table_columns
from elbowroom.studio.api.endpoint import ModelRequest, RunFields
from elbowroom.studio.http import media
from elbowroom.studio.services import image_upload
from elbowroom.studio.services.example_cells import CellInfo
from elbowroom.studio.services.loaded_model import LoadedModel

#: Latents in one request.
MAX_LATENTS = 1024
#: Examples in one request.
MAX_EXAMPLES = 256
#: Numbers in a JSON response.
MAX_JSON_NUMBERS = 1_000_000

Condition = Annotated[
    int | list[float] | None,
    Meta(
        description="for a conditional model: a class, or numbers for its attributes; if left out, the classes in turn"
    ),
]
SplitName = Annotated[str | None, Meta(description="train, validation or test; if left out, a held-out one")]
Latents = Annotated[list[Any], Meta(description="latents, each flat or in the model's latent shape")]
Format = Annotated[Literal["json", "png", "csv", "npz"], Meta(description="json, png, csv (of tables) or npz")]
PathFormat = Annotated[
    Literal["json", "png", "gif", "csv", "npz"], Meta(description="json, png, gif, csv (of tables) or npz")
]
Indices = Annotated[list[int], Meta(min_length=1, max_length=MAX_EXAMPLES)]
Pngs = Annotated[list[str], Meta(description="images as data URLs")] | UnsetType
Numbers = Annotated[Tensor, Meta(description="examples of any other kind")] | UnsetType
Rows = Annotated[
    list[list[CellInfo]], Meta(description="rows of a table besides as cells, in the order of the columns")
]
Lower = Annotated[
    dict[str, list[Any]] | None,
    Meta(
        description="latents below the uppermost by name, as distances from the means of their priors in standard "
        "deviations of these; if left out, the means"
    ),
]


class ExampleFields(RunFields):
    """The fields of a request with examples."""

    x: Annotated[
        list[Any] | None, Meta(description="one or several examples as nested lists, in the units of the data")
    ] = None
    png: Annotated[str | None, Meta(description="instead of x: a PNG, JPEG or WebP, base64 or a data URL")] = None
    index: Annotated[
        int | Indices | None, Meta(description="instead of x: one or several indices in a split of the run's data")
    ] = None
    split: SplitName = None
    c: Condition = None


class DecodedLatents(msgspec.Struct):
    """Latents and their examples, in an answer."""

    z: Annotated[Tensor, Meta(description="(n, latent)")]
    pngs: Pngs = UNSET
    x: Numbers = UNSET
    cells: Rows | UnsetType = UNSET
    caption: Annotated[str, Meta(description="what the examples are")] | UnsetType = UNSET


class Examples(msgspec.Struct):
    """Examples as numbers, in an answer."""

    x: Annotated[Tensor, Meta(description="(n, *shape)")]
    shape: Annotated[list[int], Meta(description="of x")]

    def __post_init__(self) -> None:
        if self.x.numel() > MAX_JSON_NUMBERS:
            raise ValueError(f"{self.x.numel():,} numbers are too many for JSON: ask for fewer, or for format npz")


def check_format(name: str, loaded: LoadedModel) -> None:
    """Raise ValueError for a file that examples of this kind are not saved as."""
    if name in ("png", "gif"):
        media.require_images(loaded.model.shape)
    if name == "csv" and "columns" not in loaded.record["data"]:
        raise ValueError("this model was not trained on a table, so that its examples have no columns: give format npz")


def json_examples(loaded: LoadedModel, x: Tensor) -> dict[str, Any]:
    """Return the fields of examples (N, *shape) in an answer: images, numbers, or numbers and cells."""
    fields = media.json_examples(x)
    return fields | {"cells": loaded.columns.rows(x)} if loaded.example_kind == "table" else fields


def file_response(
    loaded: LoadedModel, output_format: str, name: str, examples: Tensor, columns: int | None = None, **arrays: Any
) -> Response:
    """Create a file of examples (N, *shape): csv of the rows of a table, or as :func:`media.file_response`."""
    if output_format != "csv":
        return media.file_response(output_format, name, examples, columns, **arrays)
    return media.csv_response(name, table_columns(examples.flatten(1).cpu(), loaded.record["data"]))


async def read_examples(request: ModelRequest[ExampleFields]) -> Batch:
    """Read the examples of a request: x, an image, or indices in a split; y is the condition for the model.

    The condition is the request's own, or for examples of the data the one that they have there.
    """
    fields, loaded = request.fields, request.loaded
    sources = [name for name in ("x", "png", "index") if getattr(fields, name) is not None]
    if len(sources) != 1:
        raise ValueError(f"{' and '.join(sources) or 'no example'} given: give one of x, png, index")
    if fields.index is not None:
        return await _read_indexed_examples(request, fields.index)
    if fields.png is not None:
        x = await read_image(request, fields.png, image_upload.image_to_example)
    else:
        x = await asyncio.to_thread(parse_array, fields.x, loaded.model.shape, "x", MAX_EXAMPLES)
        _check_range(x, loaded)
    return Batch(x, parse_example_conditions(loaded, fields.c, len(x)), torch.arange(len(x)))


async def _read_indexed_examples(request: ModelRequest[ExampleFields], index: int | list[int]) -> Batch:
    fields, loaded = request.fields, request.loaded
    indices = [index] if isinstance(index, int) else index
    batch = await request.submit(request.studio.store.slow_queue, lambda: loaded.examples(indices, fields.split))
    if fields.c is None:
        return Batch(batch.x, loaded.as_condition(batch.y), batch.index)
    return Batch(batch.x, parse_conditions(loaded, fields.c, len(indices)), batch.index)


async def read_image(
    request: ModelRequest[RunFields], encoded: str, to_example: Callable[[LoadedModel, bytes], Tensor]
) -> Tensor:
    """Read an image in base64 as an example (1, *shape); the number of images read at once is limited."""
    store, loaded = request.studio.store, request.loaded
    with store.upload_slot():
        return await request.submit(store.slow_queue, lambda: to_example(loaded, image_upload.decode_base64(encoded)))


def parse_latents(loaded: LoadedModel, z: Any) -> Tensor:
    """Parse latents, (B, *latent_shape)."""
    return parse_array(z, loaded.model.latent_shape, "z", MAX_LATENTS)


def parse_latent(loaded: LoadedModel, z: Any) -> Tensor:
    """Parse one latent, (*latent_shape), given flat or in its shape, by itself or in a list of one."""
    latents = parse_latents(loaded, z)
    if len(latents) != 1:
        raise ValueError(f"{len(latents)} latents: give one")
    return latents[0]


def parse_lower(loaded: LoadedModel, lower: dict[str, list[Any]] | None, n: int) -> Tensor | None:
    """Parse the latents below the uppermost for n rows, (n, lower_size), zero where they are left out."""
    if not lower:
        return None
    shapes = loaded.lower_shapes
    if unknown := set(lower) - set(shapes):
        names = ", ".join(shapes) or "none, as it has one latent"
        raise ValueError(f"lower: this model has no latent '{min(unknown)[:20]}' below the uppermost: it has {names}")
    parts = [
        parse_array(lower.get(name, [0.0] * math.prod(shape)), shape, f"lower {name}", 1).flatten(1)
        for name, shape in shapes.items()
    ]
    return torch.cat(parts, 1).expand(n, -1)


def split_lower(loaded: LoadedModel, lower: Tensor) -> dict[str, Tensor]:
    """Return the latents below the uppermost (n, lower_size) by name."""
    sizes = [math.prod(shape) for shape in loaded.lower_shapes.values()]
    return dict(zip(loaded.lower_shapes, torch.split(lower, sizes, 1), strict=True))


def parse_array(values: Any, shape: tuple[int, ...], name: str, max_rows: int) -> Tensor:
    """Parse nested lists of numbers, (B, *shape): one row or several, each flat or in its shape.

    >>> parse_array([[1, 2], [3, 4]], (2,), "z", 9)
    tensor([[1., 2.],
            [3., 4.]])
    """
    try:
        array = torch.tensor(values, dtype=torch.float32)
    except (ValueError, TypeError, RuntimeError, OverflowError):
        raise ValueError(f"{name}: expected numbers in lists of equal lengths") from None
    size, row_shapes = math.prod(shape), ((math.prod(shape),), tuple(shape))
    if array.numel() == 0 or (tuple(array.shape) not in row_shapes and tuple(array.shape[1:]) not in row_shapes):
        expected = "x".join(map(str, shape))
        raise ValueError(
            f"{name} has shape {tuple(array.shape)}: this model's have {expected}, give {size} numbers each"
        )
    if array.numel() // size > max_rows:
        raise ValueError(f"{array.numel() // size} rows of {name}: give at most {max_rows} at a time")
    if not bool(array.isfinite().all()):
        raise ValueError(f"{name} holds numbers that are not finite: give finite ones")
    return array.reshape(-1, *shape)


def parse_conditions(loaded: LoadedModel, c: Any, n: int) -> Tensor | None:
    """Parse the condition of n rows: one class or one set of attributes for all; None gives the classes in turn."""
    size = loaded.condition_size
    if size is None:
        if c is not None:
            raise ValueError("this model is not conditional: leave c out")
        return None
    if c is None:
        if loaded.has_attributes:
            raise ValueError(f"this model is conditional: give c, {_condition_hint(loaded)}")
        return torch.arange(n) % size
    if isinstance(c, int) and not isinstance(c, bool):
        if not 0 <= c < size:
            raise ValueError(f"there is no class {c}: give c, {_condition_hint(loaded)}")
        return torch.full((n,), c)
    try:
        row = torch.tensor(c, dtype=torch.float32)
    except (ValueError, TypeError, RuntimeError, OverflowError):
        row = torch.empty(0)
    if row.shape != (size,) or not bool(row.isfinite().all()):
        raise ValueError(f"c is no condition of this model: give {_condition_hint(loaded)}")
    return row.expand(n, size)


def parse_example_conditions(loaded: LoadedModel, c: Any, n: int) -> Tensor | None:
    """Parse the condition of n examples that are not of the data: a conditional model needs it given."""
    if c is None and loaded.model.requires_labels:
        raise ValueError(f"this model is conditional: give c, {_condition_hint(loaded)}")
    return None if c is None else parse_conditions(loaded, c, n)


def _condition_hint(loaded: LoadedModel) -> str:
    size = loaded.condition_size or 0
    return f"{size} numbers, one for each attribute" if loaded.has_attributes else f"a class from 0 to {size - 1}"


def _check_range(x: Tensor, loaded: LoadedModel) -> None:
    low, high = loaded.model.decoder.family.support
    if bool((x < low).any() | (x > high).any()):
        outside = float(x[(x < low) | (x > high)][0])
        family = type(loaded.model.decoder.family).__name__
        raise ValueError(f"x holds {outside:g}, outside [{low:g}, {high:g}], the range of {family}: scale it into it")
