"""The images that training writes into a run, and the URLs they are served at."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

from PIL import Image

from elbowroom.plotting.image_grid import RECONSTRUCTION_TITLES, cut_images
from elbowroom.runs.metrics_log import open_regular_file
from elbowroom.studio.errors import RequestError

#: The images that training writes after epochs.
IMAGE_KINDS = ("reconstructions", "samples")
#: The titles beside the rows of the file of a kind.
GRID_TITLES: dict[str, tuple[str, ...]] = {"reconstructions": RECONSTRUCTION_TITLES, "samples": ()}
#: Images of a kind that are listed.
MAX_IMAGES = 1000


def image_file(kind: str, epoch: int) -> str:
    """Return the name of the image that training writes after an epoch.

    >>> image_file("samples", 12)
    'images/samples-0012.png'
    """
    return f"images/{kind}-{epoch:04d}.png"


def file_url(run: str, name: str) -> str:
    """Return the URL of a file of a run."""
    return f"/files?run={quote(run, safe='/')}&path={quote(name, safe='/')}"


def grid_url(run: str, kind: str, epoch: int) -> str:
    """Return the URL of the images that training wrote after an epoch, without the text of the file."""
    return f"/api/run/grid?run={quote(run, safe='/')}&kind={kind}&epoch={epoch}"


def read_grid(path: Path, kind: str, epoch: int, shape: Sequence[int] | None) -> Image.Image:
    """Return the images that training wrote after an epoch, transparent between them and without the file's text.

    Args:
        path: the run's directory.
        kind: one of :data:`IMAGE_KINDS`.
        epoch: the epoch.
        shape: of an example; without it, or where the file was drawn otherwise, the image is that of the file.

    Raises:
        RequestError: there is no such image.
    """
    try:
        with os.fdopen(open_regular_file(path / image_file(kind, epoch)), "rb") as file:
            grid = Image.open(file)
            grid.load()
    except (OSError, ValueError):
        raise RequestError(f"there are no {kind} after epoch {epoch}", 404) from None
    if shape is None or len(shape) != 3:
        return grid
    return cut_images(grid, shape[1], shape[2], GRID_TITLES[kind]) or grid


def newest_grid(path: Path) -> tuple[str, int] | None:
    """Return kind and epoch of the newest images of a run, reconstructions before samples; None if there are none."""
    newest = newest_epochs(path)
    return next(((kind, newest[kind]) for kind in IMAGE_KINDS if kind in newest), None)


def is_complete_png(path: Path) -> bool:
    """Whether a PNG file has been written to its end."""
    try:
        with os.fdopen(open_regular_file(path), "rb") as file:
            file.seek(-12, os.SEEK_END)
            return b"IEND" in file.read()
    except OSError:
        return False


def newest_epochs(path: Path) -> dict[str, int]:
    """Return the epoch of the newest image of each kind in a run."""
    newest: dict[str, int] = {}
    with suppress(OSError):
        for name in os.listdir(path / "images"):
            kind, epoch = _parse_name(name)
            if kind in IMAGE_KINDS:
                newest[kind] = max(newest.get(kind, 0), epoch)
    return newest


def list_images(path: Path, run: str) -> dict[str, list[dict[str, Any]]]:
    """List the images of a run by kind, in the order of their epochs."""
    images: dict[str, list[dict[str, Any]]] = {kind: [] for kind in (*IMAGE_KINDS, "other")}
    names: list[str] = []
    with suppress(OSError):
        names = sorted(entry.name for entry in os.scandir(path / "images") if entry.is_file(follow_symlinks=False))
    for name in names:
        kind, epoch = _parse_name(name)
        if kind in IMAGE_KINDS:
            urls = {"url": file_url(run, f"images/{name}"), "grid": grid_url(run, kind, epoch)}
            images[kind].append({"epoch": epoch} | urls)
        elif Path(name).suffix in (".png", ".gif"):
            images["other"].append({"name": Path(name).stem, "url": file_url(run, f"images/{name}")})
    for kind in IMAGE_KINDS:
        images[kind].sort(key=lambda image: image["epoch"])
    return {kind: subsample(listed, MAX_IMAGES) for kind, listed in images.items()}


def _parse_name(name: str) -> tuple[str, int]:
    """Split an image's file name into kind and epoch; the kind is empty for any other name.

    >>> _parse_name("samples-0012.png"), _parse_name("curves.png")
    (('samples', 12), ('', 0))
    """
    kind, _, number = name.removesuffix(".png").rpartition("-")
    has_epoch = name.endswith(".png") and number.isascii() and number.isdigit() and len(number) < 10
    return (kind, int(number)) if has_epoch else ("", 0)


def subsample(items: list[Any], max_items: int) -> list[Any]:
    """Return at most this many items, evenly spaced, the first and the last included."""
    if len(items) <= max_items:
        return items
    return [items[round(i * (len(items) - 1) / (max_items - 1))] for i in range(max_items)]
