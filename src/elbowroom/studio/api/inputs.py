"""From the fields of a request to tensors: examples, codes, conditions."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from elbowroom.data import Batch
from elbowroom.studio.api.endpoint import Asking, Field
from elbowroom.studio.services import image_upload
from elbowroom.studio.services.loaded_model import Opened

#: Codes and examples in one request, at most.
CODES, EXAMPLES = 1024, 256

C = Field(
    int | list | None, "for a conditional model: a class, or numbers for its attributes; else classes in turn", None
)
INPUT = {
    "x": Field(list | None, "examples as nested lists, one or several, in the units of the data", None),
    "png": Field(str | None, "a PNG, JPEG or WebP, base64 or a data URL, instead of x", None),
    "index": Field(int | list | None, "or places in a split of the run's data", None),
    "split": Field(str | None, "train, validation or test; what was held out, if left out", None),
    "c": C,
}


async def examples(asking: Asking) -> Batch:
    """The examples a request names, with the labels the model is told: of the request, or those in the data."""
    given, opened = asking.given, asking.opened
    ways = [name for name in ("x", "png", "index") if given.get(name) is not None]
    if len(ways) != 1:
        raise ValueError(f"{' and '.join(ways) or 'no example'} given: give one of x, png, index")
    if ways == ["index"]:
        index = [given["index"]] if isinstance(given["index"], int) else given["index"]
        if not index or len(index) > EXAMPLES or not all(type(i) is int for i in index):
            raise ValueError(f"index: give 1 to {EXAMPLES} whole numbers")
        batch = await asking.do(asking.desk.slow, lambda: opened.examples(index, given.get("split")))
        own = opened.labels(batch.y) if given.get("c") is None else conditions(opened, given["c"], len(index))
        return Batch(batch.x, own, batch.index)
    if ways == ["png"]:
        with asking.desk.upload():
            x = await asking.do(
                asking.desk.slow, lambda: image_upload.example(opened, image_upload.content(given["png"]))
            )
    else:
        x = await asking.made(lambda: array(given["x"], opened.model.shape, "x", EXAMPLES))
        _within(x, opened)
    return Batch(x, told(opened, given.get("c"), len(x)), torch.arange(len(x)))


def codes(opened: Opened, z: Any) -> Tensor:
    """Codes, (B, *latent_shape)."""
    return array(z, opened.model.latent_shape, "z", CODES)


def code(opened: Opened, z: Any) -> Tensor:
    """One code, (*latent_shape), flat or in its shape, by itself or as the only one of a list."""
    found = codes(opened, z)
    if len(found) != 1:
        raise ValueError(f"{len(found)} codes: give one")
    return found[0]


def array(values: Any, shape: tuple[int, ...], name: str, most: int) -> Tensor:
    """Nested lists of numbers as (B, *shape): one row or several, each flat or in its shape.

    >>> array([[1, 2], [3, 4]], (2,), "z", 9)
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
    if found.numel() // size > most:
        raise ValueError(f"{found.numel() // size} rows of {name}: give at most {most} at a time")
    if not bool(found.isfinite().all()):
        raise ValueError(f"{name} holds numbers that are not finite: give numbers that are")
    return found.reshape(-1, *shape)


def conditions(opened: Opened, c: Any, n: int) -> Tensor | None:
    """What a model is told with each of n rows: a class or attributes for all, or classes in turn."""
    size = opened.size
    if size is None:
        if c is not None:
            raise ValueError("this model is not conditional: leave c out")
        return None
    if c is None:
        if opened.attributes:
            raise ValueError(f"this model is conditional: give c, {_wanted(opened)}")
        return torch.arange(n) % size
    if isinstance(c, int) and not isinstance(c, bool):
        if not 0 <= c < size:
            raise ValueError(f"there is no class {c}: give c, {_wanted(opened)}")
        return torch.full((n,), c)
    try:
        row = torch.tensor(c, dtype=torch.float32)
    except (ValueError, TypeError, RuntimeError, OverflowError):
        row = torch.empty(0)
    if row.shape != (size,) or not bool(row.isfinite().all()):
        raise ValueError(f"c is no condition of this model: give {_wanted(opened)}")
    return row.expand(n, size)


def told(opened: Opened, c: Any, n: int) -> Tensor | None:
    """What a model is told with n examples from outside, whose labels nobody knows unless they are given."""
    if c is None and getattr(opened.model, "condition", None) is not None:
        raise ValueError(f"this model is conditional: give c, {_wanted(opened)}")
    return None if c is None else conditions(opened, c, n)


def _wanted(opened: Opened) -> str:
    size = opened.size or 0
    return f"{size} numbers, one for each attribute" if opened.attributes else f"a class from 0 to {size - 1}"


def _within(x: Tensor, opened: Opened) -> None:
    low, high = opened.model.decoder.family.support
    if bool((x < low).any() | (x > high).any()):
        bad = float(x[(x < low) | (x > high)][0])
        family = type(opened.model.decoder.family).__name__
        raise ValueError(f"x holds {bad:g}, outside [{low:g}, {high:g}], the range of {family}: scale it into it")
