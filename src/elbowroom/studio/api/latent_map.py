"""The codes of the data on a plane, and the examples they are of."""

from __future__ import annotations

import base64
from typing import Any

import torch
from starlette.responses import Response
from starlette.routing import BaseRoute
from torch import Tensor

from elbowroom import errors
from elbowroom.latent import principal, tsne
from elbowroom.studio.api.endpoint import Asking, Call, Field
from elbowroom.studio.http import media
from elbowroom.studio.http.json import ok
from elbowroom.studio.http.media import PNG
from elbowroom.studio.services.loaded_model import Opened

#: Points of a plane, pictures in a row, at most.
POINTS, ROW = 5000, 256
#: Numbers of codes that are sent along with a plane, at most.
SENT = 2_000_000


async def plane(asking: Asking) -> Response:
    """The codes of a split on a plane."""
    given = asking.given
    if not 5 <= given["n"] <= POINTS:
        raise ValueError(f"n={given['n']}: give 5 to {POINTS} points")
    lane = asking.desk.long if given["view"] == "tsne" else asking.desk.slow
    opened, key = asking.opened, ("plane", given["view"], given["split"], given["n"])
    found = await asking.do(lane, lambda: opened.kept(key, lambda: on_plane(opened, *key[1:])))
    return await asking.made(lambda: ok(found))


def on_plane(opened: Opened, view: str, split: str | None, n: int) -> dict[str, Any]:
    """Points (n, 2) of codes, what colours them, and how a place on the plane becomes a code again."""
    name, batch, z = opened.coded(split, n)
    points, axes, centre = _seen(opened, view, z)
    y, data = batch.y, opened.data
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
        "map": None if centre is None or opened.quantised else centre,
        "codes": base64.b64encode(z.numpy().astype("<f4").tobytes()).decode() if z.numel() <= SENT else None,
        "dims": z.shape[1],
    }


def _seen(opened: Opened, view: str, z: Tensor) -> tuple[Tensor, dict[str, str], dict[str, list[float]] | None]:
    """The points of a view, the words for its axes, and z = centre + px x + py y where it is a plane."""
    kind, _, which = view.partition(":")
    if kind == "tsne":
        return tsne(z), {"x": "t-SNE, no unit", "y": "t-SNE, no unit"}, None
    if kind == "pca":
        found = principal(z)
        first, second = (f"principal axis {i}, {share:.0%} of the variance" for i, share in enumerate(found.share, 1))
        x, y = found.axes
        return found.points, {"x": first, "y": second}, _map(z.mean(0), x, y)
    if kind != "dims":
        raise errors.unknown("view", view[:20], ["dims:0,1", "pca", "tsne"])
    i, j = _dims(which or "0,1", z.shape[1])
    centre = z.mean(0)
    centre[[i, j]] = 0
    x, y = torch.eye(z.shape[1])[[i, j]]
    return z[:, [i, j]], {"x": opened.look.z(i), "y": opened.look.z(j)}, _map(centre, x, y)


def _map(centre: Tensor, x: Tensor, y: Tensor) -> dict[str, list[float]]:
    return {"centre": centre.tolist(), "x": x.tolist(), "y": y.tolist()}


def _dims(words: str, size: int) -> tuple[int, int]:
    parts = words.split(",")
    if (
        len(parts) != 2
        or not all(part.strip().isdigit() and int(part) < size for part in parts)
        or parts[0] == parts[1]
    ):
        raise ValueError(f"view dims:{words[:20]}: give two dimensions of 0 to {size - 1}, as dims:0,1")
    return int(parts[0]), int(parts[1])


async def examples(asking: Asking) -> Response:
    """Some examples of a split in a row."""
    given, opened = asking.given, asking.opened
    media.must_be_pictures(opened.model.shape)
    index = _places(given["index"])
    size = given["size"]
    if not 8 <= size <= 512 or len(index) * size > 65_000:
        raise ValueError(f"{len(index)} pictures of {size} pixels: give sizes of 8 to 512, at most 65,000 wide")
    return await asking.do(asking.desk.slow, lambda: media.strip(opened.examples(index, given["split"]).x, size))


def _places(words: str) -> list[int]:
    parts = words.split(",")
    if len(parts) > ROW or not all(part.strip().isdigit() and len(part) < 12 for part in parts):
        raise ValueError(f"index '{words[:20]}': give 1 to {ROW} whole numbers, as 1,2,3")
    return [int(part) for part in parts]


SPLIT = Field(str | None, "train, validation or test; what was held out, if left out", None)
CALLS = [
    Call(
        "GET",
        "/api/plane",
        "The codes of a split on a plane, coloured by label.",
        {
            "view": Field(str, "dims:I,J, pca or tsne", "pca"),
            "split": SPLIT,
            "n": Field(int, f"points, at most {POINTS}, picked at random", 2000),
        },
        {
            "points": "(n, 2)",
            "labels": "classes, or null",
            "map": "z = centre + px x + py y, or null where it is no plane",
            "codes": "base64 of little-endian float32, (n, dims); null where they are too many",
        },
        plane,
        {"view": "pca", "n": 500},
    ),
    Call(
        "GET",
        "/api/examples",
        "Examples of a split in a row.",
        {
            "split": SPLIT,
            "index": Field(str, "places in the split, as 1,2,3"),
            "size": Field(int, "pixels of a side", 56),
        },
        {},
        examples,
        {"index": "0,1,2", "split": "test"},
        formats=(PNG,),
    ),
]
ROUTES: list[BaseRoute] = [call.route for call in CALLS]
