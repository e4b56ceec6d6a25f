"""Pictures decoded: all of an album as one array."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator
from hashlib import blake2b
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np

from elbowroom.data.file_io import READ_ERRORS
from elbowroom.data.image import IMAGE_SUFFIXES, CropResize, decode_image
from elbowroom.data.readers.image_archive import ImageArchive
from elbowroom.data.value_kinds import parallel_for

DECODE_CHUNK_BYTES = 2**24
"""Bytes of decoded pictures that are in memory at a time."""
PROGRESS_MIN_BYTES = 2**22
"""Bytes of pictures as they lie from which it is shown how far the decoding is."""
ShapeOrError = str | tuple[int, ...]
"""The shape of a picture, or why it cannot be read."""


class DecodeSummary(NamedTuple):
    """The pictures in a file: their names in order, those that could not be read and why, a hash of the pixels."""

    names: list[str]
    errors: dict[str, str]
    digest: str


def decode_to_npy(
    archive: ImageArchive,
    crop_resize: CropResize,
    file: BinaryIO,
    check_space: Callable[[int], None],
    color: bool = False,
) -> DecodeSummary:
    """Write all pictures as a .npy file: (N, H, W) where all are grey, (N, 3, H, W) where one is in colour.

    They are decoded in as many threads as there are cores, a part of them at a time. ``check_space`` is asked first,
    with the bytes of all.

    Raises:
        ValueError: no pictures, none that can be read, or several sizes.
    """
    places = archive.list_members()
    names = sorted(places)

    def read(name: str) -> np.ndarray | str:
        return decode_or_error(lambda: archive.read(places[name]), crop_resize)

    first = next((pixels for name in names if not isinstance(pixels := read(name), str)), None)
    if first is None:
        raise no_images_error(archive.path, {name: str(read(name)) for name in names})
    color, size = color or first.ndim == 3, first.shape[:2]
    shape = (3, *size) if color else size
    check_space(len(names) * math.prod(shape))
    bad: dict[str, str] = {}
    sizes: dict[tuple[int, ...], list[str]] = {}
    digest = blake2b(digest_size=16)
    write_npy_header(file, (len(names), *shape))
    for part in iter_chunks(names, max(1, DECODE_CHUNK_BYTES // math.prod(shape)), archive):
        pixels, seen = decode_chunk(part, read, shape)
        if not color and any(len(one) == 3 for one in seen if not isinstance(one, str)):
            return decode_to_npy(archive, crop_resize, file, check_space, color=True)
        for name, one in zip(part, seen, strict=True):
            if isinstance(one, str):
                bad[name] = one
            else:
                sizes.setdefault(one[:2], []).append(name)
        values = pixels[[one[:2] == size for one in seen]].data
        file.write(values)
        digest.update(values)
    file.truncate()
    write_npy_header(file, (len(sizes[size]), *shape))
    if len(sizes) > 1:
        raise mixed_sizes_error(archive.path, sizes)
    return DecodeSummary(sizes[size], bad, digest.hexdigest())


def decode_or_error(read: Callable[[], bytes], crop_resize: CropResize) -> np.ndarray | str:
    """A picture's pixels, or why it cannot be read."""
    try:
        return decode_image(read(), crop_resize)
    except PermissionError:
        return "no permission"
    except ValueError as error:
        return str(error)
    except READ_ERRORS:
        return "damaged"


def decode_chunk(
    names: list[str], read: Callable[[str], np.ndarray | str], shape: tuple[int, ...]
) -> tuple[np.ndarray, list[ShapeOrError]]:
    """Pictures as one array, those that have the ``shape`` or are grey where it is colour; and what each of them is."""
    made = np.empty((len(names), *shape), np.uint8)
    seen: list[ShapeOrError] = [""] * len(names)

    def put(place: int) -> None:
        pixels = read(names[place])
        seen[place] = pixels if isinstance(pixels, str) else pixels.shape
        if not isinstance(pixels, str) and pixels.shape[:2] == shape[-2:] and pixels.ndim <= len(shape):
            made[place] = pixels if pixels.ndim == 2 else pixels.transpose(2, 0, 1)

    parallel_for(put, len(names), names.__getitem__)
    return made, seen


def iter_chunks(names: list[str], chunk_size: int, archive: ImageArchive) -> Iterator[list[str]]:
    """The names, so many at a time; large albums show how far they are."""
    from rich.progress import track

    starts = range(0, len(names), chunk_size)
    hidden = archive.total_bytes < PROGRESS_MIN_BYTES or not sys.stderr.isatty()
    for start in track(starts, f"decoding {archive.path.name}", transient=True, disable=hidden):
        yield names[start : start + chunk_size]


def write_npy_header(file: BinaryIO, shape: tuple[int, ...]) -> None:
    """What a .npy file of pixels begins with; as long for any number of them."""
    file.seek(0)
    np.lib.format.write_array_header_1_0(file, {"descr": "|u1", "fortran_order": False, "shape": shape})


def no_images_error(path: Path, errors: dict[str, str]) -> ValueError:
    """What is wrong where no picture can be read."""
    if errors:
        return unreadable_images_error(path, errors, len(errors))
    return ValueError(
        f"no pictures in {path}: expected {', '.join(sorted(IMAGE_SUFFIXES))} files, in it or in its subfolders, "
        "or .tar or .parquet shards or an x.npy in itself"
    )


def unreadable_images_error(path: Path, errors: dict[str, str], count: int) -> ValueError:
    """What is wrong where some pictures cannot be read."""
    return ValueError(
        f"{len(errors)} of {count} pictures in {path} cannot be read: {format_errors(errors, 3)}; mend them or take them out, or "
        'go on without them: bad_pictures="skip", on the command line --skip-bad'
    )


def format_errors(errors: dict[str, str], max_shown: int) -> str:
    """The first few names, each with what is wrong, and how many more there are."""
    more = f" and {len(errors) - max_shown} more" if len(errors) > max_shown else ""
    return ", ".join(f"{name} ({why})" for name, why in list(errors.items())[:max_shown]) + more


def mixed_sizes_error(path: Path, sizes: dict[tuple[int, ...], list[str]]) -> ValueError:
    """What is wrong where pictures have more than one size."""
    by_count = sorted(sizes.items(), key=lambda pair: -len(pair[1]))
    shown = [f"{h}x{w} ({len(names)}, such as {names[0]})" for (h, w), names in by_count[:3]]
    more = f" and {len(sizes) - 3} more" if len(sizes) > 3 else ""
    return ValueError(
        f"the {sum(map(len, sizes.values()))} pictures in {path} have {len(sizes)} sizes (height x width): "
        f"{', '.join(shown)}{more}; expected one: give resize=28 or resize=(height, width), on the command line "
        "--resize 28"
    )
