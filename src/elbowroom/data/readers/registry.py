"""Registry of the readers of files, and the choice among them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from elbowroom.data.image import IMAGE_SUFFIXES
from elbowroom.data.options import ReadOptions
from elbowroom.data.raw import RawDataset
from elbowroom.data.readers.listing import COMPRESSED_TAR_SUFFIXES, Listing, list_path, name_from_path
from elbowroom.registry import Registry


@dataclass(frozen=True)
class Reader:
    """A reader of files.

    Attributes:
        read: from what is listed to the splits in it.
        name: of the reader.
        description: what it reads, with an article, for the error at a file that no reader takes.
        suffixes: the endings of its files, in lower case; without one of them it is not asked.
        options: the fields of ``ReadOptions`` that it takes.
        matches: whether it reads what is listed; by default one file.
        reads_folders: whether it is asked about any folder, whatever the names in it.
    """

    read: Callable[[Listing, ReadOptions], RawDataset]
    name: str
    description: str
    suffixes: tuple[str, ...]
    options: tuple[str, ...] = ()
    matches: Callable[[Listing, ReadOptions], bool] = lambda listing, options: listing.is_file
    reads_folders: bool = False


READERS: Registry[Reader] = Registry(
    "reader",
    tuple(
        f"elbowroom.data.readers.{module}"
        for module in (
            "corpus",
            "series_csv",
            "series_arrays",
            "table",
            "image_tar",
            "shards",
            "sparse",
            "numpy",
            "*",
            "image_folder",
        )
    ),
)
"""The first that matches reads: files that are said to hold series before tables and arrays, small parquet files before
shards, sparse matrices before arrays, tars of images alone before other tars, and any folder before one of images,
which may lie in folders inside it.
"""
reader = READERS.decorator(Reader, help=lambda entry: entry.description)


def read_path(path: Path, options: ReadOptions) -> RawDataset:
    """Read a file, a folder, or the files that match a pattern, with the first reader that matches.

    Raises:
        ValueError: nothing there, nothing readable in it, no permission, another kind of file, an option that is not
            for it.
    """
    listing = list_path(path)
    chosen = find_reader(listing, options)
    if chosen is None:
        raise ValueError(f"cannot read {path}: expected {describe_readable()}")
    options.reject_unsupported(path.name, *chosen.options)
    raw = chosen.read(listing, options)
    raw.name, raw.source = name_from_path(path), str(path.absolute())
    return raw


def find_reader(listing: Listing, options: ReadOptions) -> Reader | None:
    """Return the first reader that matches, of those for a folder or for an ending in it."""
    candidates = (
        reader
        for reader in READERS.values()
        if listing.has_suffix(reader.suffixes) or (reader.reads_folders and listing.is_folder)
    )
    return next((reader for reader in candidates if reader.matches(listing, options)), None)


def describe_readable() -> str:
    """Return what the readers read, for an error message."""
    *others, last = [entry.description for entry in READERS.values()]
    return f"{', '.join(others)}, or {last}"


def is_image_source(path: Path) -> bool:
    """Return whether a path is an image, or a folder, zip or tar of them, by its name: what can be resized."""
    readers = [reader for reader in READERS.values() if "bad_images" in reader.options]
    return path.is_dir() or any(path.suffix.lower() in reader.suffixes for reader in readers)


def dataset_suffixes() -> set[str]:
    """Return the endings of files that hold a data set: all that are read, except those of a single image."""
    suffixes = {suffix for reader in READERS.values() for suffix in reader.suffixes}
    return suffixes - {*IMAGE_SUFFIXES, *COMPRESSED_TAR_SUFFIXES}
