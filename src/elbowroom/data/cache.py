"""The cache folder, and arrays that are computed once and kept in it."""

from __future__ import annotations

import os
import tempfile
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np


def cache_dir() -> Path:
    """Return the folder for downloads and computed arrays: ELBOWROOM_CACHE, or the user's cache folder."""
    import pooch

    return Path(os.environ.get("ELBOWROOM_CACHE") or pooch.os_cache("elbowroom"))


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
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=file.parent) as folder:
            np.savez_compressed(Path(folder, file.name), **arrays)  # type: ignore[arg-type]
            os.replace(Path(folder, file.name), file)
    except OSError:
        pass
    return arrays
