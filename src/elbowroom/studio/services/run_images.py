"""The pictures that training leaves in a run, and where they are served."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

from elbowroom.runs.metrics_log import open_regular_file

#: What is drawn after every epoch, and how many of a kind are listed.
IMAGE_KINDS, MAX_IMAGES = ("reconstructions", "samples"), 1000


def image_file(kind: str, epoch: int) -> str:
    """The file that training writes after an epoch.

    >>> image_file("samples", 12)
    'images/samples-0012.png'
    """
    return f"images/{kind}-{epoch:04d}.png"


def file_url(run: str, name: str) -> str:
    """Where a file of a run is served."""
    return f"/files?run={quote(run, safe='/')}&path={quote(name, safe='/')}"


def is_complete_png(path: Path) -> bool:
    """Whether a PNG has been written to its end."""
    try:
        with os.fdopen(open_regular_file(path), "rb") as file:
            file.seek(-12, os.SEEK_END)
            return b"IEND" in file.read()
    except OSError:
        return False


def newest_epochs(path: Path) -> dict[str, int]:
    """The epoch of the newest picture of each kind in a run."""
    found: dict[str, int] = {}
    with suppress(OSError):
        for name in os.listdir(path / "images"):
            kind, epoch = _parse_name(name)
            if kind in IMAGE_KINDS:
                found[kind] = max(found.get(kind, 0), epoch)
    return found


def list_images(path: Path, run: str) -> dict[str, list[dict[str, Any]]]:
    """The pictures of a run by kind, in the order of their epochs."""
    found: dict[str, list[dict[str, Any]]] = {kind: [] for kind in (*IMAGE_KINDS, "other")}
    names: list[str] = []
    with suppress(OSError):
        names = sorted(entry.name for entry in os.scandir(path / "images") if entry.is_file(follow_symlinks=False))
    for name in names:
        kind, epoch = _parse_name(name)
        if kind in IMAGE_KINDS:
            found[kind].append({"epoch": epoch, "url": file_url(run, f"images/{name}")})
        elif Path(name).suffix in (".png", ".gif"):
            found["other"].append({"name": Path(name).stem, "url": file_url(run, f"images/{name}")})
    for kind in IMAGE_KINDS:
        found[kind].sort(key=lambda one: one["epoch"])
    return {kind: subsample(pictures, MAX_IMAGES) for kind, pictures in found.items()}


def _parse_name(name: str) -> tuple[str, int]:
    """Kind and epoch of a picture's name; no kind where it has none.

    >>> _parse_name("samples-0012.png"), _parse_name("curves.png")
    (('samples', 12), ('', 0))
    """
    kind, _, number = name.removesuffix(".png").rpartition("-")
    is_one = name.endswith(".png") and number.isascii() and number.isdigit() and len(number) < 10
    return (kind, int(number)) if is_one else ("", 0)


def subsample(items: list[Any], max_items: int) -> list[Any]:
    """At most so many, the first and the newest among them."""
    if len(items) <= max_items:
        return items
    return [items[round(i * (len(items) - 1) / (max_items - 1))] for i in range(max_items)]
