"""Pictures decoded once: kept in the cache, checked, and used again."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from hashlib import blake2b
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

import numpy as np

from elbowroom.data.catalog.download import cache_dir
from elbowroom.data.file_io import available_memory
from elbowroom.data.image import CropResize
from elbowroom.data.readers.image_archive import ImageArchive
from elbowroom.data.readers.image_decode import DECODE_CHUNK_BYTES, DecodeSummary, decode_to_npy

MIN_CACHED_BYTES = 2**22
"""Bytes of pictures as they lie from which the decoded ones are kept in the cache."""
CACHE_VERSION = 1
"""Of what is kept: a change of it makes all anew."""


class DecodedImages(NamedTuple):
    """The pixels of an album (N, H, W) or (N, 3, H, W) and what is known of them; ``file`` is where they are kept."""

    pixels: np.ndarray
    metadata: DecodeSummary
    file: Path | None = None


def load_cached(archive: ImageArchive, crop_resize: CropResize) -> DecodedImages:
    """The pictures of an album, from the cache where they are there and whole; small ones are decoded each time.

    Raises:
        ValueError: no pictures, several sizes, or more of them than memory and the disk of the cache can hold.
    """
    if archive.total_bytes < MIN_CACHED_BYTES:
        return decode_in_memory(archive, crop_resize, "")
    place = cache_path(archive, crop_resize)
    try:
        with exclusive(place):
            return read_if_intact(place) or decode_into_cache(archive, crop_resize, place)
    except OSError as error:
        return decode_in_memory(archive, crop_resize, f" ({error.strerror or error})")


def cache_path(archive: ImageArchive, crop_resize: CropResize) -> Path:
    """Where the decoded pictures of an album are kept; another place once they have changed."""
    key = blake2b(f"{CACHE_VERSION} {archive.version_hash} {crop_resize}".encode(), digest_size=16).hexdigest()
    return cache_dir() / "pictures" / f"{key}.npy"


@contextmanager
def exclusive(path: Path) -> Iterator[None]:
    """One process at a time makes a file; the others wait, and find what it made."""
    from filelock import FileLock

    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(path.with_suffix(".lock")):
        yield


def read_if_intact(path: Path) -> DecodedImages | None:
    """What is kept at ``path``, if it is all there and as it was written."""
    with suppress(OSError, ValueError, KeyError, TypeError):
        about = DecodeSummary(**json.loads(path.with_suffix(".json").read_text(encoding="utf-8")))
        pixels = np.load(path, mmap_mode="r", allow_pickle=False)
        if len(pixels) == len(about.names) and hash_pixels(pixels) == about.digest:
            return DecodedImages(pixels, about, path)
    return None


def hash_pixels(pixels: np.ndarray) -> str:
    """A hash of all values, read a part at a time."""
    digest = blake2b(digest_size=16)
    step = max(1, DECODE_CHUNK_BYTES // pixels[0].nbytes)
    for start in range(0, len(pixels), step):
        digest.update(pixels[start : start + step].data)
    return digest.hexdigest()


def decode_into_cache(archive: ImageArchive, crop_resize: CropResize, path: Path) -> DecodedImages:
    """Decode into files beside ``path``, and put them there once they are whole."""

    def must_fit(size: int) -> None:
        free = shutil.disk_usage(path.parent).free
        if size > free:
            raise OSError(f"{free / 1e9:.1f} GB of its disk are free")

    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        made = Path(folder, path.name)
        with open(made, "wb") as file:
            about = decode_to_npy(archive, crop_resize, file, must_fit)
        made.with_suffix(".json").write_text(json.dumps(about._asdict()), encoding="utf-8")
        # the record last: pixels without one, or with that of others, are made again
        os.replace(made, path)
        os.replace(made.with_suffix(".json"), path.with_suffix(".json"))
    return DecodedImages(np.load(path, mmap_mode="r", allow_pickle=False), about, path)


def decode_in_memory(archive: ImageArchive, crop_resize: CropResize, reason: str) -> DecodedImages:
    """Decode what is small, and what the cache has no place for if the memory has."""

    def must_fit(size: int) -> None:
        if size > available_memory() // 2:
            raise ValueError(
                f"the decoded pictures of {archive.path} take {size / 1e9:.1f} GB, more than the memory that is free and "
                f"than the cache {cache_dir()} can hold{reason}: set ELBOWROOM_CACHE to a larger disk, or give a smaller "
                "resize="
            )

    file = BytesIO()
    about = decode_to_npy(archive, crop_resize, file, must_fit)
    file.seek(0)
    return DecodedImages(np.load(file, allow_pickle=False), about)
