"""The split that lies in files, of which a buffer at a time is read."""

from __future__ import annotations

import math
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import zip_longest
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from elbowroom.data.splits.loader import to_channels_first
from elbowroom.data.splits.memory import Batch, resolve_order, scale_pixels
from elbowroom.data.transforms import Transformable
from elbowroom.data.value_kinds import MAX_VALUE, convert_to_kind, infer_value_kind, invalid_rows

BLOCK_BUFFER_BYTES, RANDOM_BUFFER_BYTES = 2**28, 2**23
"""Bytes of examples held at a time, if nothing else is asked for: of shards, and of what is read in any order."""
PROBE_BLOCKS, PROBE_BLOCK_ROWS, PROBE_BLOCK_BYTES = 8, 128, 2**20
"""The examples looked at before the others: so many runs of so many neighbours, each of so many bytes at most."""


class RowSource(Protocol):
    """Examples in files, of which some can be read without the others."""

    def __len__(self) -> int:
        """The number of examples."""

    def read_rows(self, rows: np.ndarray) -> np.ndarray:
        """The examples at ``rows`` (B,), which ascend, as they are stored: (B, ...)."""

    def block_starts(self, buffer: int | None) -> Tensor | None:
        """The first row of each run that is best read together; None where any order is as good."""

    def describe_row(self, row: int) -> str:
        """What an example is called, for an error."""


class BufferedSplit(Transformable):
    """A split in files: ``source`` knows how to read them, ``y`` (N,) or (N, A) or None are the labels of its rows.

    Of the examples at most ``buffer`` are in memory, and as many more that are read meanwhile; of the others their
    place in the order, their row and their label. ``origin`` (n,) are the rows of the source that are in this split,
    where they are some of a whole. Values are put through the ``changes`` as they are given out.

    A random order is one of all positions, as that of :class:`Arrays`, where any row can be read at the same cost.
    Otherwise the blocks of the source are put in a random order, and each ``buffer`` of that order is shuffled. It
    follows from the generator alone, and batches that are skipped are not read.

    What the values are (bits, pixels or numbers) is told from about a thousand examples, ``looked``: their rows and
    values. Every other is held to it when it is read.

    Raises:
        ValueError: labels that are too few or too many; on reading, a value that is not finite or not of the kind of
            those looked at first.

    >>> from elbowroom.data.readers.open_memmap import Mapped
    >>> rows = Mapped(np.arange(10, dtype=np.uint8).reshape(5, 2), "x.npy")
    >>> [batch.index.tolist() for batch in BufferedSplit(rows).batches(2, torch.tensor([4, 0, 3]))]
    [[4, 0], [3]]
    """

    def __init__(self, source: RowSource, y: Tensor | None = None, *, buffer: int | None = None) -> None:
        if y is not None and len(y) != len(source):
            raise ValueError(f"{len(y)} labels for {len(source)} examples: expected one label for each")
        self.source, self.y = source, y
        self.source_rows: Tensor | None = None
        self.device: torch.device | str = "cpu"
        rows, raw = read_probe(source)
        if not raw.size:
            raise ValueError(
                f"{source.describe_row(0)} has no values, with shape {raw.shape[1:]}: expected at least one"
            )
        self.kind = infer_value_kind(raw)
        x = self._convert_rows(raw, rows)
        self.probe = torch.from_numpy(rows), x
        self.shape = tuple(x.shape[1:])
        self.block_starts = source.block_starts(buffer)
        room, longest = (
            (RANDOM_BUFFER_BYTES, 1)
            if self.block_starts is None
            else (BLOCK_BUFFER_BYTES, longest_block(self.block_starts, len(source)))
        )
        self.buffer = buffer or max(longest, room // x[0].nbytes)

    def __len__(self) -> int:
        return len(self.source) if self.source_rows is None else len(self.source_rows)

    @property
    def has_pixels(self) -> bool:
        """Whether the values are pixels, 256 levels divided by 255."""
        return self.kind != "numbers"

    def gather(self, index: Tensor) -> Batch:
        """The examples at the positions ``index`` (B,)."""
        x, place = self._read(index.cpu())
        return self._make_batch(index.cpu(), x[place])

    def batches(self, size: int, order: Tensor | None = None, skip: int = 0) -> Iterator[Batch]:
        """Every example once, or those at ``order``, ``size`` at a time; those skipped are not read."""
        positions = resolve_order(len(self), size, order, "cpu")
        pieces: list[tuple[Tensor, Tensor]] = []
        lacking = size
        for index, x, place in self._iter_buffers(positions, skip * size):
            while len(index):
                pieces.append((index[:lacking], x.index_select(0, place[:lacking])))
                index, place = index[lacking:], place[lacking:]
                lacking = size - sum(len(piece) for piece, _ in pieces)
                if not lacking:
                    yield self._make_batch(*map(torch.cat, zip(*pieces, strict=True)))
                    pieces, lacking = [], size
            del x, place  # before the next buffer comes
        if pieces:
            yield self._make_batch(*map(torch.cat, zip(*pieces, strict=True)))

    def steps(self, size: int) -> int:
        """The number of batches in one pass."""
        return math.ceil(len(self) / size)

    def random_order(self, generator: torch.Generator) -> Tensor:
        """A random order of the positions, in blocks shuffled within a buffer where the source is read so."""
        if self.block_starts is None:
            return torch.randperm(len(self), generator=generator)
        rows = torch.arange(len(self)) if self.source_rows is None else self.source_rows
        block = torch.bucketize(rows, self.block_starts, right=True) - 1
        order = torch.randperm(len(self.block_starts), generator=generator)[block].argsort(stable=True)
        return torch.cat([part[torch.randperm(len(part), generator=generator)] for part in order.split(self.buffer)])

    def to(self, device: torch.device | str) -> BufferedSplit:
        """The same split, its batches on ``device``."""
        return self.replace(device=device)

    def first(self, n: int) -> Batch:
        """The first ``n`` examples."""
        return self.gather(torch.arange(min(n, len(self))))

    def subset(self, index: Tensor, training: bool = True) -> BufferedSplit:
        """The examples at the positions ``index``, as a split of their own; nothing is read."""
        return self.replace(source_rows=index if self.source_rows is None else self.source_rows[index])

    def _iter_buffers(self, positions: Tensor, start: int) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        """A buffer at a time from ``start`` on: the positions in it, and what :meth:`_read` makes of them.

        Buffers begin where those of a shuffled order do, so that no block is read for more of them than it lies in.
        While one is used the next is read.
        """
        begins = range(start - start % self.buffer, len(positions), self.buffer)
        parts = [positions[max(start, begin) : begin + self.buffer] for begin in begins]
        with ThreadPoolExecutor(1) as reader:
            coming = [reader.submit(self._read, part) for part in parts[:1]]
            for part, ahead in zip_longest(parts, parts[1:]):
                x, place = coming.pop().result()
                if ahead is not None:
                    coming.append(reader.submit(self._read, ahead))
                yield part, x, place
                del x, place

    def _read(self, positions: Tensor) -> tuple[Tensor, Tensor]:
        """The examples at the positions, each once and as they are stored, and the place of each position in them."""
        rows = positions if self.source_rows is None else self.source_rows[positions]
        ascending, place = np.unique(rows.numpy(), return_inverse=True)
        return self._convert_rows(self.source.read_rows(ascending), ascending), torch.from_numpy(place)

    def _convert_rows(self, raw: np.ndarray, rows: np.ndarray) -> Tensor:
        """Examples as they were read as uint8 pixels or float32 numbers, arranged; or what is wrong with the first."""
        values = raw if self.has_pixels else convert_to_kind(raw, self.kind)
        bad = invalid_rows(values, self.kind)
        if not len(bad) and self.is_binarized and not self.has_pixels:
            bad = np.flatnonzero(((values < 0) | (values > 1)).reshape(len(values), -1).any(axis=1))
        if len(bad):
            raise ValueError(f"{self.source.describe_row(int(rows[bad[0]]))} {self._describe_invalid(values[bad[0]])}")
        return to_channels_first(torch.from_numpy(convert_to_kind(values, self.kind)))

    def _describe_invalid(self, example: np.ndarray) -> str:
        """What is wrong with an example, and what to do about it."""
        if self.has_pixels:
            largest = MAX_VALUE[self.kind]
            value = example[(example < 0) | (example > largest)][0]
            return (
                f"has the value {value}, and those looked at first have only 0 to {largest}: save them as uint8 from 0 "
                "to 255, or as float32"
            )
        if np.isfinite(example).all():
            return "has values outside [0, 1]: rescale them, to make them binary"
        return "has NaN or infinite values: expected finite numbers; remove or fill them"

    def _make_batch(self, index: Tensor, x: Tensor) -> Batch:
        rows = index if self.source_rows is None else self.source_rows[index]
        x = self.apply_transforms(scale_pixels(x.to(self.device)), rows)
        return Batch(x, None if self.y is None else self.y[rows].to(self.device), index.to(self.device))


def read_probe(source: RowSource) -> tuple[np.ndarray, np.ndarray]:
    """A few runs of neighbours spread evenly over a source: their rows, and the examples as they are stored."""
    length = min(PROBE_BLOCK_ROWS, max(1, PROBE_BLOCK_BYTES // source.read_rows(np.zeros(1, dtype=np.int64)).nbytes))
    rows = evenly_spaced_blocks(len(source), PROBE_BLOCKS, length)
    return rows, source.read_rows(rows)


BLOCK_BYTES = 2**20
"""Bytes of a file that are read in one go where its order is shuffled in a buffer."""


def evenly_spaced_blocks(count: int, number: int, length: int) -> np.ndarray:
    """The positions of ``number`` runs of ``length`` neighbours, spread evenly over ``count``; ascending, each once.

    >>> evenly_spaced_blocks(100, 3, 2).tolist(), evenly_spaced_blocks(3, 2, 2).tolist()
    ([0, 1, 49, 50, 98, 99], [0, 1, 2])
    """
    begins = np.linspace(0, max(0, count - length), number).astype(np.int64)
    rows = np.unique(begins[:, None] + np.arange(length))
    return rows[rows < count]


def split_into_blocks(begins: np.ndarray, count: int, length: int) -> Tensor:
    """The first rows of runs of ``length`` rows at most, none of them across one of ``begins``.

    >>> split_into_blocks(np.array([0, 5]), 9, 3)
    tensor([0, 3, 5, 8])
    """
    ends = [*begins[1:], count]
    return torch.cat([torch.arange(begin, end, length) for begin, end in zip(begins, ends, strict=True)])


def block_length(row_bytes: float, buffer: int | None) -> int:
    """The rows of a run of one block, or fewer where a buffer would not hold a good number of blocks."""
    length = max(1, int(BLOCK_BYTES // row_bytes))
    return length if buffer is None else min(length, max(1, buffer // 16))


def longest_block(blocks: Tensor, count: int) -> int:
    """The rows of the longest block."""
    return int(torch.diff(blocks, append=torch.tensor([count])).max())
