"""Where pictures lie: in a folder and its subfolders, in a zip, in a tar, or alone."""

from __future__ import annotations

import os
import tarfile
import zipfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from hashlib import blake2b
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from elbowroom.data.file_io import io_errors
from elbowroom.data.image import IMAGE_SUFFIXES, is_image_name
from elbowroom.data.readers.tar import unpack_command


@dataclass(frozen=True)
class ImageArchive:
    """The pictures of a ``path``.

    ``places()`` are where they lie, by their names with forward slashes, and ``read(place)`` gives the bytes of one.
    ``mark`` is another when they have changed; ``size`` are the bytes of all.
    """

    path: Path
    version_hash: str
    total_bytes: int
    list_members: Callable[[], dict[str, Any]]
    read: Callable[[Any], bytes]


def open_image_archive(path: Path) -> ImageArchive:
    """The pictures of a folder, a zip, a tar, or a single one."""
    if path.is_dir():
        with io_errors(path):
            found = sorted(list_folder_images(path))
        names = [name for name, _, _ in found]
        size = sum(size for _, size, _ in found)
        return ImageArchive(
            path,
            hash_file_stats(found),
            size,
            lambda: dict(zip(names, names, strict=True)),
            partial(read_folder_file, path),
        )
    with io_errors(path):
        file = path.stat()
    mark = hash_file_stats([(str(path.absolute()), file.st_size, file.st_mtime_ns)])
    if path.suffix.lower() == ".tar":
        return ImageArchive(path, mark, file.st_size, partial(list_tar_images, path), partial(read_byte_range, path))
    if path.suffix.lower() == ".zip":
        with io_errors(path):
            archive = zipfile.ZipFile(path)
        return ImageArchive(path, mark, file.st_size, partial(list_zip_images, archive), archive.read)
    return ImageArchive(
        path, mark, file.st_size, lambda: {path.name: path.name}, partial(read_folder_file, path.parent)
    )


def hash_file_stats(stats: Iterable[tuple[str, int, int]]) -> str:
    """A short hash of names, sizes and times of change."""
    digest = blake2b(digest_size=16)
    for one in stats:
        digest.update(repr(one).encode())
    return digest.hexdigest()


def list_folder_images(path: Path) -> list[tuple[str, int, int]]:
    """The pictures of a folder and its subfolders: their names, sizes and times of change."""

    def refuse(error: OSError) -> None:
        raise error

    found = []
    for folder, _, files in os.walk(path, onerror=refuse, followlinks=True):
        inside = PurePosixPath(os.path.relpath(folder, path).replace(os.sep, "/"))
        for file in files:
            if is_image_name(name := str(inside / file)):
                about = os.stat(os.path.join(folder, file))
                found.append((name, about.st_size, about.st_mtime_ns))
    return found


def read_folder_file(folder: Path, name: str) -> bytes:
    """A file of a folder."""
    return (folder / name).read_bytes()


def list_zip_images(archive: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    """The pictures of a zip file."""
    return {info.filename: info for info in archive.infolist() if not info.is_dir() and is_image_name(info.filename)}


def list_tar_images(path: Path) -> dict[str, tuple[int, int]]:
    """The pictures of a tar file: where each begins, and its size."""
    held = {}
    with io_errors(path), tarfile.open(path, "r:") as inside:
        while (member := inside.next()) is not None:
            inside.members.clear()  # type: ignore[attr-defined]  # it would keep all that it has passed
            if member.isfile() and is_image_name(member.name):
                held[member.name] = member.offset_data, member.size
    return held


def read_byte_range(path: Path, byte_range: tuple[int, int]) -> bytes:
    """So many bytes of a file, from a place in it."""
    start, size = byte_range
    with open(path, "rb") as file:
        file.seek(start)
        return file.read(size)


def is_image_source(path: Path) -> bool:
    """Whether a path is a picture, or a folder, zip or tar of them: what can be resized."""
    return path.is_dir() or path.suffix.lower() in (".zip", ".tar", *IMAGE_SUFFIXES)


def has_only_images(tar: Path) -> bool:
    """Whether a tar holds pictures alone, each by a name of its own, rather than with labels or captions beside."""
    if unpack_command(tar):
        return False
    keys: set[str] = set()
    pictures = 0
    with io_errors(tar), tarfile.open(tar, "r:") as inside:
        while (member := inside.next()) is not None:
            inside.members.clear()  # type: ignore[attr-defined]
            at = PurePosixPath(member.name)
            if not member.isfile() or at.name.startswith("."):
                continue
            key = str(at.with_name(at.name.partition(".")[0]))
            if key in keys or at.suffix.lower() == ".npy":
                return False
            keys.add(key)
            pictures += is_image_name(member.name)
    return pictures > 0


def folder_labels(names: list[str]) -> np.ndarray | None:
    """The first folder of each name as its label, or None where there are not two; folders around all are skipped.

    >>> folder_labels(["faces/ann/1.png", "faces/bob/1.png"]), folder_labels(["faces/1.png", "faces/2.png"])
    (array(['ann', 'bob'], dtype='<U3'), None)
    """
    folders = [PurePosixPath(name).parts[:-1] for name in names]
    shortest = min(map(len, folders))
    depth = next((d for d in range(shortest) if len({parts[d] for parts in folders}) > 1), shortest)
    if any(len(parts) <= depth for parts in folders):
        return None
    return np.array([parts[depth] for parts in folders])
