"""Images in uncompressed tar shards, read by their offsets."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator, Sequence
from hashlib import blake2b
from pathlib import Path, PurePosixPath

import numpy as np
from torch import Tensor

from elbowroom.data.cache import load_or_build
from elbowroom.data.file_io import io_errors
from elbowroom.data.image import IMAGE_SUFFIXES, NO_CROP_RESIZE, CropResize
from elbowroom.data.readers.encoded_examples import decode_examples, infer_spec
from elbowroom.data.splits.buffered import block_length, evenly_spaced_blocks, split_into_blocks

UNPACK_COMMANDS = {b"\x1f\x8b": "gunzip", b"BZh": "bunzip2", b"\xfd7z": "unxz", b"\x28\xb5\x2f": "unzstd"}
INDEX_CACHE_MIN_BYTES = 2**26
"""Size of shards above which their index is cached: it takes a second or more to build."""


class TarRowSource:
    """The images (or .npy arrays) of tar files, one after the other, each with its label.

    Members that belong together have one name up to the first dot: ``000123.jpg``, ``000123.cls``. A label is the whole
    number in a ``.cls``, or else in a ``.txt``; a ``.txt`` without one is a caption, ignored like all other members.

    Raises:
        ValueError: a compressed or damaged file, one without images, examples with and without labels; on reading,
            what is no image or of another form than those looked at first.
    """

    def __init__(self, shards: Sequence[Path], crop_resize: CropResize = NO_CROP_RESIZE) -> None:
        self.shards, self.crop_resize = shards, crop_resize
        index = load_index(shards)
        self.offsets, self.sizes, self.shard_starts = index["offsets"], index["sizes"], index["begins"]
        self.labels: np.ndarray | None = index["labels"] if len(index["labels"]) else None
        # the first of every shard as well, so that one of another form is noticed before training
        rows = np.union1d(evenly_spaced_blocks(len(self), 8, 8), self.shard_starts)
        self.spec = infer_spec(self._read_bytes(rows), crop_resize, lambda index: self.describe_row(int(rows[index])))

    def __len__(self) -> int:
        return len(self.offsets)

    def read_rows(self, rows: np.ndarray) -> np.ndarray:
        """Return the examples at ``rows``, decoded."""
        return decode_examples(
            self._read_bytes(rows), self.spec, self.crop_resize, lambda index: self.describe_row(int(rows[index]))
        )

    def block_starts(self, buffer: int | None) -> Tensor:
        """Return the starts of runs of about a MiB within each shard."""
        return split_into_blocks(self.shard_starts, len(self), block_length(float(self.sizes.mean()), buffer))

    def describe_row(self, row: int) -> str:
        """Return the member's name and the shard's."""
        shard = self.shards[int(np.searchsorted(self.shard_starts, row, side="right")) - 1]
        with tarfile.open(shard, "r:") as members:
            name = next(member.name for member in members if member.offset_data == self.offsets[row])
        return f"{name} in {shard}"

    def _read_bytes(self, rows: np.ndarray) -> list[bytes]:
        contents: list[bytes] = []
        shard_of = np.searchsorted(self.shard_starts, rows, side="right") - 1
        for number in np.unique(shard_of):
            with io_errors(self.shards[number]), open(self.shards[number], "rb") as file:
                for row in rows[shard_of == number]:
                    file.seek(self.offsets[row])
                    contents.append(file.read(self.sizes[row]))
        return contents


def load_index(shards: Sequence[Path]) -> dict[str, np.ndarray]:
    """Return where the examples of shards are, and their labels; cached for large shards."""
    stats = [(str(shard.absolute()), shard.stat().st_size, shard.stat().st_mtime_ns) for shard in shards]
    if sum(size for _, size, _ in stats) < INDEX_CACHE_MIN_BYTES:
        return build_index(shards)
    return load_or_build(
        f"shards/{blake2b(repr(stats).encode(), digest_size=16).hexdigest()}.npz", lambda: build_index(shards)
    )


def build_index(shards: Sequence[Path]) -> dict[str, np.ndarray]:
    """Return the offset and size of each example, the first row of each shard, and the labels, if there are any."""
    positions: list[tuple[int, int]] = []
    labels: list[int] = []
    starts: list[int] = []
    unlabeled: list[str] = []
    for shard in shards:
        starts.append(len(positions))
        images, label_of = index_members(shard)
        positions += images.values()
        labels += (label_of[key] for key in images if key in label_of)
        unlabeled += (f"{key} in {shard}" for key in images if key not in label_of)
    if labels and unlabeled:
        raise ValueError(
            f"{len(unlabeled)} of {len(positions)} examples have no label, such as {unlabeled[0]}: expected a .cls "
            "with its class number beside each, or beside none"
        )
    offsets, sizes = np.array(positions, dtype=np.int64).T
    return {"offsets": offsets, "sizes": sizes, "begins": np.array(starts), "labels": np.array(labels, dtype=np.int64)}


def index_members(shard: Path) -> tuple[dict[str, tuple[int, int]], dict[str, int]]:
    """Return the offset and size of each image of a shard, and the labels, by the name up to the first dot."""
    if command := unpack_command(shard):
        raise ValueError(
            f"{shard} is compressed, and can only be read from its start: unpack it ({command} {shard.name}), "
            "its images are compressed already"
        )
    images: dict[str, tuple[int, int]] = {}
    texts: dict[str, dict[str, bytes]] = {".cls": {}, ".txt": {}}
    repeated = ""
    with io_errors(shard):
        for archive, member in iterate_files(shard):
            path = PurePosixPath(member.name)
            stem, dot, ending = path.name.partition(".")
            key, suffix = str(path.with_name(stem)) if stem else "", f"{dot}{ending.lower()}"
            if suffix in (*IMAGE_SUFFIXES, ".npy") and key:
                repeated = repeated or (key if key in images else "")
                images[key] = member.offset_data, member.size
            elif suffix in texts and key and (content := archive.extractfile(member)):
                texts[suffix][key] = content.read()
    if not images:
        raise ValueError(f"{shard} holds no images: expected {', '.join(sorted(IMAGE_SUFFIXES))} or .npy members")
    if repeated:
        raise ValueError(f"{shard} holds more than one image called {repeated}: expected one, with its label beside it")
    labels = {key: label for key, text in texts[".txt"].items() if (label := parse_int(text)) is not None}
    for key, text in texts[".cls"].items():
        label = parse_int(text)
        if label is None:
            raise ValueError(f"{key}.cls in {shard} is {text[:20]!r}: expected the whole number of a class")
        labels[key] = label
    return images, labels


def iterate_files(tar: Path) -> Iterator[tuple[tarfile.TarFile, tarfile.TarInfo]]:
    """Yield the files in an uncompressed tar, each with the open archive."""
    with tarfile.open(tar, "r:") as archive:
        while (member := archive.next()) is not None:
            archive.members.clear()  # type: ignore[attr-defined]  # it would keep all members it has passed
            if member.isfile():
                yield archive, member


def unpack_command(shard: Path) -> str:
    """Return the command that unpacks a compressed file; nothing for one that is not compressed."""
    with io_errors(shard), open(shard, "rb") as file:
        magic = file.read(3)
    return next((command for start, command in UNPACK_COMMANDS.items() if magic.startswith(start)), "")


def parse_int(text: bytes) -> int | None:
    """Return a whole number as it is written, or None for anything else.

    >>> parse_int(b" 7\\n"), parse_int(b"a cat")
    (7, None)
    """
    try:
        return int(text)
    except ValueError:
        return None
