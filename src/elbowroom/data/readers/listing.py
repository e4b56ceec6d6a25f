"""Listing of a path, by which its reader is chosen: a file, a folder, or the files that match a pattern."""

from __future__ import annotations

import glob
import os
import re
from dataclasses import dataclass
from pathlib import Path

from elbowroom.data.file_io import io_errors
from elbowroom.data.image import is_image_name

SHARD_SUFFIXES = (".tar", ".parquet")
"""Endings of files of which several may make one data set, in a folder or by a pattern."""
COMPRESSED_TAR_SUFFIXES = (".tar.gz", ".tgz", ".tar.bz2", ".tbz", ".tbz2", ".tar.xz", ".txz", ".tar.zst")
TEXT_TABLE_SUFFIXES = (".csv", ".tsv", ".csv.gz", ".tsv.gz")
BRACES_PATTERN = re.compile(r"\{([^{}]*)\}")


@dataclass(frozen=True)
class Listing:
    """A path, looked at once: whether it is a folder, the names in it, and the files it stands for.

    Attributes:
        path: as it was given, perhaps a pattern.
        is_folder: whether it is a folder.
        entries: the names in the folder, sorted; empty for a file.
        files: the file itself, those that match the pattern, or the shards in the folder, sorted.
    """

    path: Path
    is_folder: bool = False
    entries: tuple[str, ...] = ()
    files: tuple[Path, ...] = ()

    @property
    def suffix(self) -> str:
        """The ending of the path in lower case, such as ``.npy``."""
        return self.path.suffix.lower()

    @property
    def is_file(self) -> bool:
        """Whether the path is one file, rather than a folder or a pattern."""
        return self.files == (self.path,)

    @property
    def is_table_or_shards(self) -> bool:
        """Whether there are files, all of them tables of text or shards."""
        return bool(self.files) and all(is_shard(file.name) or is_text_table(file.name) for file in self.files)

    def has_suffix(self, suffixes: tuple[str, ...]) -> bool:
        """Return whether a file, or a name in the folder, has one of these endings."""
        return any(name.lower().endswith(suffixes) for name in (*self.entries, *(file.name for file in self.files)))


def list_path(path: Path) -> Listing:
    """Return the listing of a file, a folder, or the files that match a pattern.

    A pattern has ``*``, ``?``, ``[...]``, or braces with two numbers, ``{000..099}``, or words, ``{train,test}``.

    Raises:
        ValueError: nothing there, no permission, a folder of shards and other examples, a pattern that matches nothing
            or other files than tables and shards.
    """
    if path.is_dir():
        return list_folder(path)
    if path.exists():
        return Listing(path, files=(path,) if path.is_file() else ())
    if not re.search(r"[*?\[{]", str(path)):
        raise ValueError(f"no such file or folder: {path} (looked for {path.absolute()}): check the path")
    files: list[Path] = []
    for pattern in expand_braces(str(path)):
        matches = sorted(glob.glob(pattern)) if glob.has_magic(pattern) else [pattern]
        if not matches or not Path(matches[0]).is_file():
            raise ValueError(f"no file matches {pattern} (looked for {Path(pattern).absolute()}): check the pattern")
        files += map(Path, matches)
    other = next((file for file in files if not (is_shard(file.name) or is_text_table(file.name))), None)
    if other is not None:
        raise ValueError(f"{other} matches {path} and is no shard: expected .tar, .parquet or .csv files; narrow it")
    return Listing(path, files=tuple(files))


def list_folder(path: Path) -> Listing:
    """Return the listing of a folder. Tables of text in it are no shards: they have to be named themselves."""
    with io_errors(path):
        entries = tuple(sorted(os.listdir(path)))
    shards = [name for name in entries if is_shard(name)]
    others = [name for name in entries if is_image_name(name) or name.lower().endswith(".npy")]
    if shards and others:
        raise ValueError(
            f"{path} holds shards ({shards[0]}) and other examples ({others[0]}): name the shards by a pattern, "
            f"{path / ('*' + Path(shards[0]).suffix)}, or move them apart"
        )
    return Listing(path, is_folder=True, entries=entries, files=tuple(path / name for name in shards))


def is_text_table(name: str) -> bool:
    """Return whether a file is a table of text, by its name."""
    return name.lower().endswith(TEXT_TABLE_SUFFIXES)


def is_shard(name: str) -> bool:
    """Return whether a file is a shard, by its name; compressed tars are, to be refused by their reader."""
    return not name.startswith(".") and name.lower().endswith((*SHARD_SUFFIXES, *COMPRESSED_TAR_SUFFIXES))


def expand_braces(pattern: str) -> list[str]:
    """Return the patterns that one with braces stands for.

    >>> expand_braces("{train,test}-{08..10}.tar")[:4]
    ['train-08.tar', 'train-09.tar', 'train-10.tar', 'test-08.tar']
    """
    braces = BRACES_PATTERN.search(pattern)
    if braces is None:
        return [pattern]
    limits = re.fullmatch(r"(\d+)\.\.(\d+)", braces[1])
    if limits:
        words = [str(n).zfill(len(limits[1])) for n in range(int(limits[1]), int(limits[2]) + 1)]
    else:
        words = braces[1].split(",")
    head, tail = pattern[: braces.start()], pattern[braces.end() :]
    return [expanded for word in words for expanded in expand_braces(head + word + tail)]


def name_from_path(path: Path) -> str:
    """Return a name for what a path or a pattern stands for.

    >>> name_from_path(Path("faces-{000..099}.tar")), name_from_path(Path("shards/*.tar"))
    ('faces', 'shards')
    """
    plain = re.split(r"[*?\[{]", path.stem)[0].rstrip("-_.")
    return plain or path.parent.name or "shards"
