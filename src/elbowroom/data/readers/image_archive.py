"""Images in a folder and its subfolders, in a zip, in a tar, or alone: their names and bytes."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from hashlib import blake2b
from pathlib import Path, PurePosixPath
from typing import Any

from elbowroom.data.file_io import io_errors
from elbowroom.data.image import is_image_name
from elbowroom.data.readers.tar import iterate_files, unpack_command


@dataclass(frozen=True)
class ImageArchive:
    """The images of a folder, a zip, a tar, or one file.

    Attributes:
        path: of the folder or file.
        version_hash: another one when the images have changed.
        total_bytes: the size of all.
        list_members: returns where the images are, by their names with forward slashes.
        read: returns the bytes of one, from where it is.
    """

    path: Path
    version_hash: str
    total_bytes: int
    list_members: Callable[[], dict[str, Any]]
    read: Callable[[Any], bytes]


def open_image_archive(path: Path) -> ImageArchive:
    """Return the images of a folder, a zip, a tar, or a single one."""
    if path.is_dir():
        with io_errors(path):
            stats = sorted(list_folder_images(path))
        names = [name for name, _, _ in stats]
        return ImageArchive(
            path,
            hash_file_stats(stats),
            sum(size for _, size, _ in stats),
            lambda: dict(zip(names, names, strict=True)),
            partial(read_folder_file, path),
        )
    with io_errors(path):
        file = path.stat()
    version = hash_file_stats([(str(path.absolute()), file.st_size, file.st_mtime_ns)])
    if path.suffix.lower() == ".tar":
        return ImageArchive(path, version, file.st_size, partial(list_tar_images, path), partial(read_byte_range, path))
    if path.suffix.lower() == ".zip":
        with io_errors(path):
            archive = zipfile.ZipFile(path)
        return ImageArchive(path, version, file.st_size, partial(list_zip_images, archive), archive.read)
    return ImageArchive(
        path, version, file.st_size, lambda: {path.name: path.name}, partial(read_folder_file, path.parent)
    )


def hash_file_stats(stats: Iterable[tuple[str, int, int]]) -> str:
    """Return a short hash of names, sizes and modification times."""
    digest = blake2b(digest_size=16)
    for stat in stats:
        digest.update(repr(stat).encode())
    return digest.hexdigest()


def list_folder_images(path: Path) -> list[tuple[str, int, int]]:
    """Return the images of a folder and its subfolders: their names, sizes and modification times."""

    def refuse(error: OSError) -> None:
        raise error

    stats = []
    for folder, _, files in os.walk(path, onerror=refuse, followlinks=True):
        subfolder = PurePosixPath(os.path.relpath(folder, path).replace(os.sep, "/"))
        for file in files:
            if is_image_name(name := str(subfolder / file)):
                stat = os.stat(os.path.join(folder, file))
                stats.append((name, stat.st_size, stat.st_mtime_ns))
    return stats


def read_folder_file(folder: Path, name: str) -> bytes:
    """Return the bytes of a file of a folder."""
    return (folder / name).read_bytes()


def list_zip_images(archive: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    """Return the images of a zip file by name."""
    return {info.filename: info for info in archive.infolist() if not info.is_dir() and is_image_name(info.filename)}


def list_tar_images(path: Path) -> dict[str, tuple[int, int]]:
    """Return the images of a tar file by name: where each begins, and its size."""
    with io_errors(path):
        members = (member for _, member in iterate_files(path) if is_image_name(member.name))
        return {member.name: (member.offset_data, member.size) for member in members}


def read_byte_range(path: Path, byte_range: tuple[int, int]) -> bytes:
    """Return the bytes of a file in a range (start, size)."""
    start, size = byte_range
    with open(path, "rb") as file:
        file.seek(start)
        return file.read(size)


def has_only_images(tar: Path) -> bool:
    """Return whether a tar holds images alone, each by a name of its own, rather than with labels or captions."""
    if unpack_command(tar):
        return False
    keys: set[str] = set()
    n_images = 0
    with io_errors(tar):
        for _, member in iterate_files(tar):
            path = PurePosixPath(member.name)
            if path.name.startswith("."):
                continue
            key = str(path.with_name(path.name.partition(".")[0]))
            if key in keys or path.suffix.lower() == ".npy":
                return False
            keys.add(key)
            n_images += is_image_name(member.name)
    return n_images > 0
