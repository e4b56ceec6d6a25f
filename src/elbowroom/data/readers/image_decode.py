"""Decode all images of an archive into one .npy array."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator
from hashlib import blake2b
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from elbowroom.data.file_io import READ_ERRORS
from elbowroom.data.image import IMAGE_SUFFIXES, CropResize, decode_pages, loses_depth
from elbowroom.data.readers.encoded_examples import parallel_for
from elbowroom.data.readers.image_archive import ImageArchive

DECODE_CHUNK_BYTES = 2**24
"""Decoded images that are in memory at a time."""
PROGRESS_MIN_BYTES = 2**22
"""Size of encoded images from which a progress bar is shown."""
Pages = list[np.ndarray]
Reader = Callable[[str], Pages | str]
"""Returns the pages of an image file by its name, or why it cannot be read."""


class DecodeSummary(NamedTuple):
    """The names of decoded images in order, those that cannot be read and why, a hash of the pixels, and notes.

    The notes say what was decided for the set, for the record. A page of a file of several is named ``scan.tif#3``.
    """

    names: list[str]
    errors: dict[str, str]
    digest: str
    notes: list[str]


class ImageForm(NamedTuple):
    """What the images of a set have in common.

    Attributes:
        size: height and width.
        is_color: whether they have three channels.
        dtype: of their values.
        largest: the value of deeper images that becomes 255, where there are some beside those of 8 bits.
    """

    size: tuple[int, ...]
    is_color: bool
    dtype: np.dtype[Any]
    largest: float | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of an image, channels first."""
        return (3, *self.size) if self.is_color else self.size

    @property
    def image_bytes(self) -> int:
        """The size of an image."""
        return math.prod(self.shape) * self.dtype.itemsize

    def has_room_for(self, image: np.ndarray) -> bool:
        """Return whether an image, of whatever size, can be brought to this form."""
        is_widened = image.dtype == np.uint16 and self.dtype == np.int32
        has_depth = image.dtype == self.dtype or is_widened or self.largest is not None
        return has_depth and (self.is_color or image.ndim == 2)

    def conform(self, image: np.ndarray) -> np.ndarray:
        """Return an image in this form: channels first, those of a gray one repeated, deeper values scaled."""
        if image.dtype != self.dtype and self.largest is not None:
            image = (image * (255 / self.largest)).round()
        image = image.astype(self.dtype, copy=False)
        image = image if image.ndim == 2 else image.transpose(2, 0, 1)
        return np.ascontiguousarray(np.broadcast_to(image, self.shape))


def decode_to_npy(
    archive: ImageArchive, crop_resize: CropResize, file: BinaryIO, check_space: Callable[[int], None]
) -> DecodeSummary:
    """Write all images as a .npy file: (N, H, W) where all are grey, (N, 3, H, W) where one is in colour.

    The values are uint8, or uint16, int32 or float32 where the images have more bits. Every page of a file is an image.
    They are decoded in as many threads as there are cores, in chunks. ``check_space`` is called first with the bytes
    of all, and raises where there is no room for them.

    Raises:
        ValueError: no images, none that can be read, several sizes, or depths that do not go together.
    """
    members = archive.list_members()
    names = sorted(members)

    def read(name: str) -> Pages | str:
        return decode_or_error(lambda: archive.read(members[name]), crop_resize)

    readable = ((name, pages) for name in names if not isinstance(pages := read(name), str))
    first_name, first = next(readable, ("", []))
    if not first:
        raise no_images_error(archive.path, {name: str(read(name)) for name in names})
    form = ImageForm(first[0].shape[:2], first[0].ndim == 3, first[0].dtype)
    chunk_size = max(1, DECODE_CHUNK_BYTES // (form.image_bytes * len(first)))
    notes = ["16 bits a channel read as 8"] * loses_depth(archive.read(members[first_name]))

    def chunks() -> Iterator[list[tuple[str, Pages | str]]]:
        for chunk in iter_chunks(names, chunk_size, archive):
            yield list(zip(chunk, read_all(chunk, read), strict=True))

    check_space(len(names) * len(first) * form.image_bytes)
    summary = write_images(chunks(), form, file, archive.path)
    if summary is None:
        form, survey_notes = survey_form(chunks(), form.size, archive.path)
        notes += survey_notes
        check_space(len(names) * len(first) * form.image_bytes)
        summary = write_images(chunks(), form, file, archive.path)
        assert summary is not None
    return summary._replace(notes=[*notes, *summary.notes])


def read_all(names: list[str], read: Reader) -> list[Pages | str]:
    """Return the pages of each image file, or why it cannot be read, in threads."""
    results: list[Pages | str] = [""] * len(names)

    def task(index: int) -> None:
        results[index] = read(names[index])

    parallel_for(task, len(names), names.__getitem__)
    return results


def write_images(
    chunks: Iterator[list[tuple[str, Pages | str]]], form: ImageForm, file: BinaryIO, path: Path
) -> DecodeSummary | None:
    """Write images of one form as a .npy file; return None as soon as one does not have it.

    Raises:
        ValueError: images of several sizes.
    """
    errors: dict[str, str] = {}
    names_by_size: dict[tuple[int, ...], list[str]] = {form.size: []}
    paged: set[str] = set()
    n_gray = 0
    digest = blake2b(digest_size=16)
    write_npy_header(file, (0, *form.shape), form.dtype)
    for chunk in chunks:
        for name, pages in chunk:
            if isinstance(pages, str):
                errors[name] = pages
                continue
            paged |= {name} if len(pages) > 1 else set()
            for page_name, image in zip(name_pages(name, len(pages)), pages, strict=True):
                if not form.has_room_for(image):
                    return None
                n_gray += image.ndim == 2
                names_by_size.setdefault(image.shape[:2], []).append(page_name)
                if image.shape[:2] == form.size:
                    values = form.conform(image).data
                    file.write(values)
                    digest.update(values)
    file.truncate()
    names = names_by_size[form.size]
    write_npy_header(file, (len(names), *form.shape), form.dtype)
    if len(names_by_size) > 1:
        raise mixed_sizes_error(path, names_by_size)
    notes = [f"files of several pages: {len(paged):,}, each page an example"] * bool(paged)
    if form.is_color and n_gray:
        notes.append(f"{n_gray:,} gray images among those in color repeated in three channels")
    return DecodeSummary(names, errors, digest.hexdigest(), notes)


def name_pages(name: str, count: int) -> list[str]:
    """Return the name of each page of a file, which counts from 1 where there are several.

    >>> name_pages("a.png", 1), name_pages("scan.tif", 2)
    (['a.png'], ['scan.tif#1', 'scan.tif#2'])
    """
    return [name] if count == 1 else [f"{name}#{page}" for page in range(1, count + 1)]


def survey_form(
    chunks: Iterator[list[tuple[str, Pages | str]]], size: tuple[int, ...], path: Path
) -> tuple[ImageForm, list[str]]:
    """Return the form that all images together have, and notes on it.

    Whole numbers of different depths are those numbers. Beside images of 8 bits the largest value of the deeper ones
    becomes 255, and what is between is rounded.

    Raises:
        ValueError: images with floats beside others, or with negative values beside those of 8 bits.
    """
    depths: dict[np.dtype[Any], list[str]] = {}
    is_color, low, high = False, 0.0, 0.0
    for chunk in chunks:
        for name, pages in chunk:
            for image in pages if not isinstance(pages, str) else []:
                depths.setdefault(image.dtype, []).append(name)
                is_color |= image.ndim == 3
                if image.dtype != np.uint8:
                    low, high = min(low, float(image.min())), max(high, float(image.max()))
    whole = [dtype for dtype in depths if dtype.kind in "ui"]
    if len(whole) < len(depths) > 1 or (np.dtype(np.uint8) in depths and low < 0):
        raise mixed_depths_error(path, depths)
    if len(depths) == 1 or np.dtype(np.uint8) not in depths:
        return ImageForm(size, is_color, np.result_type(*depths)), []
    deeper = sum(len(names) for dtype, names in depths.items() if dtype != np.uint8)
    note = f"{deeper:,} images of more than 8 bits brought to 8 as the others are, {high:g} becoming 255"
    return ImageForm(size, is_color, np.dtype(np.uint8), high or 1.0), [note]


def decode_or_error(read: Callable[[], bytes], crop_resize: CropResize) -> Pages | str:
    """Return the pages of an image file, or why it cannot be read."""
    try:
        return decode_pages(read(), crop_resize)
    except PermissionError:
        return "no permission"
    except ValueError as error:
        return str(error)
    except READ_ERRORS:
        return "damaged"


def iter_chunks(names: list[str], chunk_size: int, archive: ImageArchive) -> Iterator[list[str]]:
    """Yield the names in chunks, with a progress bar for large archives."""
    from rich.progress import track

    starts = range(0, len(names), chunk_size)
    hidden = archive.total_bytes < PROGRESS_MIN_BYTES or not sys.stderr.isatty()
    for start in track(starts, f"decoding {archive.path.name}", transient=True, disable=hidden):
        yield names[start : start + chunk_size]


def write_npy_header(file: BinaryIO, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
    """Write the header of a .npy file of pixels, which is as long for any number of images."""
    file.seek(0)
    description = np.lib.format.dtype_to_descr(dtype)
    np.lib.format.write_array_header_1_0(file, {"descr": description, "fortran_order": False, "shape": shape})


def no_images_error(path: Path, errors: dict[str, str]) -> ValueError:
    """Return the error for a source without images that can be read."""
    if errors:
        return unreadable_images_error(path, errors, len(errors))
    zips = sorted(file.name for file in path.glob("*.zip")) if path.is_dir() else []
    if zips:
        return ValueError(
            f"no images in {path}, but {', '.join(zips[:3])}: give one of them, or unpack each into a folder of its "
            "name in there; folders called train, val and test are the splits"
        )
    return ValueError(
        f"no images in {path}: expected {', '.join(sorted(IMAGE_SUFFIXES))} files, in it or in its subfolders, "
        "or .tar or .parquet shards or an x.npy in itself"
    )


def unreadable_images_error(path: Path, errors: dict[str, str], count: int) -> ValueError:
    """Return the error for images that cannot be read."""
    return ValueError(
        f"{len(errors)} of {count} images in {path} cannot be read: {format_errors(errors, 3)}; mend them or take them "
        'out, or go on without them: bad_images="skip", on the command line --bad-images skip'
    )


def format_errors(errors: dict[str, str], max_shown: int) -> str:
    """Return the first few names, each with its error, and how many more there are."""
    more = f" and {len(errors) - max_shown} more" if len(errors) > max_shown else ""
    return ", ".join(f"{name} ({why})" for name, why in list(errors.items())[:max_shown]) + more


def mixed_depths_error(path: Path, depths: dict[np.dtype[Any], list[str]]) -> ValueError:
    """Return the error for images of depths that do not go together."""
    words = {"u": "whole numbers from 0", "i": "whole numbers", "f": "floats"}
    shown = [
        f"{8 * dtype.itemsize} bits, {words[dtype.kind]} ({len(names)}, such as {names[0]})"
        for dtype, names in depths.items()
    ]
    return ValueError(
        f"the images in {path} have different depths: {'; '.join(shown)}: expected one; save them alike, or move "
        "them apart"
    )


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
