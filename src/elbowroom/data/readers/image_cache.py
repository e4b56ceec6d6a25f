"""A cache of decoded images: written once, checked, and used again."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from contextlib import suppress
from hashlib import blake2b
from io import BytesIO
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np

from elbowroom.data.cache import cache_dir, exclusive
from elbowroom.data.file_io import available_memory
from elbowroom.data.readers.image_decode import DECODE_CHUNK_BYTES, DecodeSummary
from elbowroom.serialization import atomic_path

MIN_CACHED_BYTES = 2**22
"""Size of encoded images from which the decoded ones are cached."""
CACHE_VERSION = 2
"""Version of the cached files; a change invalidates all of them."""
Decoder = Callable[[BinaryIO, Callable[[int], None]], DecodeSummary]
"""Writes the decoded images into a file, once it was told by a function that there is room for their bytes."""


class DecodedImages(NamedTuple):
    """Pixels (N, H, W) or (N, 3, H, W) of any depth, in memory or mapped from the cache, and a summary of them."""

    pixels: np.ndarray
    metadata: DecodeSummary


def load_cached(path: Path, encoded_bytes: int, decode: Decoder, name: str) -> DecodedImages:
    """Return decoded images, from the cache where they are there and whole; small ones are not cached.

    Args:
        path: of the cache, as :func:`cache_path` gives it.
        encoded_bytes: size of the encoded images.
        decode: decodes them, where the cache has them not.
        name: what they are called in an error.

    Raises:
        ValueError: no images, several sizes, or more of them than memory and the disk of the cache can hold.
    """
    if encoded_bytes < MIN_CACHED_BYTES:
        return decode_in_memory(decode, name, "")
    try:
        with exclusive(path):
            return read_if_intact(path) or decode_into_cache(decode, path)
    except OSError as error:
        return decode_in_memory(decode, name, f" ({error.strerror or error})")


def cache_path(version: str) -> Path:
    """Return the cache file of images by what they depend on: a hash of the files, and how they are cropped."""
    key = blake2b(f"{CACHE_VERSION} {version}".encode(), digest_size=16).hexdigest()
    return cache_dir() / "pictures" / f"{key}.npy"


def read_if_intact(path: Path) -> DecodedImages | None:
    """Return the images cached at ``path``, or None where they are missing or damaged."""
    with suppress(OSError, ValueError, KeyError, TypeError):
        summary = DecodeSummary(**json.loads(path.with_suffix(".json").read_text(encoding="utf-8")))
        pixels = np.load(path, mmap_mode="r", allow_pickle=False)
        if len(pixels) == len(summary.names) and hash_pixels(pixels) == summary.digest:
            return DecodedImages(pixels, summary)
    return None


def hash_pixels(pixels: np.ndarray) -> str:
    """Return a hash of all values, read in chunks."""
    digest = blake2b(digest_size=16)
    step = max(1, DECODE_CHUNK_BYTES // pixels[0].nbytes)
    for start in range(0, len(pixels), step):
        digest.update(pixels[start : start + step].data)
    return digest.hexdigest()


def decode_into_cache(decode: Decoder, path: Path) -> DecodedImages:
    """Decode into ``path``, with a summary beside it."""

    def check_disk(size: int) -> None:
        free = shutil.disk_usage(path.parent).free
        if size > free:
            raise OSError(f"{free / 1e9:.1f} GB of its disk are free")

    # The summary takes its place last: pixels without one, or with that of others, are decoded again.
    with atomic_path(path.with_suffix(".json")) as summary_file, atomic_path(path) as pixels_file:
        with pixels_file.open("wb") as file:
            summary = decode(file, check_disk)
        summary_file.write_text(json.dumps(summary._asdict()), encoding="utf-8")
    return DecodedImages(np.load(path, mmap_mode="r", allow_pickle=False), summary)


def decode_in_memory(decode: Decoder, name: str, reason: str) -> DecodedImages:
    """Decode into memory what is small, or what the cache has no room for, if memory has; ``reason`` is the cache's."""

    def check_memory(size: int) -> None:
        if size > available_memory() // 2:
            raise ValueError(
                f"the decoded images of {name} take {size / 1e9:.1f} GB, more than the memory that is free "
                f"and than the cache {cache_dir()} can hold{reason}: set ELBOWROOM_CACHE to a larger disk, or give a "
                "smaller resize="
            )

    file = BytesIO()
    summary = decode(file, check_memory)
    file.seek(0)
    return DecodedImages(np.load(file, allow_pickle=False), summary)
