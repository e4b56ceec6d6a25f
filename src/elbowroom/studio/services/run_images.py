"""The images that training writes into a run, and the URLs they are served at."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

from elbowroom.runs.metrics_log import open_regular_file

#: The images that training writes after epochs.
IMAGE_KINDS = ("reconstructions", "samples")
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
            images[kind].append({"epoch": epoch, "url": file_url(run, f"images/{name}")})
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
