"""Pictures decoded: all of an album as one array."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator
from hashlib import blake2b
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np

from elbowroom.data.file_io import DAMAGE
from elbowroom.data.image import PICTURES, Fit, decoded
from elbowroom.data.readers.image_archive import Album
from elbowroom.data.value_kinds import each

PART = 2**24
"""Bytes of decoded pictures that are in memory at a time."""
SHOWN = 2**22
"""Bytes of pictures as they lie from which it is shown how far the decoding is."""
Seen = str | tuple[int, ...]
"""The shape of a picture, or why it cannot be read."""


class Written(NamedTuple):
    """The pictures in a file: their names in order, those that could not be read and why, a hash of the pixels."""

    names: list[str]
    bad: dict[str, str]
    digest: str


def decode(album: Album, fit: Fit, file: BinaryIO, must_fit: Callable[[int], None], colour: bool = False) -> Written:
    """Write all pictures as a .npy file: (N, H, W) where all are grey, (N, 3, H, W) where one is in colour.

    They are decoded in as many threads as there are cores, a part of them at a time. ``must_fit`` is asked first,
    with the bytes of all.

    Raises:
        ValueError: no pictures, none that can be read, or several sizes.
    """
    places = album.places()
    names = sorted(places)

    def read(name: str) -> np.ndarray | str:
        return pixels_or_why(lambda: album.read(places[name]), fit)

    first = next((pixels for name in names if not isinstance(pixels := read(name), str)), None)
    if first is None:
        raise nothing(album.path, {name: str(read(name)) for name in names})
    colour, size = colour or first.ndim == 3, first.shape[:2]
    shape = (3, *size) if colour else size
    must_fit(len(names) * math.prod(shape))
    bad: dict[str, str] = {}
    sizes: dict[tuple[int, ...], list[str]] = {}
    digest = blake2b(digest_size=16)
    header(file, (len(names), *shape))
    for part in parts(names, max(1, PART // math.prod(shape)), album):
        pixels, seen = block(part, read, shape)
        if not colour and any(len(one) == 3 for one in seen if not isinstance(one, str)):
            return decode(album, fit, file, must_fit, colour=True)
        for name, one in zip(part, seen, strict=True):
            if isinstance(one, str):
                bad[name] = one
            else:
                sizes.setdefault(one[:2], []).append(name)
        values = pixels[[one[:2] == size for one in seen]].data
        file.write(values)
        digest.update(values)
    file.truncate()
    header(file, (len(sizes[size]), *shape))
    if len(sizes) > 1:
        raise several(album.path, sizes)
    return Written(sizes[size], bad, digest.hexdigest())


def pixels_or_why(read: Callable[[], bytes], fit: Fit) -> np.ndarray | str:
    """A picture's pixels, or why it cannot be read."""
    try:
        return decoded(read(), fit)
    except PermissionError:
        return "no permission"
    except ValueError as error:
        return str(error)
    except DAMAGE:
        return "damaged"


def block(
    names: list[str], read: Callable[[str], np.ndarray | str], shape: tuple[int, ...]
) -> tuple[np.ndarray, list[Seen]]:
    """Pictures as one array, those that have the ``shape`` or are grey where it is colour; and what each of them is."""
    made = np.empty((len(names), *shape), np.uint8)
    seen: list[Seen] = [""] * len(names)

    def put(place: int) -> None:
        pixels = read(names[place])
        seen[place] = pixels if isinstance(pixels, str) else pixels.shape
        if not isinstance(pixels, str) and pixels.shape[:2] == shape[-2:] and pixels.ndim <= len(shape):
            made[place] = pixels if pixels.ndim == 2 else pixels.transpose(2, 0, 1)

    each(put, len(names), names.__getitem__)
    return made, seen


def parts(names: list[str], length: int, album: Album) -> Iterator[list[str]]:
    """The names, so many at a time; large albums show how far they are."""
    from rich.progress import track

    starts = range(0, len(names), length)
    hidden = album.size < SHOWN or not sys.stderr.isatty()
    for start in track(starts, f"decoding {album.path.name}", transient=True, disable=hidden):
        yield names[start : start + length]


def header(file: BinaryIO, shape: tuple[int, ...]) -> None:
    """What a .npy file of pixels begins with; as long for any number of them."""
    file.seek(0)
    np.lib.format.write_array_header_1_0(file, {"descr": "|u1", "fortran_order": False, "shape": shape})


def nothing(path: Path, bad: dict[str, str]) -> ValueError:
    """What is wrong where no picture can be read."""
    if bad:
        return unreadable(path, bad, len(bad))
    return ValueError(
        f"no pictures in {path}: expected {', '.join(sorted(PICTURES))} files, in it or in its subfolders, "
        "or .tar or .parquet shards or an x.npy in itself"
    )


def unreadable(path: Path, bad: dict[str, str], count: int) -> ValueError:
    """What is wrong where some pictures cannot be read."""
    return ValueError(
        f"{len(bad)} of {count} pictures in {path} cannot be read: {listed(bad, 3)}; mend them or take them out, or "
        'go on without them: bad_pictures="skip", on the command line --skip-bad'
    )


def listed(bad: dict[str, str], most: int) -> str:
    """The first few names, each with what is wrong, and how many more there are."""
    more = f" and {len(bad) - most} more" if len(bad) > most else ""
    return ", ".join(f"{name} ({why})" for name, why in list(bad.items())[:most]) + more


def several(path: Path, sizes: dict[tuple[int, ...], list[str]]) -> ValueError:
    """What is wrong where pictures have more than one size."""
    by_count = sorted(sizes.items(), key=lambda pair: -len(pair[1]))
    shown = [f"{h}x{w} ({len(names)}, such as {names[0]})" for (h, w), names in by_count[:3]]
    more = f" and {len(sizes) - 3} more" if len(sizes) > 3 else ""
    return ValueError(
        f"the {sum(map(len, sizes.values()))} pictures in {path} have {len(sizes)} sizes (height x width): "
        f"{', '.join(shown)}{more}; expected one: give resize=28 or resize=(height, width), on the command line "
        "--resize 28"
    )
