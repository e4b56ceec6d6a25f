"""Request fields to tensors: examples, latents, conditions; and the format of the response."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from elbowroom.data import Batch
from elbowroom.studio.api.endpoint import ApiField, ApiRequest
from elbowroom.studio.http import media
from elbowroom.studio.services import image_upload
from elbowroom.studio.services.loaded_model import LoadedModel

#: Latents in one request.
MAX_LATENTS = 1024
#: Examples in one request.
MAX_EXAMPLES = 256

CONDITION_FIELD = ApiField(
    int | list | None,
    "for a conditional model: a class, or numbers for its attributes; if left out, the classes in turn",
    None,
)
SPLIT_FIELD = ApiField(str | None, "train, validation or test; if left out, a held-out one", None)
EXAMPLE_FIELDS = {
    "x": ApiField(list | None, "one or several examples as nested lists, in the units of the data", None),
    "png": ApiField(str | None, "instead of x: a PNG, JPEG or WebP, base64 or a data URL", None),
    "index": ApiField(int | list | None, "instead of x: one or several indices in a split of the run's data", None),
    "split": SPLIT_FIELD,
    "c": CONDITION_FIELD,
}


def read_format(request: ApiRequest, *formats: str) -> str:
    """Return the field ``format``, which must be one of these; png and gif only for models of images."""
    name = media.check_format(request.fields["format"], *formats)
    if name in ("png", "gif"):
        media.require_images(request.loaded.model.shape)
    return name


async def read_examples(request: ApiRequest) -> Batch:
    """Read the examples of a request: x, an image, or indices in a split; y is the condition for the model.

    The condition is the request's own, or for examples of the data the one that they have there.
    """
    fields, loaded = request.fields, request.loaded
    sources = [name for name in ("x", "png", "index") if fields.get(name) is not None]
    if len(sources) != 1:
        raise ValueError(f"{' and '.join(sources) or 'no example'} given: give one of x, png, index")
    if sources == ["index"]:
        return await _read_indexed_examples(request)
    if sources == ["png"]:
        x = await read_image(request, image_upload.image_to_example)
    else:
        x = await request.in_thread(lambda: parse_array(fields["x"], loaded.model.shape, "x", MAX_EXAMPLES))
        _check_range(x, loaded)
    return Batch(x, parse_example_conditions(loaded, fields.get("c"), len(x)), torch.arange(len(x)))


async def _read_indexed_examples(request: ApiRequest) -> Batch:
    fields, loaded = request.fields, request.loaded
    index = [fields["index"]] if isinstance(fields["index"], int) else fields["index"]
    if not index or len(index) > MAX_EXAMPLES or not all(type(i) is int for i in index):
        raise ValueError(f"index: give 1 to {MAX_EXAMPLES} whole numbers")
    batch = await request.submit(request.store.slow_queue, lambda: loaded.examples(index, fields.get("split")))
    if fields.get("c") is None:
        return Batch(batch.x, loaded.as_condition(batch.y), batch.index)
    return Batch(batch.x, parse_conditions(loaded, fields["c"], len(index)), batch.index)


async def read_image(request: ApiRequest, to_example: Callable[[LoadedModel, bytes], Tensor]) -> Tensor:
    """Read the field ``png`` as an example (1, *shape); the number of images read at once is limited."""
    loaded, encoded = request.loaded, request.fields["png"]
    with request.store.upload_slot():
        x: Tensor = await request.submit(
            request.store.slow_queue, lambda: to_example(loaded, image_upload.decode_base64(encoded))
        )
    return x


def parse_latents(loaded: LoadedModel, z: Any) -> Tensor:
    """Parse latents, (B, *latent_shape)."""
    return parse_array(z, loaded.model.latent_shape, "z", MAX_LATENTS)


def parse_latent(loaded: LoadedModel, z: Any) -> Tensor:
    """Parse one latent, (*latent_shape), given flat or in its shape, by itself or in a list of one."""
    latents = parse_latents(loaded, z)
    if len(latents) != 1:
        raise ValueError(f"{len(latents)} latents: give one")
    return latents[0]


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
    if c is None and getattr(loaded.model, "condition", None) is not None:
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
