"""Pictures in uncompressed tar shards, read by their offsets."""

from __future__ import annotations

import tarfile
from collections.abc import Sequence
from hashlib import blake2b
from pathlib import Path, PurePosixPath

import numpy as np
from torch import Tensor

from elbowroom.data.catalog.download import load_or_build
from elbowroom.data.file_io import io_errors
from elbowroom.data.image import IMAGE_SUFFIXES, NO_CROP_RESIZE, CropResize
from elbowroom.data.splits.buffered import block_length, evenly_spaced_blocks, split_into_blocks
from elbowroom.data.value_kinds import decode_examples, infer_spec

UNPACK_COMMANDS = {b"\x1f\x8b": "gunzip", b"BZh": "bunzip2", b"\xfd7z": "unxz", b"\x28\xb5\x2f": "unzstd"}
INDEX_CACHE_MIN_BYTES = 2**26
"""Bytes of shards whose index is kept in the cache: it takes a second or more to make."""


class TarRowSource:
    """The pictures (or .npy arrays) of tar files, one after the other, each with the label that lies beside it.

    What belongs together has one name up to the first dot: ``000123.jpg``, ``000123.cls``. A label is the whole number
    in a ``.cls``, or else in a ``.txt``; a ``.txt`` that is none is a caption, and like all other members passed over.

    Raises:
        ValueError: a compressed or damaged file, one without pictures, examples with and without labels; on reading,
            what is no picture or of another form than those looked at first.
    """

    def __init__(self, shards: Sequence[Path], crop_resize: CropResize = NO_CROP_RESIZE) -> None:
        self.shards, self.crop_resize = shards, crop_resize
        index = load_index(shards)
        self.offsets, self.sizes, self.shard_starts = index["offsets"], index["sizes"], index["begins"]
        self.labels: np.ndarray | None = index["labels"] if len(index["labels"]) else None
        # the first of every shard as well, so that a strange one is told before training
        rows = np.union1d(evenly_spaced_blocks(len(self), 8, 8), self.shard_starts)
        self.spec = infer_spec(self._read_bytes(rows), crop_resize, lambda place: self.describe_row(int(rows[place])))

    def __len__(self) -> int:
        return len(self.offsets)

    def read_rows(self, rows: np.ndarray) -> np.ndarray:
        """The pictures at ``rows``, as pixels."""
        return decode_examples(
            self._read_bytes(rows), self.spec, self.crop_resize, lambda place: self.describe_row(int(rows[place]))
        )

    def block_starts(self, buffer: int | None) -> Tensor:
        """Runs of about a MiB within each shard."""
        return split_into_blocks(self.shard_starts, len(self), block_length(float(self.sizes.mean()), buffer))

    def describe_row(self, row: int) -> str:
        """The member's name and the shard's."""
        shard = self.shards[int(np.searchsorted(self.shard_starts, row, side="right")) - 1]
        with tarfile.open(shard, "r:") as members:
            name = next(member.name for member in members if member.offset_data == self.offsets[row])
        return f"{name} in {shard}"

    def _read_bytes(self, rows: np.ndarray) -> list[bytes]:
        held: list[bytes] = []
        shard_of = np.searchsorted(self.shard_starts, rows, side="right") - 1
        for number in np.unique(shard_of):
            with io_errors(self.shards[number]), open(self.shards[number], "rb") as file:
                for row in rows[shard_of == number]:
                    file.seek(self.offsets[row])
                    held.append(file.read(self.sizes[row]))
        return held


def load_index(shards: Sequence[Path]) -> dict[str, np.ndarray]:
    """Where the examples of shards are, and their labels; kept in the cache where it took long to find out."""
    known = [(str(shard.absolute()), shard.stat().st_size, shard.stat().st_mtime_ns) for shard in shards]
    if sum(size for _, size, _ in known) < INDEX_CACHE_MIN_BYTES:
        return build_index(shards)
    return load_or_build(
        f"shards/{blake2b(repr(known).encode(), digest_size=16).hexdigest()}.npz", lambda: build_index(shards)
    )


def build_index(shards: Sequence[Path]) -> dict[str, np.ndarray]:
    """The offset and size of each example, the number of the first of each shard, and the labels, if there are any."""
    places: list[tuple[int, int]] = []
    labels: list[int] = []
    begins: list[int] = []
    bare: list[str] = []
    for shard in shards:
        begins.append(len(places))
        pictures, given = index_members(shard)
        places += pictures.values()
        labels += (given[key] for key in pictures if key in given)
        bare += (f"{key} in {shard}" for key in pictures if key not in given)
    if labels and bare:
        raise ValueError(
            f"{len(bare)} of {len(places)} examples have no label, such as {bare[0]}: expected a .cls with its class "
            "number beside each, or beside none"
        )
    offsets, sizes = np.array(places, dtype=np.int64).T
    return {"offsets": offsets, "sizes": sizes, "begins": np.array(begins), "labels": np.array(labels, dtype=np.int64)}


def index_members(shard: Path) -> tuple[dict[str, tuple[int, int]], dict[str, int]]:
    """The offset and size of each picture of a shard, and the labels, by what they are called up to the first dot."""
    if command := unpack_command(shard):
        raise ValueError(
            f"{shard} is compressed, and can only be read from its start: unpack it ({command} {shard.name}), "
            "its pictures are compressed already"
        )
    pictures: dict[str, tuple[int, int]] = {}
    texts: dict[str, dict[str, bytes]] = {".cls": {}, ".txt": {}}
    twice = ""
    with io_errors(shard), tarfile.open(shard, "r:") as inside:
        while (member := inside.next()) is not None:
            inside.members.clear()  # type: ignore[attr-defined]  # it would keep all that it has passed
            path = PurePosixPath(member.name)
            stem, dot, ending = path.name.partition(".")
            key, suffix = str(path.with_name(stem)) if stem else "", f"{dot}{ending.lower()}"
            if not (member.isfile() and key):
                continue
            if suffix in (*IMAGE_SUFFIXES, ".npy"):
                twice = twice or (key if key in pictures else "")
                pictures[key] = member.offset_data, member.size
            elif suffix in texts and (content := inside.extractfile(member)):
                texts[suffix][key] = content.read()
    if not pictures:
        raise ValueError(f"{shard} holds no pictures: expected {', '.join(sorted(IMAGE_SUFFIXES))} or .npy members")
    if twice:
        raise ValueError(f"{shard} holds more than one picture called {twice}: expected one, with its label beside it")
    labels = {key: label for key, text in texts[".txt"].items() if (label := parse_int(text)) is not None}
    for key, text in texts[".cls"].items():
        label = parse_int(text)
        if label is None:
            raise ValueError(f"{key}.cls in {shard} is {text[:20]!r}: expected the whole number of a class")
        labels[key] = label
    return pictures, labels


def unpack_command(shard: Path) -> str:
    """What unpacks a compressed file; nothing for one that is not."""
    with io_errors(shard), open(shard, "rb") as file:
        magic = file.read(3)
    return next((command for start, command in UNPACK_COMMANDS.items() if magic.startswith(start)), "")


def parse_int(text: bytes) -> int | None:
    """A whole number as it is written, or None for anything else.

    >>> parse_int(b" 7\\n"), parse_int(b"a cat")
    (7, None)
    """
    try:
        return int(text)
    except ValueError:
        return None
