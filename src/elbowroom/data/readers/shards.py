"""Shards: tar or parquet files that together make one data set, read in parts."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from elbowroom.data.file_io import hash_files
from elbowroom.data.image import CropResize
from elbowroom.data.labels import class_names, encode_labels
from elbowroom.data.options import ReadOptions
from elbowroom.data.raw import RawDataset
from elbowroom.data.readers.listing import COMPRESSED_TAR_SUFFIXES, SHARD_SUFFIXES, Listing
from elbowroom.data.readers.registry import reader
from elbowroom.data.readers.tar import TarRowSource
from elbowroom.data.split_names import SPLIT_WORDS
from elbowroom.data.splits.buffered import BufferedSplit

SPLIT_PATTERN = re.compile(rf"(?:^|[-_.])({'|'.join(SPLIT_WORDS)})(?=[-_.]|$)")


def open_parquet(shards: Sequence[Path], crop_resize: CropResize) -> Any:
    """Return a source over parquet files, where pyarrow is installed."""
    try:
        from elbowroom.data.readers.parquet.row_source import ParquetRowSource
    except ImportError as error:
        raise ValueError(
            f'reading {shards[0].name} needs pyarrow, which is not installed: pip install "elbowroom[parquet]"'
        ) from error
    return ParquetRowSource(shards, crop_resize)


ROW_SOURCES: dict[str, Callable[[Sequence[Path], CropResize], Any]] = {".tar": TarRowSource, ".parquet": open_parquet}


@reader(
    "shards",
    "shards of .tar or .parquet",
    (*SHARD_SUFFIXES, *COMPRESSED_TAR_SUFFIXES),
    options=("resize", "crop", "buffer"),
    matches=lambda listing, options: listing.is_table_or_shards,
)
def read_shards(listing: Listing, options: ReadOptions) -> RawDataset:
    """Return shards as splits: those of names like ``train-000.tar`` and ``test-000.tar``, or all as train.

    Raises:
        ValueError: shards of several kinds, one that is damaged or compressed, or with unsuitable content.
    """
    shards = listing.files
    folder, suffixes = shards[0].parent, sorted({shard.suffix.lower() for shard in shards})
    if len(suffixes) > 1:
        raise ValueError(
            f"shards of several kinds ({', '.join(suffixes)}) in {folder}: name those of one by a pattern, such as "
            f"{folder / ('*' + suffixes[0])}"
        )
    open_source = ROW_SOURCES.get(suffixes[0], TarRowSource)
    sources = {split: open_source(files, options.crop_resize) for split, files in group_by_split(shards).items()}
    classes = class_names(source.labels for source in sources.values())
    splits = {}
    for split, source in sources.items():
        y = None if source.labels is None else encode_labels(source.labels, len(source), classes, f"the {split} shards")
        splits[split] = BufferedSplit(source, y, buffer=options.buffer)
    return RawDataset(
        splits["train"],
        splits.get("validation"),
        splits.get("test"),
        classes=classes,
        preprocessing=options.crop_resize.description,
        content_hash=hash_files(shards),
    )


def group_by_split(shards: Sequence[Path]) -> dict[str, list[Path]]:
    """Return the shards of each split, by its word in their names, if ``train`` is among them; else all are train.

    >>> {split: len(shards) for split, shards in group_by_split([Path("a-train-0.tar"), Path("a-val-0.tar")]).items()}
    {'train': 1, 'validation': 1}
    """
    words = [SPLIT_PATTERN.search(shard.stem.lower()) for shard in shards]
    groups: dict[str, list[Path]] = {}
    for shard, word in zip(shards, words, strict=True):
        groups.setdefault(SPLIT_WORDS[word[1]] if word else "", []).append(shard)
    if "train" not in groups:
        return {"train": list(shards)}
    if "" in groups:
        raise ValueError(
            f"{groups[''][0]} names no split, and others beside it do (train, validation, test): rename it, or give a "
            "pattern without it"
        )
    return groups
