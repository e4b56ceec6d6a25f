"""Arrays in .npy and .npz files, and in folders of .npy files; small ones in memory, large ones mapped."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from elbowroom.data.file_io import available_memory, hash_files, io_errors
from elbowroom.data.raw import (
    SPLIT_SUFFIXES,
    AnySplit,
    RawDataset,
    class_names,
    encode_labels,
    split_from_arrays,
    validate_array,
)
from elbowroom.data.splits.buffered import BufferedSplit, block_length, split_into_blocks

ALWAYS_IN_MEMORY_BYTES, PARTIAL_HASH_BYTES = 2**26, 2**30
"""Bytes up to which a file is always read whole, and from which it is known by a part of its content."""


def find_array_files(path: Path) -> dict[str, Path]:
    """The .npy files that a path stands for: itself as x, or those of a folder that has an x or x_train by name."""
    if path.suffix.lower() == ".npy" and path.is_file():
        return {"x": path}
    files = {file.stem: file for file in sorted(path.glob("*.npy"))} if path.is_dir() else {}
    return files if files.keys() & {"x", "x_train"} else {}


def read_array_files(files: dict[str, Path], path: Path, buffer: int | None) -> RawDataset:
    """One array of examples, or a folder of arrays as a .npz has them."""
    if path.is_dir():
        held = {key: file if key.startswith("x") else np.array(open_memmap(file)) for key, file in files.items()}
        found = raw_from_arrays(held, path, partial(open_npy_split, buffer=buffer))
    else:
        found = RawDataset(open_npy_split(path, None, None, path.name, buffer))
    if sum(file.stat().st_size for file in files.values()) > PARTIAL_HASH_BYTES:
        found.content_hash = hash_files(list(files.values()))
    return found


def read_npz(path: Path) -> RawDataset:
    """Arrays x and y, or those of each split: x_train, y_train, x_validation, x_test and so on."""
    # read as a zip first: numpy takes anything it does not know for a pickle
    with io_errors(path), zipfile.ZipFile(path) as archive:
        size = sum(member.file_size for member in archive.infolist())
    if size > available_memory():
        raise ValueError(
            f"{path} unpacks to {size / 1e9:.1f} GB, more than the memory that is free: unzip it into a folder and "
            "give that, so that its arrays are read in parts"
        )
    with io_errors(path), np.load(path, allow_pickle=False) as stored:
        held = {key: stored[key] for key in stored.files}
    return raw_from_arrays(held, path, split_from_arrays)


def raw_from_arrays(entries: dict[str, Any], path: Path, make_split: Callable[..., AnySplit]) -> RawDataset:
    """Splits made of what is held under their names."""
    accepted = [f"{letter}{split}" for split in SPLIT_SUFFIXES for letter in "xy"]
    strange = sorted(set(entries) - set(accepted))
    if strange or not entries.keys() & {"x", "x_train"}:
        what = f"the unknown key '{strange[0]}'" if strange else "no array x or x_train"
        raise ValueError(
            f"{path} has {what}: expected x (and y), or some of {', '.join(accepted[2:])}; rename the keys"
        )
    classes = class_names(entries[key] for key in entries if key[0] == "y")
    splits: dict[str, AnySplit] = {}
    for suffix, split in SPLIT_SUFFIXES.items():
        if f"x{suffix}" in entries and split in splits:
            raise ValueError(f"{path} has more than one array for its {split} split: keep one of them")
        if f"x{suffix}" in entries:
            splits[split] = make_split(
                entries[f"x{suffix}"], entries.get(f"y{suffix}"), classes, f"x{suffix} of {path.name}"
            )
        elif f"y{suffix}" in entries:
            raise ValueError(f"{path} has y{suffix} but no x{suffix}: expected both; add it or remove the labels")
    return RawDataset(splits["train"], splits.get("validation"), splits.get("test"), classes)


def open_npy_split(file: Path, y: Any, classes: tuple[str, ...] | None, where: str, buffer: int | None) -> AnySplit:
    """The array of a .npy file: in memory where it is small beside it and no buffer is asked for, mapped otherwise."""
    array = open_memmap(file)
    if buffer is None and array.nbytes <= max(ALWAYS_IN_MEMORY_BYTES, available_memory() // 4):
        return split_from_arrays(np.array(array), y, classes, where)
    source = ArrayRowSource(validate_array(array, where), where)
    return BufferedSplit(source, None if y is None else encode_labels(y, len(source), classes, where), buffer=buffer)


def open_memmap(path: Path) -> np.ndarray:
    """The array of a .npy file, read as it is used."""
    with io_errors(path):
        with open(path, "rb") as file:
            # numpy takes anything it does not know for a pickle
            if file.read(6) != b"\x93NUMPY":
                raise ValueError("it does not begin as one")
        return np.load(path, mmap_mode="r", allow_pickle=False)


class ArrayRowSource:
    """The rows of an array (N, ...) that lies in a file and is read through the system's cache, as it is asked for.

    The rows of such a file cost the same in any order, unless a buffer is asked for: then runs of neighbours are read.

    >>> ArrayRowSource(np.arange(6).reshape(3, 2), "x.npy").rows(np.array([0, 2])).tolist()
    [[0, 1], [4, 5]]
    """

    def __init__(self, array: np.ndarray, name: str) -> None:
        self.array, self.name = np.asarray(array), name

    def __len__(self) -> int:
        return len(self.array)

    def read_rows(self, rows: np.ndarray) -> np.ndarray:
        """The examples at ``rows``, in memory."""
        return self.array[rows]

    def block_starts(self, buffer: int | None) -> Tensor | None:
        """Runs of about a MiB, for a buffer."""
        if buffer is None:
            return None
        return split_into_blocks(np.array([0]), len(self), block_length(self.array[0].nbytes, buffer))

    def describe_row(self, row: int) -> str:
        """The row and the file."""
        return f"row {row} of {self.name}"
