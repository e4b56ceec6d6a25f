"""Decode all images of an archive into one .npy array."""

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
from elbowroom.data.readers.encoded_examples import parallel_for
from elbowroom.data.readers.image_archive import ImageArchive

DECODE_CHUNK_BYTES = 2**24
"""Decoded images that are in memory at a time."""
PROGRESS_MIN_BYTES = 2**22
"""Size of encoded images from which a progress bar is shown."""
ShapeOrError = str | tuple[int, ...]
"""The shape of an image, or why it cannot be read."""


class DecodeSummary(NamedTuple):
    """The names of decoded images in order, those that cannot be read and why, and a hash of the pixels."""

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
    """Write all images as a .npy file: (N, H, W) where all are grey, (N, 3, H, W) where one is in colour.

    They are decoded in as many threads as there are cores, in chunks. ``check_space`` is called first with the bytes
    of all, and raises where there is no room for them.

    Raises:
        ValueError: no images, none that can be read, or several sizes.
    """
    members = archive.list_members()
    names = sorted(members)

    def read(name: str) -> np.ndarray | str:
        return decode_or_error(lambda: archive.read(members[name]), crop_resize)

    first = next((pixels for name in names if not isinstance(pixels := read(name), str)), None)
    if first is None:
        raise no_images_error(archive.path, {name: str(read(name)) for name in names})
    color, size = color or first.ndim == 3, first.shape[:2]
    shape = (3, *size) if color else size
    check_space(len(names) * math.prod(shape))
    errors: dict[str, str] = {}
    names_by_size: dict[tuple[int, ...], list[str]] = {}
    digest = blake2b(digest_size=16)
    write_npy_header(file, (len(names), *shape))
    for chunk in iter_chunks(names, max(1, DECODE_CHUNK_BYTES // math.prod(shape)), archive):
        pixels, outcomes = decode_chunk(chunk, read, shape)
        if not color and any(len(outcome) == 3 for outcome in outcomes if not isinstance(outcome, str)):
            return decode_to_npy(archive, crop_resize, file, check_space, color=True)
        for name, outcome in zip(chunk, outcomes, strict=True):
            if isinstance(outcome, str):
                errors[name] = outcome
            else:
                names_by_size.setdefault(outcome[:2], []).append(name)
        values = pixels[[outcome[:2] == size for outcome in outcomes]].data
        file.write(values)
        digest.update(values)
    file.truncate()
    write_npy_header(file, (len(names_by_size[size]), *shape))
    if len(names_by_size) > 1:
        raise mixed_sizes_error(archive.path, names_by_size)
    return DecodeSummary(names_by_size[size], errors, digest.hexdigest())


def decode_or_error(read: Callable[[], bytes], crop_resize: CropResize) -> np.ndarray | str:
    """Return the pixels of an image, or why it cannot be read."""
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
    """Return images as one array (N, *shape), and the shape or error of each.

    Those of another size are left empty; grey ones are repeated over the channels of a colour shape.
    """
    images = np.empty((len(names), *shape), np.uint8)
    outcomes: list[ShapeOrError] = [""] * len(names)

    def decode(index: int) -> None:
        pixels = read(names[index])
        outcomes[index] = pixels if isinstance(pixels, str) else pixels.shape
        if not isinstance(pixels, str) and pixels.shape[:2] == shape[-2:] and pixels.ndim <= len(shape):
            images[index] = pixels if pixels.ndim == 2 else pixels.transpose(2, 0, 1)

    parallel_for(decode, len(names), names.__getitem__)
    return images, outcomes


def iter_chunks(names: list[str], chunk_size: int, archive: ImageArchive) -> Iterator[list[str]]:
    """Yield the names in chunks, with a progress bar for large archives."""
    from rich.progress import track

    starts = range(0, len(names), chunk_size)
    hidden = archive.total_bytes < PROGRESS_MIN_BYTES or not sys.stderr.isatty()
    for start in track(starts, f"decoding {archive.path.name}", transient=True, disable=hidden):
        yield names[start : start + chunk_size]


def write_npy_header(file: BinaryIO, shape: tuple[int, ...]) -> None:
    """Write the header of a .npy file of pixels, which is as long for any number of images."""
    file.seek(0)
    np.lib.format.write_array_header_1_0(file, {"descr": "|u1", "fortran_order": False, "shape": shape})


def no_images_error(path: Path, errors: dict[str, str]) -> ValueError:
    """Return the error for a source without images that can be read."""
    if errors:
        return unreadable_images_error(path, errors, len(errors))
    return ValueError(
        f"no images in {path}: expected {', '.join(sorted(IMAGE_SUFFIXES))} files, in it or in its subfolders, "
        "or .tar or .parquet shards or an x.npy in itself"
    )


def unreadable_images_error(path: Path, errors: dict[str, str], count: int) -> ValueError:
    """Return the error for images that cannot be read."""
    return ValueError(
        f"{len(errors)} of {count} images in {path} cannot be read: {format_errors(errors, 3)}; mend them or take them "
        'out, or go on without them: bad_images="skip", on the command line --skip-bad'
    )


def format_errors(errors: dict[str, str], max_shown: int) -> str:
    """Return the first few names, each with its error, and how many more there are."""
    more = f" and {len(errors) - max_shown} more" if len(errors) > max_shown else ""
    return ", ".join(f"{name} ({why})" for name, why in list(errors.items())[:max_shown]) + more


def mixed_sizes_error(path: Path, names_by_size: dict[tuple[int, ...], list[str]]) -> ValueError:
    """Return the error for images of more than one size."""
    by_count = sorted(names_by_size.items(), key=lambda pair: -len(pair[1]))
    shown = [f"{h}x{w} ({len(names)}, such as {names[0]})" for (h, w), names in by_count[:3]]
    more = f" and {len(names_by_size) - 3} more" if len(names_by_size) > 3 else ""
    count = sum(map(len, names_by_size.values()))
    return ValueError(
        f"the {count} images in {path} have {len(names_by_size)} sizes (height x width): {', '.join(shown)}{more}; "
        "expected one: give resize=28 or resize=(height, width), on the command line --resize 28"
    )
