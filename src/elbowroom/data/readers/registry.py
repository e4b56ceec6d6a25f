"""Your own files: which reader is for which."""

from __future__ import annotations

from pathlib import Path

from elbowroom.data.options import ReadOptions
from elbowroom.data.raw import RawDataset
from elbowroom.data.readers.image_archive import is_image_source
from elbowroom.data.readers.image_folder import is_image_tar, read_images
from elbowroom.data.readers.numpy import find_array_files, read_array_files, read_npz
from elbowroom.data.readers.shards import find_shards, name_from_path, read_shards
from elbowroom.data.readers.table import is_table, read_table

IMAGE_ARCHIVE_OPTIONS = ("resize", "crop", "bad_pictures", "buffer")
"""What may be asked for of a folder, zip or tar of pictures."""


def read_path(path: Path, options: ReadOptions) -> RawDataset:
    """The contents of a .npy or .npz file, of a table, of shards, or the pictures of a folder, zip or tar.

    Raises:
        ValueError: nothing there, nothing readable in it, no permission, another kind of file, a wish it cannot grant.
    """
    shards, files = find_shards(path), find_array_files(path)
    if shards and is_table(shards, options):
        options.reject_unsupported(path.name, "label", "columns")
        found = read_table(shards, options)
    elif (
        shards == [path]
        and options.buffer is None
        and path.suffix.lower() == ".tar"
        and is_image_tar(path, options.crop_resize)
    ):
        options.reject_unsupported(path.name, *IMAGE_ARCHIVE_OPTIONS)
        found = read_images(path, options)
    elif shards:
        options.reject_unsupported(path.name, "resize", "crop", "buffer")
        found = read_shards(shards, options.crop_resize, options.buffer)
    elif not path.exists():
        raise ValueError(f"no such file or folder: {path} (looked for {path.absolute()}): check the path")
    elif files:
        options.reject_unsupported(path.name, "buffer")
        found = read_array_files(files, path, options.buffer)
    elif is_image_source(path):
        options.reject_unsupported(
            path.name,
            *(IMAGE_ARCHIVE_OPTIONS if path.is_dir() or path.suffix.lower() == ".zip" else IMAGE_ARCHIVE_OPTIONS[:3]),
        )
        found = read_images(path, options)
    elif path.suffix.lower() == ".npz":
        options.reject_unsupported(path.name)
        found = read_npz(path)
    else:
        raise ValueError(
            f"cannot read {path}: expected a .npy or .npz file, a .csv or .parquet table, a picture, a folder, .zip or "
            ".tar of them, or shards of .tar or .parquet"
        )
    found.name, found.source = name_from_path(path), str(path.absolute())
    return found
