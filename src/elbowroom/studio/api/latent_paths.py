"""Ways through the space of codes: from one to another, along a dimension, in the direction of an attribute."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from starlette.responses import Response
from starlette.routing import BaseRoute
from torch import Tensor

from elbowroom import errors
from elbowroom.data import Arrays
from elbowroom.latent import PATHS, attribute_vector, interpolation, traversal
from elbowroom.studio.api import inputs
from elbowroom.studio.api.endpoint import Asking, Call, Field
from elbowroom.studio.api.inputs import C
from elbowroom.studio.http import media
from elbowroom.studio.http.json import ok
from elbowroom.studio.http.media import GIF, JSON, NPZ, PNG
from elbowroom.studio.services.loaded_model import Opened

#: Steps of a way; examples from which a direction is known: at most.
STEPS, KNOWN = 64, 2000


async def interpolate(asking: Asking) -> Response:
    """The way from one code to another, decoded."""
    given, opened = asking.given, asking.opened
    form = _form(asking, "json", "png", "gif", "npz")
    must_be_continuous(opened)
    if not 2 <= given["steps"] <= STEPS:
        raise ValueError(f"steps={given['steps']}: give 2 to {STEPS}")
    if given["path"] not in PATHS:
        raise errors.unknown("path", given["path"][:20], PATHS)
    (a, own), (b, _) = [await end(asking, name) for name in ("a", "b")]
    c = inputs.conditions(opened, given["c"], 1) if given["c"] is not None or own is None else own
    t, path = torch.linspace(0, 1, given["steps"]), PATHS[given["path"]]
    z = path(a.flatten(), b.flatten(), t)
    told = None if c is None else c[0]
    x = await asking.do(asking.desk.quick, lambda: interpolation(opened.model, a, b, t, path, told))
    forms: dict[str, Callable[[], Response]] = {
        "json": lambda: ok({"z": z} | media.pictures(x)),
        "npz": lambda: media.npz("interpolation", z=z.unflatten(1, opened.model.latent_shape), x=x),
        "gif": lambda: media.gif(x),
        "png": lambda: media.png(x, len(x)),
    }
    return await asking.made(forms[form])


async def end(asking: Asking, name: str) -> tuple[Tensor, Tensor | None]:
    """The code of an end, and the label that came with it, if the model is told any."""
    end, opened = asking.given[name], asking.opened
    if set(end) == {"z"}:
        return inputs.code(opened, end["z"]), None
    if not {"index"} <= set(end) <= {"index", "split"} or type(end["index"]) is not int:
        raise ValueError(f'{name}: give {{"z": [...]}}, or {{"index": 7, "split": "test"}}')
    batch = await asking.do(asking.desk.slow, lambda: opened.examples([end["index"]], end.get("split")))
    c = opened.labels(batch.y)
    z, _ = await asking.do(asking.desk.quick, opened.encode, batch.x, c)
    return z[0].unflatten(0, opened.model.latent_shape), c


async def attribute(asking: Asking) -> Response:
    """The direction of an attribute or class in the space of codes."""
    opened, name = asking.opened, asking.given["name"]
    return ok(await asking.do(asking.desk.slow, lambda: opened.kept(("towards", name), lambda: towards(opened, name))))


def towards(opened: Opened, name: str) -> dict[str, Any]:
    """The mean code of examples with an attribute, or of a class, minus that of those without."""
    must_be_continuous(opened)
    data = opened.data
    names = list(data.attributes or data.classes or ())
    if name not in names:
        raise errors.unknown("attribute" if data.attributes else "class", name[:40], names)
    place = names.index(name)
    _, batch, _ = opened.coded(None, KNOWN)
    vector = attribute_vector(opened.model, Arrays(batch.x, batch.y), place)
    assert batch.y is not None
    having = batch.y[:, place] > 0.5 if batch.y.dim() > 1 else batch.y == place
    return {"name": name, "vector": vector.flatten().tolist(), "examples_with": int(having.sum()), "of": len(batch.x)}


async def traverse(asking: Asking) -> Response:
    """One dimension of a code moved at a time."""
    given, opened = asking.given, asking.opened
    form = _form(asking, "json", "png", "gif", "npz")
    must_be_continuous(opened)
    z, dims, steps = to_traverse(asking)
    c = inputs.conditions(opened, given["c"], 1)
    told = None if c is None else c[0]
    x = await asking.do(asking.desk.quick, lambda: traversal(opened.model, z, dims, steps, told))
    forms: dict[str, Callable[[], Response]] = {
        "json": lambda: ok({"dims": dims, "offsets": steps, "rows": [media.pictures(row) for row in x]}),
        "npz": lambda: media.npz("traversal", z=z, dims=torch.tensor(dims), offsets=steps, x=x),
        "gif": lambda: media.gif(torch.cat(list(x), -2)),
        "png": lambda: media.png(x.flatten(0, 1), len(steps)),
    }
    return await asking.made(forms[form])


def to_traverse(asking: Asking) -> tuple[Tensor, list[int], Tensor]:
    """The code, the dimensions to move, and by how much."""
    dims, offsets = asking.given["dims"], asking.given["offsets"]
    if not dims or not all(type(dim) is int for dim in dims):
        raise ValueError("dims: give whole numbers, the dimensions to move")
    steps = inputs.array([offsets], (len(offsets) or 1,), "offsets", 1)[0]
    if len(dims) * len(steps) > inputs.CODES:
        raise ValueError(f"{len(dims)} x {len(steps)} pictures: ask for at most {inputs.CODES}")
    return inputs.code(asking.opened, asking.given["z"]), dims, steps


def must_be_continuous(opened: Opened) -> None:
    """Refuse codes that there is nothing between."""
    if opened.quantised:
        raise ValueError("the codes are choices from a codebook: they have no axes to move along, and nothing between")


def _form(asking: Asking, *formats: str) -> str:
    form = media.one_of(asking.given["format"], *formats)
    if form in ("png", "gif"):
        media.must_be_pictures(asking.opened.model.shape)
    return form


FORMAT = Field(str, "json, png, gif or npz", "json")
END = 'a code, {"z": [...]}, or an example, {"index": 7, "split": "test"}'
FOUR = (JSON, PNG, GIF, NPZ)
CALLS = [
    Call(
        "POST",
        "/api/interpolate",
        "The way from one code to another, decoded.",
        {
            "a": Field(dict, f"from: {END}"),
            "b": Field(dict, "to: likewise"),
            "steps": Field(int, f"2 to {STEPS}", 9),
            "path": Field(str, "linear or spherical", "linear"),
            "c": C,
            "format": FORMAT,
        },
        {"z": "codes on the way, (steps, latent)", "pngs": "data URLs of pictures", "x": "anything else"},
        interpolate,
        {"a": {"index": 0, "split": "test"}, "b": {"index": 1, "split": "test"}, "steps": 5},
        formats=FOUR,
    ),
    Call(
        "GET",
        "/api/attribute",
        "The direction of an attribute, or of a class: the mean code with it minus the mean code without.",
        {"name": Field(str, "of the attribute, or of the class")},
        {"vector": "(latent,)", "examples_with": "how many have it", "of": "how many were looked at"},
        attribute,
        {"name": "3"},
    ),
    Call(
        "POST",
        "/api/traverse",
        "One dimension of a code moved at a time.",
        {
            "z": Field(list, "the code"),
            "dims": Field(list, "the dimensions to move"),
            "offsets": Field(list, "by how much, in the units of z"),
            "c": C,
            "format": FORMAT,
        },
        {"rows": "for each dimension, pngs or x for each offset"},
        traverse,
        {"z": [0.0, 0.0], "dims": [0], "offsets": [-2, 0, 2]},
        formats=FOUR,
    ),
]
ROUTES: list[BaseRoute] = [call.route for call in CALLS]
