"""A split larger than memory: examples in files, read a buffer at a time."""

from __future__ import annotations

import math
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import zip_longest
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from elbowroom.data.splits.encodable import Encodable
from elbowroom.data.splits.memory import Batch, ExampleSequence, resolve_order, scale_pixels
from elbowroom.data.transforms import Transformable
from elbowroom.data.value_coding import ValueCoding, ValueSummary, infer_coding, merge_summaries, summarize

BLOCK_BUFFER_BYTES = 2**28
"""Default buffer for sources that are read in blocks (shards)."""
RANDOM_BUFFER_BYTES = 2**23
"""Default buffer for sources that can be read in any order."""
BLOCK_BYTES = 2**20
"""Bytes of a file that are read in one go where its order is shuffled in a buffer."""
PROBE_BLOCKS = 8
"""Runs of neighbouring rows that are looked at before the others."""
PROBE_BLOCK_ROWS = 128
PROBE_BLOCK_BYTES = 2**20
"""Largest size of one of these runs."""


class RowSource(Protocol):
    """Examples in files, which can be read by row."""

    def __len__(self) -> int:
        """The number of examples."""

    def read_rows(self, rows: np.ndarray) -> np.ndarray:
        """Return the examples (B, ...) at ``rows`` (B,), which ascend, as they are stored."""

    def block_starts(self, buffer: int | None) -> Tensor | None:
        """Return the first row of each run that is best read together; None where any order is as good."""

    def describe_row(self, row: int) -> str:
        """Return the name of an example for an error message."""


class ArrayRowSource:
    """The rows of an array (N, ...), which is usually a memory map of a .npy file.

    They cost the same in any order, unless a buffer is given: then runs of neighbours are read.

    >>> ArrayRowSource(np.arange(6).reshape(3, 2), "x.npy").read_rows(np.array([0, 2])).tolist()
    [[0, 1], [4, 5]]
    """

    def __init__(self, array: np.ndarray, name: str) -> None:
        self.array, self.name = np.asarray(array), name

    def __len__(self) -> int:
        return len(self.array)

    def read_rows(self, rows: np.ndarray) -> np.ndarray:
        """Return the examples at ``rows``, in memory."""
        selected: np.ndarray = self.array[rows]
        return selected

    def block_starts(self, buffer: int | None) -> Tensor | None:
        """Return the starts of runs of about a MiB where there is a buffer."""
        if buffer is None:
            return None
        return split_into_blocks(np.array([0]), len(self), block_length(self.array[0].nbytes, buffer))

    def describe_row(self, row: int) -> str:
        """Return the row and the file."""
        return f"row {row} of {self.name}"


class BufferedSplit(Transformable, Encodable, ExampleSequence):
    """A split in files, which ``source`` reads by row; ``y`` (N,) or (N, A) or None are the labels of its rows.

    At most ``buffer`` examples are in memory, and as many more that are read ahead; of the others only their place in
    the order, their row and their label. ``source_rows`` (n,) are the rows of the source that are in this split, where
    they are a part of it. Values are put through the ``transforms`` as they are read.

    A random order is one of all positions, as that of :class:`~elbowroom.data.InMemorySplit`, where any row can be read
    at the same cost. Otherwise the blocks of the source are put in a random order, and each ``buffer`` of that order is
    shuffled. It follows from the generator alone, and batches that are skipped are not read.

    What the values are (``coding``) is inferred from about a thousand examples, ``probe``: their rows and values. Every
    other example is checked against it when it is read.

    Raises:
        ValueError: labels that are too few or too many; on reading, a value that is not finite or not of the kind of
            those looked at first.

    >>> source = ArrayRowSource(np.arange(10, dtype=np.uint8).reshape(5, 2), "x.npy")
    >>> [batch.index.tolist() for batch in BufferedSplit(source).batches(2, torch.tensor([4, 0, 3]))]
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
        self.summary = summarize(raw, is_complete=False)
        self._raw_probe = rows, raw
        self._set_coding(infer_coding([self.summary]))
        x = self.probe[1]
        self.block_starts = source.block_starts(buffer)
        if self.block_starts is None:
            default = max(1, RANDOM_BUFFER_BYTES // x[0].nbytes)
        else:
            default = max(longest_block(self.block_starts, len(source)), BLOCK_BUFFER_BYTES // x[0].nbytes)
        self.buffer = buffer or default

    def __len__(self) -> int:
        return len(self.source) if self.source_rows is None else len(self.source_rows)

    def summarize_all(self) -> ValueSummary:
        """Return the summary of all examples: one pass through the files."""
        length = max(1, PROBE_BLOCK_BYTES // max(1, self._raw_probe[1][:1].nbytes))
        starts = range(0, len(self.source), length)
        blocks = (np.arange(start, min(start + length, len(self.source))) for start in starts)
        return merge_summaries(summarize(self.source.read_rows(rows), is_complete=False) for rows in blocks)

    def _set_coding(self, coding: ValueCoding) -> None:
        self.coding = coding
        rows, raw = self._raw_probe
        x = self._convert_rows(raw, rows)
        self.probe = torch.from_numpy(rows), x
        self.shape = tuple(x.shape[1:])

    def gather(self, index: Tensor) -> Batch:
        """Return the examples at the positions ``index`` (B,)."""
        x, places = self._read(index.cpu())
        return self._make_batch(index.cpu(), x[places])

    def batches(self, size: int, order: Tensor | None = None, skip: int = 0) -> Iterator[Batch]:
        """Yield every example once, or those at ``order``, ``size`` at a time; those skipped are not read."""
        positions = resolve_order(len(self), size, order, "cpu")
        pieces: list[tuple[Tensor, Tensor]] = []
        missing = size
        for index, x, places in self._iter_buffers(positions, skip * size):
            while len(index):
                pieces.append((index[:missing], x.index_select(0, places[:missing])))
                index, places = index[missing:], places[missing:]
                missing = size - sum(len(piece) for piece, _ in pieces)
                if not missing:
                    yield self._make_batch(*map(torch.cat, zip(*pieces, strict=True)))
                    pieces, missing = [], size
            del x, places  # free this buffer before the next one is waited for
        if pieces:
            yield self._make_batch(*map(torch.cat, zip(*pieces, strict=True)))

    def steps(self, size: int) -> int:
        """Return the number of batches in one pass."""
        return math.ceil(len(self) / size)

    def random_order(self, generator: torch.Generator) -> Tensor:
        """Return a random order of the positions, in blocks shuffled within a buffer where the source is read so."""
        if self.block_starts is None:
            return torch.randperm(len(self), generator=generator)
        rows = torch.arange(len(self)) if self.source_rows is None else self.source_rows
        block = torch.bucketize(rows, self.block_starts, right=True) - 1
        order = torch.randperm(len(self.block_starts), generator=generator)[block].argsort(stable=True)
        parts = torch.split(order, self.buffer)
        return torch.cat([part[torch.randperm(len(part), generator=generator)] for part in parts])

    def to(self, device: torch.device | str) -> BufferedSplit:
        """Return the same split with its batches on ``device``."""
        return self.replace(device=device)

    def first(self, n: int) -> Batch:
        """Return the first ``n`` examples."""
        return self.gather(torch.arange(min(n, len(self))))

    def subset(self, index: Tensor, training: bool = True) -> BufferedSplit:
        """Return the examples at the positions ``index`` as a split of their own; nothing is read."""
        return self.replace(source_rows=index if self.source_rows is None else self.source_rows[index])

    def _iter_buffers(self, positions: Tensor, start: int) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        """Yield a buffer at a time from ``start`` on: the positions in it, and what :meth:`_read` returns for them.

        Buffers begin where those of a shuffled order do, so that a block is read once for each buffer it lies in.
        While one is used the next is read.
        """
        starts = range(start - start % self.buffer, len(positions), self.buffer)
        parts = [positions[max(start, first) : first + self.buffer] for first in starts]
        with ThreadPoolExecutor(1) as reader:
            pending = [reader.submit(self._read, part) for part in parts[:1]]
            for part, next_part in zip_longest(parts, parts[1:]):
                x, places = pending.pop().result()
                if next_part is not None:
                    pending.append(reader.submit(self._read, next_part))
                yield part, x, places
                del x, places

    def _read(self, positions: Tensor) -> tuple[Tensor, Tensor]:
        """Return the examples at the positions, each once and as stored, and the place of each position in them."""
        rows = positions if self.source_rows is None else self.source_rows[positions]
        ascending, places = np.unique(rows.numpy(), return_inverse=True)
        return self._convert_rows(self.source.read_rows(ascending), ascending), torch.from_numpy(places)

    def _convert_rows(self, raw: np.ndarray, rows: np.ndarray) -> Tensor:
        """Return examples as uint8 pixels or float32 numbers, channels first, or raise for the first invalid one."""
        x, invalid = self.coding.encode(raw)
        if not len(invalid) and self.is_binarized and not self.has_pixels:
            invalid = ((x < 0) | (x > 1)).flatten(1).any(dim=1).nonzero().flatten().numpy()
            problem = "has values outside [0, 1]: rescale them, to make them binary"
        elif len(invalid):
            problem = self.coding.describe_invalid(raw[invalid[0]])
        if len(invalid):
            raise ValueError(f"{self.source.describe_row(int(rows[invalid[0]]))} {problem}")
        return x

    def _make_batch(self, index: Tensor, x: Tensor) -> Batch:
        rows = index if self.source_rows is None else self.source_rows[index]
        x = self.apply_transforms(scale_pixels(x.to(self.device)), rows)
        return Batch(x, None if self.y is None else self.y[rows].to(self.device), index.to(self.device))


def read_probe(source: RowSource) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows of a few runs of neighbours spread evenly over a source, and their examples as stored."""
    length = min(PROBE_BLOCK_ROWS, max(1, PROBE_BLOCK_BYTES // source.read_rows(np.zeros(1, dtype=np.int64)).nbytes))
    rows = evenly_spaced_blocks(len(source), PROBE_BLOCKS, length)
    return rows, source.read_rows(rows)


def evenly_spaced_blocks(count: int, number: int, length: int) -> np.ndarray:
    """Return the positions of ``number`` runs of ``length`` neighbours, spread evenly over ``count``; ascending.

    >>> evenly_spaced_blocks(100, 3, 2).tolist(), evenly_spaced_blocks(3, 2, 2).tolist()
    ([0, 1, 49, 50, 98, 99], [0, 1, 2])
    """
    starts = np.linspace(0, max(0, count - length), number).astype(np.int64)
    rows = np.unique(starts[:, None] + np.arange(length))
    return rows[rows < count]


def split_into_blocks(starts: np.ndarray, count: int, length: int) -> Tensor:
    """Return the first rows of runs of at most ``length`` rows, none of them across one of ``starts``.

    >>> split_into_blocks(np.array([0, 5]), 9, 3)
    tensor([0, 3, 5, 8])
    """
    ends = [*starts[1:], count]
    return torch.cat([torch.arange(start, end, length) for start, end in zip(starts, ends, strict=True)])


def block_length(row_bytes: float, buffer: int | None) -> int:
    """Return the rows of a block: those of ``BLOCK_BYTES``, or fewer so that a buffer holds at least 16 blocks."""
    length = max(1, int(BLOCK_BYTES // row_bytes))
    return length if buffer is None else min(length, max(1, buffer // 16))


def longest_block(blocks: Tensor, count: int) -> int:
    """Return the number of rows of the longest block."""
    return int(torch.diff(blocks, append=torch.tensor([count])).max())
