"""Arrays in .npy and .npz files, and in folders of .npy files; small ones in memory, large ones mapped."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from elbowroom.data.file_io import identity, readable
from elbowroom.data.memory import available
from elbowroom.data.raw import SPLITS, Found, Whole, arrays, class_names, labels, of_examples
from elbowroom.data.readers.mapped import Mapped
from elbowroom.data.splits.buffered import Stored

SMALL, LARGE = 2**26, 2**30
"""Bytes up to which a file is always read whole, and from which it is known by a part of its content."""


def array_files(path: Path) -> dict[str, Path]:
    """The .npy files that a path stands for: itself as x, or those of a folder that has an x or x_train by name."""
    if path.suffix.lower() == ".npy" and path.is_file():
        return {"x": path}
    files = {file.stem: file for file in sorted(path.glob("*.npy"))} if path.is_dir() else {}
    return files if files.keys() & {"x", "x_train"} else {}


def read_array_files(files: dict[str, Path], path: Path, buffer: int | None) -> Found:
    """One array of examples, or a folder of arrays as a .npz has them."""
    if path.is_dir():
        held = {key: file if key.startswith("x") else np.array(mapped(file)) for key, file in files.items()}
        found = of_keys(held, path, partial(in_file, buffer=buffer))
    else:
        found = Found(in_file(path, None, None, path.name, buffer))
    if sum(file.stat().st_size for file in files.values()) > LARGE:
        found.identity = identity(list(files.values()))
    return found


def read_npz(path: Path) -> Found:
    """Arrays x and y, or those of each split: x_train, y_train, x_validation, x_test and so on."""
    # read as a zip first: numpy takes anything it does not know for a pickle
    with readable(path), zipfile.ZipFile(path) as archive:
        size = sum(member.file_size for member in archive.infolist())
    if size > available():
        raise ValueError(
            f"{path} unpacks to {size / 1e9:.1f} GB, more than the memory that is free: unzip it into a folder and "
            "give that, so that its arrays are read in parts"
        )
    with readable(path), np.load(path, allow_pickle=False) as stored:
        held = {key: stored[key] for key in stored.files}
    return of_keys(held, path, arrays)


def of_keys(held: dict[str, Any], path: Path, split_of: Callable[..., Whole]) -> Found:
    """Splits made of what is held under their names."""
    accepted = [f"{letter}{split}" for split in SPLITS for letter in "xy"]
    strange = sorted(set(held) - set(accepted))
    if strange or not held.keys() & {"x", "x_train"}:
        what = f"the unknown key '{strange[0]}'" if strange else "no array x or x_train"
        raise ValueError(
            f"{path} has {what}: expected x (and y), or some of {', '.join(accepted[2:])}; rename the keys"
        )
    classes = class_names(held[key] for key in held if key[0] == "y")
    splits: dict[str, Whole] = {}
    for suffix, split in SPLITS.items():
        if f"x{suffix}" in held and split in splits:
            raise ValueError(f"{path} has more than one array for its {split} split: keep one of them")
        if f"x{suffix}" in held:
            splits[split] = split_of(held[f"x{suffix}"], held.get(f"y{suffix}"), classes, f"x{suffix} of {path.name}")
        elif f"y{suffix}" in held:
            raise ValueError(f"{path} has y{suffix} but no x{suffix}: expected both; add it or remove the labels")
    return Found(splits["train"], splits.get("validation"), splits.get("test"), classes)


def in_file(file: Path, y: Any, classes: tuple[str, ...] | None, where: str, buffer: int | None) -> Whole:
    """The array of a .npy file: in memory where it is small beside it and no buffer is asked for, mapped otherwise."""
    array = mapped(file)
    if buffer is None and array.nbytes <= max(SMALL, available() // 4):
        return arrays(np.array(array), y, classes, where)
    source = Mapped(of_examples(array, where), where)
    return Stored(source, None if y is None else labels(y, len(source), classes, where), buffer=buffer)


def mapped(path: Path) -> np.ndarray:
    """The array of a .npy file, read as it is used."""
    with readable(path):
        with open(path, "rb") as file:
            # numpy takes anything it does not know for a pickle
            if file.read(6) != b"\x93NUMPY":
                raise ValueError("it does not begin as one")
        return np.load(path, mmap_mode="r", allow_pickle=False)
