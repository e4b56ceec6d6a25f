"""Pictures in uncompressed tar shards, read by their offsets."""

from __future__ import annotations

import tarfile
from collections.abc import Sequence
from hashlib import blake2b
from pathlib import Path, PurePosixPath

import numpy as np
from torch import Tensor

from elbowroom.data.catalog.download import kept
from elbowroom.data.file_io import readable
from elbowroom.data.image import AS_IS, PICTURES, Fit
from elbowroom.data.splits.blocks import run_length, runs, stretches
from elbowroom.data.value_kinds import examples, form_of

PACKED = {b"\x1f\x8b": "gunzip", b"BZh": "bunzip2", b"\xfd7z": "unxz", b"\x28\xb5\x2f": "unzstd"}
KEPT = 2**26
"""Bytes of shards whose index is kept in the cache: it takes a second or more to make."""


class Tar:
    """The pictures (or .npy arrays) of tar files, one after the other, each with the label that lies beside it.

    What belongs together has one name up to the first dot: ``000123.jpg``, ``000123.cls``. A label is the whole number
    in a ``.cls``, or else in a ``.txt``; a ``.txt`` that is none is a caption, and like all other members passed over.

    Raises:
        ValueError: a compressed or damaged file, one without pictures, examples with and without labels; on reading,
            what is no picture or of another form than those looked at first.
    """

    def __init__(self, shards: Sequence[Path], fit: Fit = AS_IS) -> None:
        self.shards, self.fit = shards, fit
        index = indexed(shards)
        self.offsets, self.sizes, self.begins = index["offsets"], index["sizes"], index["begins"]
        self.labels: np.ndarray | None = index["labels"] if len(index["labels"]) else None
        # the first of every shard as well, so that a strange one is told before training
        rows = np.union1d(stretches(len(self), 8, 8), self.begins)
        self.form = form_of(self._contents(rows), fit, lambda place: self.where(int(rows[place])))

    def __len__(self) -> int:
        return len(self.offsets)

    def rows(self, rows: np.ndarray) -> np.ndarray:
        """The pictures at ``rows``, as pixels."""
        return examples(self._contents(rows), self.form, self.fit, lambda place: self.where(int(rows[place])))

    def blocks(self, buffer: int | None) -> Tensor:
        """Runs of about a MiB within each shard."""
        return runs(self.begins, len(self), run_length(float(self.sizes.mean()), buffer))

    def where(self, row: int) -> str:
        """The member's name and the shard's."""
        shard = self.shards[int(np.searchsorted(self.begins, row, side="right")) - 1]
        with tarfile.open(shard, "r:") as members:
            name = next(member.name for member in members if member.offset_data == self.offsets[row])
        return f"{name} in {shard}"

    def _contents(self, rows: np.ndarray) -> list[bytes]:
        held: list[bytes] = []
        shard_of = np.searchsorted(self.begins, rows, side="right") - 1
        for number in np.unique(shard_of):
            with readable(self.shards[number]), open(self.shards[number], "rb") as file:
                for row in rows[shard_of == number]:
                    file.seek(self.offsets[row])
                    held.append(file.read(self.sizes[row]))
        return held


def indexed(shards: Sequence[Path]) -> dict[str, np.ndarray]:
    """Where the examples of shards are, and their labels; kept in the cache where it took long to find out."""
    known = [(str(shard.absolute()), shard.stat().st_size, shard.stat().st_mtime_ns) for shard in shards]
    if sum(size for _, size, _ in known) < KEPT:
        return index(shards)
    return kept(f"shards/{blake2b(repr(known).encode(), digest_size=16).hexdigest()}.npz", lambda: index(shards))


def index(shards: Sequence[Path]) -> dict[str, np.ndarray]:
    """The offset and size of each example, the number of the first of each shard, and the labels, if there are any."""
    places: list[tuple[int, int]] = []
    labels: list[int] = []
    begins: list[int] = []
    bare: list[str] = []
    for shard in shards:
        begins.append(len(places))
        pictures, given = members(shard)
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


def members(shard: Path) -> tuple[dict[str, tuple[int, int]], dict[str, int]]:
    """The offset and size of each picture of a shard, and the labels, by what they are called up to the first dot."""
    if command := compressed(shard):
        raise ValueError(
            f"{shard} is compressed, and can only be read from its start: unpack it ({command} {shard.name}), "
            "its pictures are compressed already"
        )
    pictures: dict[str, tuple[int, int]] = {}
    texts: dict[str, dict[str, bytes]] = {".cls": {}, ".txt": {}}
    twice = ""
    with readable(shard), tarfile.open(shard, "r:") as inside:
        while (member := inside.next()) is not None:
            inside.members.clear()  # type: ignore[attr-defined]  # it would keep all that it has passed
            path = PurePosixPath(member.name)
            stem, dot, ending = path.name.partition(".")
            key, suffix = str(path.with_name(stem)) if stem else "", f"{dot}{ending.lower()}"
            if not (member.isfile() and key):
                continue
            if suffix in (*PICTURES, ".npy"):
                twice = twice or (key if key in pictures else "")
                pictures[key] = member.offset_data, member.size
            elif suffix in texts and (content := inside.extractfile(member)):
                texts[suffix][key] = content.read()
    if not pictures:
        raise ValueError(f"{shard} holds no pictures: expected {', '.join(sorted(PICTURES))} or .npy members")
    if twice:
        raise ValueError(f"{shard} holds more than one picture called {twice}: expected one, with its label beside it")
    labels = {key: label for key, text in texts[".txt"].items() if (label := whole_number(text)) is not None}
    for key, text in texts[".cls"].items():
        label = whole_number(text)
        if label is None:
            raise ValueError(f"{key}.cls in {shard} is {text[:20]!r}: expected the whole number of a class")
        labels[key] = label
    return pictures, labels


def compressed(shard: Path) -> str:
    """What unpacks a compressed file; nothing for one that is not."""
    with readable(shard), open(shard, "rb") as file:
        magic = file.read(3)
    return next((command for start, command in PACKED.items() if magic.startswith(start)), "")


def whole_number(text: bytes) -> int | None:
    """A whole number as it is written, or None for anything else.

    >>> whole_number(b" 7\\n"), whole_number(b"a cat")
    (7, None)
    """
    try:
        return int(text)
    except ValueError:
        return None
