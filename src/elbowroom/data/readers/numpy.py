"""Reader of arrays in .npy and .npz files and folders of .npy files; large ones are memory-mapped."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from elbowroom.data.file_io import PARTIAL_HASH_BYTES, available_memory, hash_files, io_errors
from elbowroom.data.labels import class_names
from elbowroom.data.options import ReadOptions
from elbowroom.data.raw import SPLIT_SUFFIXES, RawDataset, RawSplit, split_from_arrays, split_from_rows
from elbowroom.data.readers.listing import Listing
from elbowroom.data.readers.registry import reader
from elbowroom.data.split_names import SPLIT_WORDS
from elbowroom.data.view_arrays import is_view_mapping, read_view_arrays

ARRAY_WORDS = {
    **dict.fromkeys(("x", "data", "images", "examples", "inputs"), "x"),
    **dict.fromkeys(("y", "label", "labels", "target", "targets"), "y"),
}
"""Words for examples and labels in the names of the arrays of a .npz file."""


def find_array_files(listing: Listing) -> dict[str, Path]:
    """Return the .npy files by the name of their array: one file as x, or those of a folder with x or x_train."""
    if listing.is_file and listing.suffix == ".npy":
        return {"x": listing.path}
    files = {Path(name).stem: listing.path / name for name in listing.entries if name.endswith(".npy")}
    return files if files.keys() & {"x", "x_train"} else {}


@reader(
    "npy",
    "a .npy array or a folder of them",
    (".npy",),
    options=("buffer",),
    matches=lambda listing, options: bool(find_array_files(listing)),
)
def read_npy(listing: Listing, options: ReadOptions) -> RawDataset:
    """Read one array of examples, or a folder of arrays named as those of a .npz file."""
    files, path = find_array_files(listing), listing.path
    if listing.is_folder:
        entries = {key: file if key.startswith("x") else np.array(open_memmap(file)) for key, file in files.items()}
        raw = raw_from_arrays(entries, path, partial(open_npy_split, buffer=options.buffer))
    else:
        raw = RawDataset(open_npy_split(path, None, None, path.name, options.buffer))
    if sum(file.stat().st_size for file in files.values()) > PARTIAL_HASH_BYTES:
        raw.content_hash = hash_files(list(files.values()))
    return raw


@reader("npz", "a .npz file of arrays", (".npz",))
def read_npz(listing: Listing, options: ReadOptions) -> RawDataset:
    """Read arrays x and y, or those of each split: x_train, y_train, x_validation, x_test and so on.

    Other words for them are read too, as images and labels or train_images; and one array alone under any name. Two
    arrays or more under other names are views of the same examples.
    """
    path = listing.path
    # read as a zip first: numpy takes anything it does not know for a pickle
    with io_errors(path), zipfile.ZipFile(path) as archive:
        size = sum(member.file_size for member in archive.infolist())
    if size > available_memory():
        raise ValueError(
            f"{path} unpacks to {size / 1e9:.1f} GB, more than the memory that is free: unzip it into a folder and "
            "give that, so that its arrays are read in parts"
        )
    with io_errors(path), np.load(path, allow_pickle=False) as stored:
        entries = {key: stored[key] for key in stored.files}
    if is_view_mapping(entries) and any(standardize_key(key) is None for key in entries):
        return read_view_arrays(entries, str(path))
    return raw_from_arrays(standardize_keys(entries, path), path, split_from_arrays)


def standardize_keys(entries: Mapping[str, Any], path: Path) -> dict[str, Any]:
    """Return the arrays of a .npz file by the standard names of their parts: x, y, x_train and so on.

    Raises:
        ValueError: a name that stands for no part, or two for the same.

    >>> sorted(standardize_keys({"train_images": 0, "train_labels": 1, "X_Test": 2}, Path("a.npz")))
    ['x_test', 'x_train', 'y_train']
    >>> sorted(standardize_keys({"faces": 0}, Path("a.npz")))
    ['x']
    """
    standard = {key: standardize_key(key) for key in entries}
    if len(entries) == 1 and None in standard.values():
        return {"x": next(iter(entries.values()))}
    unknown = [key for key, name in standard.items() if name is None]
    if unknown:
        raise ValueError(
            f"{path} holds the arrays {', '.join(entries)}, and '{unknown[0]}' is no word for examples or labels: "
            "rename what is to be read to x and y, or x_train, y_train, x_test and so on, and leave the others out"
        )
    renamed: dict[str, Any] = {}
    for key, name in standard.items():
        if name in renamed:
            raise ValueError(f"{path} holds the arrays {', '.join(entries)}, of which two are {name}: keep one of them")
        renamed[str(name)] = entries[key]
    return renamed


def standardize_key(key: str) -> str | None:
    """Return the standard name of an array: x or y with the word of its split; None for what is no word for one.

    >>> standardize_key("val_labels"), standardize_key("Data"), standardize_key("latents_values")
    ('y_val', 'x', None)
    """
    words = key.lower().split("_")
    splits = [word for word in words if word in SPLIT_WORDS]
    parts = [word for word in words if word not in SPLIT_WORDS]
    letter = ARRAY_WORDS.get("_".join(parts))
    return None if letter is None or len(splits) > 1 else "_".join([letter, *splits])


def raw_from_arrays(entries: dict[str, Any], path: Path | str, make_split: Callable[..., RawSplit]) -> RawDataset:
    """Return the splits of arrays by their names, such as ``x_train``.

    Args:
        entries: arrays, or for ``x`` whatever ``make_split`` takes.
        path: where they are from, for errors.
        make_split: from x, y, the names of the classes and a description to a split.

    Raises:
        ValueError: an unknown name, no training examples, a split twice, labels without examples.
    """
    accepted = [f"{letter}{suffix}" for suffix in SPLIT_SUFFIXES for letter in "xy"]
    shown = [f"{letter}_{split}" for split in ("train", "validation", "test") for letter in "xy"]
    unknown = sorted(set(entries) - set(accepted))
    if unknown or not entries.keys() & {"x", "x_train"}:
        problem = f"the unknown key '{unknown[0]}'" if unknown else "no array x or x_train"
        raise ValueError(f"{path} has {problem}: expected x (and y), or some of {', '.join(shown)}; rename the keys")
    classes = class_names(entries[key] for key in entries if key[0] == "y")
    splits: dict[str, RawSplit] = {}
    for suffix, split in SPLIT_SUFFIXES.items():
        if f"x{suffix}" in entries and split in splits:
            raise ValueError(f"{path} has more than one array for its {split} split: keep one of them")
        if f"x{suffix}" in entries:
            splits[split] = make_split(
                entries[f"x{suffix}"], entries.get(f"y{suffix}"), classes, f"x{suffix} of {getattr(path, 'name', path)}"
            )
        elif f"y{suffix}" in entries:
            raise ValueError(f"{path} has y{suffix} but no x{suffix}: expected both; add it or remove the labels")
    return RawDataset(splits["train"], splits.get("validation"), splits.get("test"), classes)


def open_npy_split(file: Path, y: Any, classes: tuple[str, ...] | None, where: str, buffer: int | None) -> RawSplit:
    """Return the array of a .npy file as a split, in memory or read in parts."""
    return split_from_rows(open_memmap(file), y, classes, where, buffer)


def open_memmap(path: Path) -> np.ndarray:
    """Open the array of a .npy file as a memory map."""
    with io_errors(path):
        with open(path, "rb") as file:
            # numpy takes anything it does not know for a pickle
            if file.read(6) != b"\x93NUMPY":
                raise ValueError("it does not begin as one")
        array: np.ndarray = np.load(path, mmap_mode="r", allow_pickle=False)
    return array
