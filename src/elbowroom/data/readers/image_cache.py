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

from elbowroom.data.catalog.download import cache
from elbowroom.data.image import Fit
from elbowroom.data.memory import available
from elbowroom.data.readers.image_archive import Album
from elbowroom.data.readers.image_decode import PART, Written, decode

KEPT = 2**22
"""Bytes of pictures as they lie from which the decoded ones are kept in the cache."""
VERSION = 1
"""Of what is kept: a change of it makes all anew."""


class Decoded(NamedTuple):
    """The pixels of an album (N, H, W) or (N, 3, H, W) and what is known of them; ``file`` is where they are kept."""

    pixels: np.ndarray
    about: Written
    file: Path | None = None


def once(album: Album, fit: Fit) -> Decoded:
    """The pictures of an album, from the cache where they are there and whole; small ones are decoded each time.

    Raises:
        ValueError: no pictures, several sizes, or more of them than memory and the disk of the cache can hold.
    """
    if album.size < KEPT:
        return in_memory(album, fit, "")
    place = place_of(album, fit)
    try:
        with alone(place):
            return whole(place) or filled(album, fit, place)
    except OSError as error:
        return in_memory(album, fit, f" ({error.strerror or error})")


def place_of(album: Album, fit: Fit) -> Path:
    """Where the decoded pictures of an album are kept; another place once they have changed."""
    key = blake2b(f"{VERSION} {album.mark} {fit}".encode(), digest_size=16).hexdigest()
    return cache() / "pictures" / f"{key}.npy"


@contextmanager
def alone(place: Path) -> Iterator[None]:
    """One process at a time makes a file; the others wait, and find what it made."""
    from filelock import FileLock

    place.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(place.with_suffix(".lock")):
        yield


def whole(place: Path) -> Decoded | None:
    """What is kept at ``place``, if it is all there and as it was written."""
    with suppress(OSError, ValueError, KeyError, TypeError):
        about = Written(**json.loads(place.with_suffix(".json").read_text(encoding="utf-8")))
        pixels = np.load(place, mmap_mode="r", allow_pickle=False)
        if len(pixels) == len(about.names) and hashed(pixels) == about.digest:
            return Decoded(pixels, about, place)
    return None


def hashed(pixels: np.ndarray) -> str:
    """A hash of all values, read a part at a time."""
    digest = blake2b(digest_size=16)
    step = max(1, PART // pixels[0].nbytes)
    for start in range(0, len(pixels), step):
        digest.update(pixels[start : start + step].data)
    return digest.hexdigest()


def filled(album: Album, fit: Fit, place: Path) -> Decoded:
    """Decode into files beside ``place``, and put them there once they are whole."""

    def must_fit(size: int) -> None:
        free = shutil.disk_usage(place.parent).free
        if size > free:
            raise OSError(f"{free / 1e9:.1f} GB of its disk are free")

    with tempfile.TemporaryDirectory(dir=place.parent) as folder:
        made = Path(folder, place.name)
        with open(made, "wb") as file:
            about = decode(album, fit, file, must_fit)
        made.with_suffix(".json").write_text(json.dumps(about._asdict()), encoding="utf-8")
        # the record last: pixels without one, or with that of others, are made again
        os.replace(made, place)
        os.replace(made.with_suffix(".json"), place.with_suffix(".json"))
    return Decoded(np.load(place, mmap_mode="r", allow_pickle=False), about, place)


def in_memory(album: Album, fit: Fit, why: str) -> Decoded:
    """Decode what is small, and what the cache has no place for if the memory has."""

    def must_fit(size: int) -> None:
        if size > available() // 2:
            raise ValueError(
                f"the decoded pictures of {album.path} take {size / 1e9:.1f} GB, more than the memory that is free and "
                f"than the cache {cache()} can hold{why}: set ELBOWROOM_CACHE to a larger disk, or give a smaller "
                "resize="
            )

    file = BytesIO()
    about = decode(album, fit, file, must_fit)
    file.seek(0)
    return Decoded(np.load(file, allow_pickle=False), about)
