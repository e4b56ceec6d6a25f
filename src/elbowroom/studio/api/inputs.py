"""From the fields of a request to tensors: examples, codes, conditions."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from elbowroom.data import Batch
from elbowroom.studio.api.endpoint import ApiField, ApiRequest
from elbowroom.studio.services import image_upload
from elbowroom.studio.services.loaded_model import LoadedModel

#: Codes and examples in one request, at most.
MAX_LATENTS, MAX_EXAMPLES = 1024, 256

CONDITION_FIELD = ApiField(
    int | list | None, "for a conditional model: a class, or numbers for its attributes; else classes in turn", None
)
EXAMPLE_FIELDS = {
    "x": ApiField(list | None, "examples as nested lists, one or several, in the units of the data", None),
    "png": ApiField(str | None, "a PNG, JPEG or WebP, base64 or a data URL, instead of x", None),
    "index": ApiField(int | list | None, "or places in a split of the run's data", None),
    "split": ApiField(str | None, "train, validation or test; what was held out, if left out", None),
    "c": CONDITION_FIELD,
}


async def read_examples(request: ApiRequest) -> Batch:
    """The examples a request names, with the labels the model is told: of the request, or those in the data."""
    given, opened = request.fields, request.loaded
    ways = [name for name in ("x", "png", "index") if given.get(name) is not None]
    if len(ways) != 1:
        raise ValueError(f"{' and '.join(ways) or 'no example'} given: give one of x, png, index")
    if ways == ["index"]:
        index = [given["index"]] if isinstance(given["index"], int) else given["index"]
        if not index or len(index) > MAX_EXAMPLES or not all(type(i) is int for i in index):
            raise ValueError(f"index: give 1 to {MAX_EXAMPLES} whole numbers")
        batch = await request.submit(request.store.slow_queue, lambda: opened.examples(index, given.get("split")))
        own = (
            opened.as_condition(batch.y) if given.get("c") is None else parse_conditions(opened, given["c"], len(index))
        )
        return Batch(batch.x, own, batch.index)
    if ways == ["png"]:
        with request.store.upload_slot():
            x = await request.submit(
                request.store.slow_queue,
                lambda: image_upload.image_to_example(opened, image_upload.decode_base64(given["png"])),
            )
    else:
        x = await request.in_thread(lambda: parse_array(given["x"], opened.model.shape, "x", MAX_EXAMPLES))
        _check_range(x, opened)
    return Batch(x, parse_example_conditions(opened, given.get("c"), len(x)), torch.arange(len(x)))


def parse_latents(loaded: LoadedModel, z: Any) -> Tensor:
    """Codes, (B, *latent_shape)."""
    return parse_array(z, loaded.model.latent_shape, "z", MAX_LATENTS)


def parse_latent(loaded: LoadedModel, z: Any) -> Tensor:
    """One code, (*latent_shape), flat or in its shape, by itself or as the only one of a list."""
    found = parse_latents(loaded, z)
    if len(found) != 1:
        raise ValueError(f"{len(found)} codes: give one")
    return found[0]


def parse_array(values: Any, shape: tuple[int, ...], name: str, max_rows: int) -> Tensor:
    """Nested lists of numbers as (B, *shape): one row or several, each flat or in its shape.

    >>> parse_array([[1, 2], [3, 4]], (2,), "z", 9)
    tensor([[1., 2.],
            [3., 4.]])
    """
    try:
        found = torch.tensor(values, dtype=torch.float32)
    except (ValueError, TypeError, RuntimeError, OverflowError):
        raise ValueError(f"{name}: expected numbers in lists of equal lengths") from None
    size, rows = math.prod(shape), ((math.prod(shape),), tuple(shape))
    if found.numel() == 0 or (tuple(found.shape) not in rows and tuple(found.shape[1:]) not in rows):
        form = "x".join(map(str, shape))
        raise ValueError(f"{name} has shape {tuple(found.shape)}: this model's have {form}, give {size} numbers each")
    if found.numel() // size > max_rows:
        raise ValueError(f"{found.numel() // size} rows of {name}: give at most {max_rows} at a time")
    if not bool(found.isfinite().all()):
        raise ValueError(f"{name} holds numbers that are not finite: give numbers that are")
    return found.reshape(-1, *shape)


def parse_conditions(loaded: LoadedModel, c: Any, n: int) -> Tensor | None:
    """What a model is told with each of n rows: a class or attributes for all, or classes in turn."""
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
    """What a model is told with n examples from outside, whose labels nobody knows unless they are given."""
    if c is None and getattr(loaded.model, "condition", None) is not None:
        raise ValueError(f"this model is conditional: give c, {_condition_hint(loaded)}")
    return None if c is None else parse_conditions(loaded, c, n)


def _condition_hint(loaded: LoadedModel) -> str:
    size = loaded.condition_size or 0
    return f"{size} numbers, one for each attribute" if loaded.has_attributes else f"a class from 0 to {size - 1}"


def _check_range(x: Tensor, loaded: LoadedModel) -> None:
    low, high = loaded.model.decoder.family.support
    if bool((x < low).any() | (x > high).any()):
        bad = float(x[(x < low) | (x > high)][0])
        family = type(loaded.model.decoder.family).__name__
        raise ValueError(f"x holds {bad:g}, outside [{low:g}, {high:g}], the range of {family}: scale it into it")
