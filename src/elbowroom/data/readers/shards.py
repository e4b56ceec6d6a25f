"""Many files as one source: which they are, what splits their names say, and who reads them."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from elbowroom.data.file_io import hash_files, io_errors
from elbowroom.data.image import CropResize, is_image_name
from elbowroom.data.raw import SPLIT_SUFFIXES, RawDataset, class_names, encode_labels
from elbowroom.data.readers.tar import TarRowSource
from elbowroom.data.splits.buffered import BufferedSplit

COMPRESSED_TAR_SUFFIXES = (".tar.gz", ".tgz", ".tar.bz2", ".tbz", ".tbz2", ".tar.xz", ".txz", ".tar.zst")
TEXT_TABLE_SUFFIXES = (".csv", ".tsv")
BRACES_PATTERN = re.compile(r"\{([^{}]*)\}")
SPLIT_PATTERN = re.compile(r"(?:^|[-_.])(train|validation|valid|val|test)(?=[-_.]|$)")


def open_parquet(shards: Sequence[Path], crop_resize: CropResize) -> Any:
    """A source over parquet files, where pyarrow is installed."""
    try:
        from elbowroom.data.readers.parquet import ParquetRowSource
    except ImportError as error:
        raise ValueError(
            f'reading {shards[0].name} needs pyarrow, which is not installed: pip install "elbowroom[parquet]"'
        ) from error
    return ParquetRowSource(shards, crop_resize)


SHARD_READERS: dict[str, Callable[[Sequence[Path], CropResize], Any]] = {".tar": TarRowSource, ".parquet": open_parquet}


def is_text_table(name: str) -> bool:
    """Whether a file is a table of text, by its name."""
    return name.lower().endswith(TEXT_TABLE_SUFFIXES)


def is_shard(name: str) -> bool:
    """Whether a file is one of those that are read in parts, by its name."""
    return not name.startswith(".") and name.lower().endswith((*SHARD_READERS, *COMPRESSED_TAR_SUFFIXES))


def find_shards(path: Path) -> list[Path]:
    """The shards that a path names: itself, those in a folder, or those that match a pattern; none for other paths.

    Tables of text are taken for shards where they are named themselves, not where they lie in a folder.

    A pattern has ``*``, ``?``, ``[...]``, or braces with two numbers, ``{000..099}``, or words, ``{train,test}``.

    Raises:
        ValueError: files of more than one kind in the folder, a pattern that matches nothing or other files.
    """
    if path.is_dir():
        return find_folder_shards(path)
    if path.exists() or not re.search(r"[*?\[{]", str(path)):
        return [path] if path.is_file() and (is_shard(path.name) or is_text_table(path.name)) else []
    found: list[Path] = []
    for one in expand_braces(str(path)):
        matches = sorted(glob.glob(one)) if glob.has_magic(one) else [one]
        if not matches or not Path(matches[0]).is_file():
            raise ValueError(f"no file matches {one} (looked for {Path(one).absolute()}): check the pattern")
        found += map(Path, matches)
    strange = [file for file in found if not (is_shard(file.name) or is_text_table(file.name))]
    if strange:
        raise ValueError(
            f"{strange[0]} matches {path} and is no shard: expected .tar, .parquet or .csv files; narrow it"
        )
    return found


def find_folder_shards(path: Path) -> list[Path]:
    """The shards that lie in a folder, if there are any."""
    with io_errors(path):
        names = sorted(os.listdir(path))
    shards = [name for name in names if is_shard(name)]
    others = [name for name in names if is_image_name(name) or name.lower().endswith(".npy")]
    if shards and others:
        raise ValueError(
            f"{path} holds shards ({shards[0]}) and other examples ({others[0]}): name the shards by a pattern, "
            f"{path / ('*' + Path(shards[0]).suffix)}, or move them apart"
        )
    return [path / name for name in shards]


def expand_braces(pattern: str) -> list[str]:
    """The patterns that one with braces stands for.

    >>> expand_braces("{train,test}-{08..10}.tar")[:4]
    ['train-08.tar', 'train-09.tar', 'train-10.tar', 'test-08.tar']
    """
    braces = BRACES_PATTERN.search(pattern)
    if braces is None:
        return [pattern]
    ends = re.fullmatch(r"(\d+)\.\.(\d+)", braces[1])
    if ends:
        words = [str(n).zfill(len(ends[1])) for n in range(int(ends[1]), int(ends[2]) + 1)]
    else:
        words = braces[1].split(",")
    head, tail = pattern[: braces.start()], pattern[braces.end() :]
    return [one for word in words for one in expand_braces(head + word + tail)]


def read_shards(shards: Sequence[Path], crop_resize: CropResize, buffer: int | None) -> RawDataset:
    """Shards as splits: those that names like ``train-000.tar`` and ``test-000.tar`` tell, or all as one."""
    folder, suffixes = shards[0].parent, sorted({shard.suffix.lower() for shard in shards})
    if len(suffixes) > 1:
        raise ValueError(
            f"shards of several kinds ({', '.join(suffixes)}) in {folder}: name those of one by a pattern, such as "
            f"{folder / ('*' + suffixes[0])}"
        )
    make = SHARD_READERS.get(suffixes[0], TarRowSource)
    sources = {split: make(files, crop_resize) for split, files in group_by_split(shards).items()}
    classes = class_names(source.labels for source in sources.values())
    splits = {}
    for split, source in sources.items():
        y = None if source.labels is None else encode_labels(source.labels, len(source), classes, f"the {split} shards")
        splits[split] = BufferedSplit(source, y, buffer=buffer)
    train = splits.pop("train")
    return RawDataset(
        train,
        splits.get("validation"),
        splits.get("test"),
        classes=classes,
        preprocessing=crop_resize.description,
        content_hash=hash_files(shards),
    )


def group_by_split(shards: Sequence[Path]) -> dict[str, list[Path]]:
    """The shards of each split, by the word for it in their names, if ``train`` is among them; else all are train.

    >>> {split: len(shards) for split, shards in group_by_split([Path("a-train-0.tar"), Path("a-val-0.tar")]).items()}
    {'train': 1, 'validation': 1}
    """
    said = [SPLIT_PATTERN.search(shard.stem.lower()) for shard in shards]
    found: dict[str, list[Path]] = {}
    for shard, word in zip(shards, said, strict=True):
        found.setdefault(SPLIT_SUFFIXES[f"_{word[1]}"] if word else "", []).append(shard)
    if "train" not in found:
        return {"train": list(shards)}
    if "" in found:
        raise ValueError(
            f"{found[''][0]} names no split, and others beside it do (train, validation, test): rename it, or give a "
            "pattern without it"
        )
    return found


def name_from_path(path: Path) -> str:
    """A name for what a path or a pattern stands for.

    >>> name_from_path(Path("faces-{000..099}.tar")), name_from_path(Path("shards/*.tar")), name_from_path(Path("digits.npy"))
    ('faces', 'shards', 'digits')
    """
    plain = re.split(r"[*?\[{]", path.stem)[0].rstrip("-_.")
    return plain or path.parent.name or "shards"
