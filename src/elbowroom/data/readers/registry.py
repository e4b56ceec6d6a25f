"""The readers of files, in the order in which they are asked, and the choice among them."""

from __future__ import annotations

from pathlib import Path

from elbowroom.data.options import ReadOptions
from elbowroom.data.raw import RawDataset
from elbowroom.data.readers.base import Listing, Reader, list_path, name_from_path
from elbowroom.data.readers.image_folder import IMAGE_ARCHIVE, IMAGE_FILE, IMAGE_TAR
from elbowroom.data.readers.numpy import NPY, NPZ
from elbowroom.data.readers.shards import SHARDS
from elbowroom.data.readers.table import TABLE

READERS: tuple[Reader, ...] = (TABLE, IMAGE_TAR, SHARDS, NPY, IMAGE_ARCHIVE, IMAGE_FILE, NPZ)
"""The first that matches reads: small parquet files before shards, tars of images alone before other tars, and a folder
of arrays before one of images."""


def read_path(path: Path, options: ReadOptions) -> RawDataset:
    """Read a file, a folder, or the files that match a pattern, with the first reader that matches.

    Raises:
        ValueError: nothing there, nothing readable in it, no permission, another kind of file, an option that is not
            for it.
    """
    listing = list_path(path)
    reader = find_reader(listing, options)
    if reader is None:
        raise ValueError(
            f"cannot read {path}: expected a .npy or .npz file, a .csv or .parquet table, an image, a folder, .zip or "
            ".tar of them, or shards of .tar or .parquet"
        )
    options.reject_unsupported(path.name, *reader.options)
    raw = reader.read(listing, options)
    raw.name, raw.source = name_from_path(path), str(path.absolute())
    return raw


def find_reader(listing: Listing, options: ReadOptions) -> Reader | None:
    """Return the first reader that matches, of those for a folder or for an ending in it."""
    candidates = (
        reader
        for reader in READERS
        if listing.has_suffix(reader.suffixes) or (reader.reads_folders and listing.is_folder)
    )
    return next((reader for reader in candidates if reader.matches(listing, options)), None)


def is_image_source(path: Path) -> bool:
    """Return whether a path is an image, or a folder, zip or tar of them, by its name: what can be resized."""
    return path.is_dir() or any(
        path.suffix.lower() in reader.suffixes for reader in (IMAGE_TAR, IMAGE_ARCHIVE, IMAGE_FILE)
    )
