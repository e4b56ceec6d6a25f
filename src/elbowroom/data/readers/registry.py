"""Your own files: which reader is for which."""

from __future__ import annotations

from pathlib import Path

from elbowroom.data.options import Asked
from elbowroom.data.raw import Found
from elbowroom.data.readers.image_archive import holds_pictures
from elbowroom.data.readers.image_folder import is_album, read_pictures
from elbowroom.data.readers.numpy import array_files, read_array_files, read_npz
from elbowroom.data.readers.shards import read_shards, shards_at, stem
from elbowroom.data.readers.table import is_table, read_table

ALBUM = ("resize", "crop", "bad_pictures", "buffer")
"""What may be asked for of a folder, zip or tar of pictures."""


def read_path(path: Path, asked: Asked) -> Found:
    """The contents of a .npy or .npz file, of a table, of shards, or the pictures of a folder, zip or tar.

    Raises:
        ValueError: nothing there, nothing readable in it, no permission, another kind of file, a wish it cannot grant.
    """
    shards, files = shards_at(path), array_files(path)
    if shards and is_table(shards, asked):
        asked.must_suit(path.name, "label", "columns")
        found = read_table(shards, asked)
    elif shards == [path] and asked.buffer is None and path.suffix.lower() == ".tar" and is_album(path, asked.fit):
        asked.must_suit(path.name, *ALBUM)
        found = read_pictures(path, asked)
    elif shards:
        asked.must_suit(path.name, "resize", "crop", "buffer")
        found = read_shards(shards, asked.fit, asked.buffer)
    elif not path.exists():
        raise ValueError(f"no such file or folder: {path} (looked for {path.absolute()}): check the path")
    elif files:
        asked.must_suit(path.name, "buffer")
        found = read_array_files(files, path, asked.buffer)
    elif holds_pictures(path):
        asked.must_suit(path.name, *(ALBUM if path.is_dir() or path.suffix.lower() == ".zip" else ALBUM[:3]))
        found = read_pictures(path, asked)
    elif path.suffix.lower() == ".npz":
        asked.must_suit(path.name)
        found = read_npz(path)
    else:
        raise ValueError(
            f"cannot read {path}: expected a .npy or .npz file, a .csv or .parquet table, a picture, a folder, .zip or "
            ".tar of them, or shards of .tar or .parquet"
        )
    found.name, found.source = stem(path), str(path.absolute())
    return found
