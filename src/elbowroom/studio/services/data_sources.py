"""Data sources of the training form: what there is on this machine, with size and a picture, and what may be read."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch

from elbowroom.data import datasets, load_data
from elbowroom.data.catalog.registry import CATALOG, CatalogEntry
from elbowroom.data.image import is_image
from elbowroom.data.readers.registry import dataset_suffixes
from elbowroom.studio.errors import RequestError
from elbowroom.studio.services.run_index import RunIndex

#: Data files and folders that are offered of each data folder.
MAX_FILES_PER_FOLDER = 100
#: Examples in the picture of a data set.
PICTURE_EXAMPLES = 10
#: Size of a file that is read to show or to check it before a training does.
MAX_FILE_BYTES = 1 << 26
_READ_LOCK = threading.Lock()


def list_data(data_folders: Sequence[Path]) -> list[dict[str, Any]]:
    """List what can be trained on: the named data sets on this machine, and the files in the data folders."""
    found = [
        {"name": entry.name, "about": entry.summary, "where": entry.location, "picture": _has_picture(entry)}
        | {"shape": list(entry.shape), "sizes": entry.sizes}
        for entry in datasets()
    ]
    suffixes = dataset_suffixes()
    for folder in data_folders:
        children = sorted(folder.iterdir()) if folder.is_dir() else []
        visible = [path for path in children if not path.name.startswith(".")]
        paths = [path for path in visible if path.is_dir() or path.suffix.lower() in suffixes]
        found += [_describe_path(path, folder) for path in paths[:MAX_FILES_PER_FOLDER]]
    return [entry for entry in found if entry["where"] != "missing"]


def _has_picture(entry: CatalogEntry) -> bool:
    """Whether a named data set has images, and is on this machine: nothing is downloaded for a picture."""
    return is_image(entry.shape) and entry.location not in ("download", "missing")


def _describe_path(path: Path, folder: Path) -> dict[str, Any]:
    entry = {"name": str(path), "about": "", "where": str(folder), "picture": is_small_file(path), "shape": []}
    return entry | {"sizes": {}} | ({"bytes": path.stat().st_size} if path.is_file() else {})


def is_small_file(path: Path) -> bool:
    """Whether this is a file that is read in about a second."""
    return path.is_file() and path.stat().st_size <= MAX_FILE_BYTES


def resolve_data(name: str, run_index: RunIndex, data_folders: Sequence[Path]) -> str:
    """Return the name of a data set, or a path that is in the runs folder or a data folder.

    Raises:
        RequestError: it is neither, or does not exist.
    """
    if name in {entry.name for entry in datasets()}:
        return name
    try:
        path = (run_index.path / name).resolve(strict=True)
    except (OSError, RuntimeError, ValueError):
        path = None
    if path is None or not any(path.is_relative_to(folder) for folder in (run_index.path, *data_folders)):
        raise RequestError(
            f"there is no data '{name[:80]}' here: give a name of the list, or a path in the runs folder or in a "
            "folder that the studio was started with (--data-folder)",
            field="data",
        )
    return str(path)


def example_images(source: str) -> torch.Tensor:
    """Return the first training examples of a source, if those are images (N, C, H, W).

    Raises:
        RequestError: they are not, or the source is too large to be read for a picture.
        ValueError: it cannot be read.
    """
    if not (_has_picture(CATALOG[source]) if source in CATALOG else is_small_file(Path(source))):
        raise RequestError(f"there is no picture of {source}: it is not here, no images, or too large", 404)
    stamp = 0 if source in CATALOG else Path(source).stat().st_mtime_ns
    with _READ_LOCK:  # one at a time: a data set takes memory while it is read
        return _read_images(source, stamp)


@lru_cache(maxsize=256)
def _read_images(source: str, stamp: int) -> torch.Tensor:
    data = load_data(source)
    if not is_image(data.shape):
        raise RequestError(f"the examples of {source} are no images", 404)
    return data.train.first(PICTURE_EXAMPLES).x.clone()
