"""The cache folder, and arrays that are computed once and kept in it."""

from __future__ import annotations

import os
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np

from elbowroom.serialization import atomic_path


def cache_dir() -> Path:
    """Return the folder for downloads and computed arrays: ELBOWROOM_CACHE, or the user's cache folder."""
    from platformdirs import user_cache_dir

    return Path(os.environ.get("ELBOWROOM_CACHE") or user_cache_dir("elbowroom"))


@contextmanager
def exclusive(path: Path) -> Iterator[None]:
    """Lock a file that is to be written; other processes wait, and find what was written."""
    from filelock import FileLock

    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(path.with_suffix(".lock")):
        yield


def load_or_build(path: str, build: Callable[[], dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """Return the arrays of ``build()``, stored below the cache folder as ``path`` so that they are computed only once.

    A missing or damaged file is built again; a cache that cannot be written costs time, not the data.
    """
    file = cache_dir() / path
    try:
        with np.load(file, allow_pickle=False) as stored:
            return dict(stored)
    except (OSError, EOFError, ValueError, zlib.error, zipfile.BadZipFile):
        arrays = build()
    with suppress(OSError), exclusive(file), atomic_path(file) as temporary, temporary.open("wb") as archive:
        np.savez_compressed(archive, **arrays)  # type: ignore[arg-type]
    return arrays
