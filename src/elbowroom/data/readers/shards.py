"""Many files as one source: which they are, what splits their names say, and who reads them."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from elbowroom.data.file_io import identity, readable
from elbowroom.data.image import Fit, is_picture
from elbowroom.data.raw import SPLITS, Found, class_names, labels
from elbowroom.data.readers.tar import Tar
from elbowroom.data.splits.buffered import Stored

PACKED = (".tar.gz", ".tgz", ".tar.bz2", ".tbz", ".tbz2", ".tar.xz", ".txz", ".tar.zst")
TEXT = (".csv", ".tsv")
BRACES = re.compile(r"\{([^{}]*)\}")
SPLIT = re.compile(r"(?:^|[-_.])(train|validation|valid|val|test)(?=[-_.]|$)")


def parquet(shards: Sequence[Path], fit: Fit) -> Any:
    """A source over parquet files, where pyarrow is installed."""
    try:
        from elbowroom.data.readers.parquet import Parquet
    except ImportError as error:
        raise ValueError(
            f'reading {shards[0].name} needs pyarrow, which is not installed: pip install "elbowroom[parquet]"'
        ) from error
    return Parquet(shards, fit)


KINDS: dict[str, Callable[[Sequence[Path], Fit], Any]] = {".tar": Tar, ".parquet": parquet}


def is_text(name: str) -> bool:
    """Whether a file is a table of text, by its name."""
    return name.lower().endswith(TEXT)


def is_shard(name: str) -> bool:
    """Whether a file is one of those that are read in parts, by its name."""
    return not name.startswith(".") and name.lower().endswith((*KINDS, *PACKED))


def shards_at(path: Path) -> list[Path]:
    """The shards that a path names: itself, those in a folder, or those that match a pattern; none for other paths.

    Tables of text are taken for shards where they are named themselves, not where they lie in a folder.

    A pattern has ``*``, ``?``, ``[...]``, or braces with two numbers, ``{000..099}``, or words, ``{train,test}``.

    Raises:
        ValueError: files of more than one kind in the folder, a pattern that matches nothing or other files.
    """
    if path.is_dir():
        return in_folder(path)
    if path.exists() or not re.search(r"[*?\[{]", str(path)):
        return [path] if path.is_file() and (is_shard(path.name) or is_text(path.name)) else []
    found: list[Path] = []
    for one in alternatives(str(path)):
        matches = sorted(glob.glob(one)) if glob.has_magic(one) else [one]
        if not matches or not Path(matches[0]).is_file():
            raise ValueError(f"no file matches {one} (looked for {Path(one).absolute()}): check the pattern")
        found += map(Path, matches)
    strange = [file for file in found if not (is_shard(file.name) or is_text(file.name))]
    if strange:
        raise ValueError(
            f"{strange[0]} matches {path} and is no shard: expected .tar, .parquet or .csv files; narrow it"
        )
    return found


def in_folder(path: Path) -> list[Path]:
    """The shards that lie in a folder, if there are any."""
    with readable(path):
        names = sorted(os.listdir(path))
    shards = [name for name in names if is_shard(name)]
    others = [name for name in names if is_picture(name) or name.lower().endswith(".npy")]
    if shards and others:
        raise ValueError(
            f"{path} holds shards ({shards[0]}) and other examples ({others[0]}): name the shards by a pattern, "
            f"{path / ('*' + Path(shards[0]).suffix)}, or move them apart"
        )
    return [path / name for name in shards]


def alternatives(pattern: str) -> list[str]:
    """The patterns that one with braces stands for.

    >>> alternatives("{train,test}-{08..10}.tar")[:4]
    ['train-08.tar', 'train-09.tar', 'train-10.tar', 'test-08.tar']
    """
    braces = BRACES.search(pattern)
    if braces is None:
        return [pattern]
    ends = re.fullmatch(r"(\d+)\.\.(\d+)", braces[1])
    if ends:
        words = [str(n).zfill(len(ends[1])) for n in range(int(ends[1]), int(ends[2]) + 1)]
    else:
        words = braces[1].split(",")
    head, tail = pattern[: braces.start()], pattern[braces.end() :]
    return [one for word in words for one in alternatives(head + word + tail)]


def read_shards(shards: Sequence[Path], fit: Fit, buffer: int | None) -> Found:
    """Shards as splits: those that names like ``train-000.tar`` and ``test-000.tar`` tell, or all as one."""
    folder, suffixes = shards[0].parent, sorted({shard.suffix.lower() for shard in shards})
    if len(suffixes) > 1:
        raise ValueError(
            f"shards of several kinds ({', '.join(suffixes)}) in {folder}: name those of one by a pattern, such as "
            f"{folder / ('*' + suffixes[0])}"
        )
    make = KINDS.get(suffixes[0], Tar)
    sources = {split: make(files, fit) for split, files in by_split(shards).items()}
    classes = class_names(source.labels for source in sources.values())
    splits = {}
    for split, source in sources.items():
        y = None if source.labels is None else labels(source.labels, len(source), classes, f"the {split} shards")
        splits[split] = Stored(source, y, buffer=buffer)
    train = splits.pop("train")
    return Found(
        train,
        splits.get("validation"),
        splits.get("test"),
        classes=classes,
        preprocessing=fit.words,
        identity=identity(shards),
    )


def by_split(shards: Sequence[Path]) -> dict[str, list[Path]]:
    """The shards of each split, by the word for it in their names, if ``train`` is among them; else all are train.

    >>> {split: len(shards) for split, shards in by_split([Path("a-train-0.tar"), Path("a-val-0.tar")]).items()}
    {'train': 1, 'validation': 1}
    """
    said = [SPLIT.search(shard.stem.lower()) for shard in shards]
    found: dict[str, list[Path]] = {}
    for shard, word in zip(shards, said, strict=True):
        found.setdefault(SPLITS[f"_{word[1]}"] if word else "", []).append(shard)
    if "train" not in found:
        return {"train": list(shards)}
    if "" in found:
        raise ValueError(
            f"{found[''][0]} names no split, and others beside it do (train, validation, test): rename it, or give a "
            "pattern without it"
        )
    return found


def stem(path: Path) -> str:
    """A name for what a path or a pattern stands for.

    >>> stem(Path("faces-{000..099}.tar")), stem(Path("shards/*.tar")), stem(Path("digits.npy"))
    ('faces', 'shards', 'digits')
    """
    plain = re.split(r"[*?\[{]", path.stem)[0].rstrip("-_.")
    return plain or path.parent.name or "shards"
