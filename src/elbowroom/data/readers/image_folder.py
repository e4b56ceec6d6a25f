"""Pictures of one size as a split, labelled by the folders they lie in."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

from elbowroom.data.image import CropResize
from elbowroom.data.options import ReadOptions
from elbowroom.data.raw import RawDataset, class_names, encode_labels, split_from_arrays
from elbowroom.data.readers.image_archive import folder_labels, has_only_images, open_image_archive
from elbowroom.data.readers.image_cache import DecodedImages, cache_path, load_cached
from elbowroom.data.readers.image_decode import format_errors, unreadable_images_error
from elbowroom.data.readers.numpy import PARTIAL_HASH_BYTES, ArrayRowSource, open_npy_split
from elbowroom.data.splits.buffered import BufferedSplit

MAX_LISTED_IMAGES = 20
"""How many pictures a warning names."""


def read_images(path: Path, options: ReadOptions) -> RawDataset:
    """Every picture of a folder, zip or tar; labelled by subfolder where there are at least two of them.

    Raises:
        ValueError: no pictures, several sizes, or pictures that cannot be read, unless they are to be skipped.
    """
    held = load_images(path, options)
    y = folder_labels(held.metadata.names)
    return build_raw_dataset(held, y, None if y is None else class_names([y]), f"the pictures of {path.name}", options)


def is_image_tar(tar: Path, crop_resize: CropResize) -> bool:
    """Whether a tar is to be decoded once, as a zip is; one that has been needs no second look."""
    return cache_path(open_image_archive(tar), crop_resize).exists() or has_only_images(tar)


def load_images(path: Path, options: ReadOptions) -> DecodedImages:
    """The decoded pictures; those that cannot be read are refused, or told of in a warning."""
    held = load_cached(open_image_archive(path), options.crop_resize)
    bad, count = held.metadata.errors, len(held.metadata.names) + len(held.metadata.errors)
    if bad and options.bad_images == "refuse":
        raise unreadable_images_error(path, bad, count)
    if bad:
        told = f"{len(bad)} of {count} pictures in {path} cannot be read and are left out: {format_errors(bad, MAX_LISTED_IMAGES)}"
        warnings.warn(told, stacklevel=2)
    return held


def build_raw_dataset(
    images: DecodedImages, y: Any, classes: tuple[str, ...] | None, where: str, options: ReadOptions
) -> RawDataset:
    """Decoded pictures: in memory where they are small beside it and no buffer is asked for, mapped otherwise."""
    if images.file is not None:
        train = open_npy_split(images.file, y, classes, where, options.buffer)
    elif options.buffer is None:
        train = split_from_arrays(images.pixels, y, classes, where)
    else:
        source = ArrayRowSource(images.pixels, where)
        given = None if y is None else encode_labels(y, len(source), classes, where)
        train = BufferedSplit(source, given, buffer=options.buffer)
    return RawDataset(
        train,
        classes=classes,
        preprocessing=options.crop_resize.description,
        content_hash=images.metadata.digest if images.pixels.nbytes > PARTIAL_HASH_BYTES else None,
        skipped=tuple(images.metadata.errors),
    )
