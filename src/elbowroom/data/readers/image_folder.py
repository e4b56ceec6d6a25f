"""Reader of images of one size in a folder or a zip, labelled by the folders they lie in."""

from __future__ import annotations

import warnings
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from elbowroom.data.class_subset import UNKNOWN_LABEL
from elbowroom.data.file_io import PARTIAL_HASH_BYTES
from elbowroom.data.image import IMAGE_SUFFIXES, CropResize
from elbowroom.data.options import ReadOptions
from elbowroom.data.raw import RawDataset, split_from_rows
from elbowroom.data.readers.image_archive import ImageArchive, open_image_archive
from elbowroom.data.readers.image_cache import DecodedImages, cache_path, load_cached
from elbowroom.data.readers.image_decode import decode_to_npy, format_errors, unreadable_images_error
from elbowroom.data.readers.image_names import labels_from_names
from elbowroom.data.readers.listing import Listing
from elbowroom.data.readers.registry import reader
from elbowroom.data.splits.dataset import DatasetSplit
from elbowroom.data.splits.loader import LoaderSplit

MAX_LISTED_IMAGES = 20
"""Images that a warning names."""


@reader("image", "an image", tuple(sorted(IMAGE_SUFFIXES)), options=("resize", "crop", "bad_images"))
@reader(
    "images",
    "a folder or .zip of images",
    (".zip",),
    options=("resize", "crop", "bad_images", "buffer"),
    matches=lambda listing, options: listing.is_folder or listing.is_file,
    reads_folders=True,
)
def read_images(listing: Listing, options: ReadOptions) -> RawDataset:
    """Read every image of a folder, zip or tar; folders in it are splits, if they are called so, and classes.

    Raises:
        ValueError: no images, several sizes, or images that cannot be read, unless they are to be skipped.
    """
    images = load_images(listing.path, options)
    found = labels_from_names(images.metadata.names, listing.path)
    raw = build_raw_dataset(images, found.y, found.classes, f"the images of {listing.path.name}", options)
    if found.splits is None:
        return raw
    raw.preprocessing = "; ".join(filter(None, [found.note, raw.preprocessing]))
    return divide_by_split(raw, found.splits)


def divide_by_split(raw: RawDataset, splits: np.ndarray) -> RawDataset:
    """Divide images by the split of each, (N,); one whose labels are all unknown has none."""
    whole = raw.train
    assert not isinstance(whole, DatasetSplit | LoaderSplit)
    parts = {}
    for name in np.unique(splits):
        rows = torch.from_numpy(np.flatnonzero(splits == name))
        parts[str(name)] = part = whole.subset(rows)
        if whole.y is not None and bool((whole.y[rows] == UNKNOWN_LABEL).all()):
            part.y = None
    return replace(raw, train=parts["train"], validation=parts.get("validation"), test=parts.get("test"))


def decoded_version(archive: ImageArchive, crop_resize: CropResize) -> str:
    """Return what the decoded images depend on, as a text."""
    return f"{archive.version_hash} {crop_resize}"


def load_images(path: Path, options: ReadOptions) -> DecodedImages:
    """Return the decoded images; those that cannot be read are refused, or skipped with a warning."""
    archive = open_image_archive(path)
    images = load_cached(
        cache_path(decoded_version(archive, options.crop_resize)),
        archive.total_bytes,
        partial(decode_to_npy, archive, options.crop_resize),
        path.name,
    )
    unreadable = images.metadata.errors
    count = len(images.metadata.names) + len(unreadable)
    if unreadable and options.bad_images == "refuse":
        raise unreadable_images_error(path, unreadable, count)
    if unreadable:
        warnings.warn(
            f"{len(unreadable)} of {count} images in {path} cannot be read and are left out: "
            f"{format_errors(unreadable, MAX_LISTED_IMAGES)}",
            stacklevel=2,
        )
    return images


def build_raw_dataset(
    images: DecodedImages, y: Any, classes: tuple[str, ...] | None, where: str, options: ReadOptions
) -> RawDataset:
    """Return decoded images as a source, with their labels and what was skipped."""
    return RawDataset(
        split_from_rows(images.pixels, y, classes, where, options.buffer),
        classes=classes,
        preprocessing="; ".join(filter(None, [*images.metadata.notes, options.crop_resize.description])),
        content_hash=images.metadata.digest if images.pixels.nbytes > PARTIAL_HASH_BYTES else None,
        layout="image",
        skipped=tuple(images.metadata.errors),
        row_names=tuple(images.metadata.names),
    )
