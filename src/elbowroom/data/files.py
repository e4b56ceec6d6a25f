"""Your own files: .npy and .npz arrays, folders and zips of pictures."""

from __future__ import annotations

import os
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath

import numpy as np

from elbowroom.data.found import Found, arrays, class_names
from elbowroom.data.npy import array_files, read_array_files, read_npz
from elbowroom.data.pixels import PICTURES, Resize, decoded, is_picture
from elbowroom.data.reading import DAMAGE, readable
from elbowroom.data.shards import read_shards, shards_at, stem

Entry = tuple[str, Callable[[], bytes]]
"""A picture's name, with forward slashes, and how to read it."""


def read_path(path: Path, resize: Resize = None, buffer: int | None = None) -> Found:
    """The contents of a .npy or .npz file, of shards, or the pictures of a folder or zip.

    Raises:
        ValueError: nothing there, nothing readable in it, no permission, another kind of file.
    """
    shards, files = shards_at(path), array_files(path)
    if shards:
        found = read_shards(shards, resize, buffer)
    elif not path.exists():
        raise ValueError(f"no such file or folder: {path} (looked for {path.absolute()}): check the path")
    elif resize is not None and (files or not holds_pictures(path)):
        raise ValueError(f"resize is for folders and zips of pictures, and {path.name} is neither: leave it out")
    elif files:
        found = read_array_files(files, path, buffer)
    elif buffer is not None:
        raise ValueError(
            f"buffer={buffer} is for what is read in parts, .npy files and shards of .tar or .parquet, and {path.name} "
            "is none: leave it out"
        )
    elif holds_pictures(path):
        found = read_pictures(path, resize)
    elif path.suffix.lower() == ".npz":
        found = read_npz(path)
    else:
        raise ValueError(
            f"cannot read {path}: expected a .npy or .npz file, a picture, or a folder or .zip of them, or shards of "
            ".tar or .parquet"
        )
    found.name, found.source = stem(path), str(path.absolute())
    return found


def holds_pictures(path: Path) -> bool:
    """Whether a path is a picture, or a folder, zip or tar of them: what can be resized."""
    return path.is_dir() or path.suffix.lower() in (".zip", ".tar", *PICTURES)


def read_pictures(path: Path, resize: Resize) -> Found:
    """Every picture of a folder or zip; labelled by subfolder where there are at least two of them."""
    with readable(path):
        inside = in_folder(path) if path.is_dir() else in_zip(path) if path.suffix.lower() == ".zip" else [single(path)]
        entries = sorted(inside, key=lambda entry: entry[0])
    if not entries:
        raise ValueError(
            f"no pictures in {path}: expected {', '.join(sorted(PICTURES))} files, in it or in its subfolders, "
            "or .tar or .parquet shards or an x.npy in itself"
        )
    pixels = same_size([name for name, _ in entries], every_picture(entries, resize, path), path)
    if any(p.ndim == 3 for p in pixels):
        pixels = [p if p.ndim == 3 else np.repeat(p[:, :, None], 3, axis=2) for p in pixels]
    names = folder_names([name for name, _ in entries])
    classes = None if names is None else class_names([names])
    x = np.stack(pixels)
    words = "" if resize is None else f"cropped at the centre and resized to {x.shape[1]}x{x.shape[2]}"
    return Found(arrays(x, names, classes, f"the pictures of {path.name}"), classes=classes, preprocessing=words)


def single(path: Path) -> Entry:
    """One picture."""
    return path.name, path.read_bytes


def in_folder(path: Path) -> Iterator[Entry]:
    """The pictures of a folder and its subfolders."""

    def refuse(error: OSError) -> None:
        raise error

    for folder, _, files in os.walk(path, onerror=refuse, followlinks=True):
        for file in files:
            inside = Path(folder, file)
            if is_picture(name := inside.relative_to(path).as_posix()):
                yield name, inside.read_bytes


def in_zip(path: Path) -> Iterator[Entry]:
    """The pictures of a zip file."""
    archive = zipfile.ZipFile(path)
    for info in archive.infolist():
        if not info.is_dir() and is_picture(info.filename):
            yield info.filename, lambda info=info: archive.read(info)  # type: ignore[misc]


def every_picture(entries: list[Entry], resize: Resize, path: Path) -> list[np.ndarray]:
    """The pixels of every picture, or one error that counts those that cannot be read."""
    pixels, bad = [], []
    for name, read in entries:
        try:
            pixels.append(decoded(read(), resize))
        except PermissionError:
            bad.append(f"{name} (no permission)")
        except ValueError as error:
            bad.append(f"{name} ({error})")
        except DAMAGE:
            bad.append(f"{name} (damaged)")
    if bad:
        more = f" and {len(bad) - 3} more" if len(bad) > 3 else ""
        raise ValueError(
            f"{len(bad)} of {len(entries)} pictures in {path} cannot be read: {', '.join(bad[:3])}{more}; "
            "mend them or take them out"
        )
    return pixels


def same_size(names: list[str], pixels: list[np.ndarray], path: Path) -> list[np.ndarray]:
    """The same pixels, if all are of one size."""
    sizes = [p.shape[:2] for p in pixels]
    counts = Counter(sizes).most_common()
    if len(counts) > 1:
        shown = [f"{h}x{w} ({n}, such as {names[sizes.index((h, w))]})" for (h, w), n in counts[:3]]
        more = f" and {len(counts) - 3} more" if len(counts) > 3 else ""
        raise ValueError(
            f"the {len(names)} pictures in {path} have {len(counts)} sizes (height x width): {', '.join(shown)}{more}; "
            "expected one: give resize=28 or resize=(height, width), on the command line --resize 28"
        )
    return pixels


def folder_names(names: list[str]) -> np.ndarray | None:
    """The first folder of each name as its label, or None where there are not two; folders around all are skipped."""
    folders = [PurePosixPath(name).parts[:-1] for name in names]
    shortest = min(map(len, folders))
    depth = next((d for d in range(shortest) if len({parts[d] for parts in folders}) > 1), shortest)
    if any(len(parts) <= depth for parts in folders):
        return None
    return np.array([parts[depth] for parts in folders])
