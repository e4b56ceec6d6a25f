"""Looking at the values of a split."""

from __future__ import annotations

import math
from collections.abc import Iterator
from hashlib import blake2b

import torch
from torch import Tensor

from elbowroom.data.raw import AnySplit
from elbowroom.data.splits.buffered import BufferedSplit
from elbowroom.data.splits.loader import preserve_rng
from elbowroom.data.splits.memory import InMemorySplit, Split, scale_pixels
from elbowroom.data.transforms import bernoulli, threshold

CHUNK_ROWS = 4096
"""Examples drawn in one go, and"""
CHUNK_VALUES = 2**22
"""values looked at in one go, so that pixels are never all floats at once."""


def iter_values(split: Split) -> Iterator[tuple[Tensor, Tensor]]:
    """The values of a split and the rows of the source they are in: of arrays all, a part at a time.

    Of a stream they are its first batch; of a split in files the examples of it that were looked at on loading.
    """
    if isinstance(split, BufferedSplit):
        rows, x = split.probe
        mine = (
            torch.ones_like(rows, dtype=torch.bool)
            if split.source_rows is None
            else torch.isin(rows, split.source_rows)
        )
        yield (
            rows[mine],
            torch.tensor([[0.0, 1.0]]).expand(len(rows), 2) if split.is_binarized else scale_pixels(x[mine]),
        )
    elif isinstance(split, InMemorySplit):
        rows = torch.arange(len(split)) if split.source_rows is None else split.source_rows
        step = max(1, CHUNK_VALUES // math.prod(split.shape))
        for start in range(0, len(split), step):
            x = torch.tensor([[0.0, 1.0]]) if split.is_binarized else scale_pixels(split.x[start : start + step])
            yield rows[start : start + step], x
    else:
        with preserve_rng():
            first = next(split.batches(64))
        origin = getattr(split, "source_rows", None)
        yield first.index if origin is None else origin[first.index], first.x


def find_out_of_range(
    split: Split, low: float, high: float, integer: bool, missing: bool = False, column: int | None = None
) -> tuple[int, float] | None:
    """The row in the source of the first example with a value outside [low, high] or not whole, and the value.

    Of the rows of a table it may be asked of one ``column``.
    """
    if isinstance(split, InMemorySplit | BufferedSplit) and split.has_pixels and low <= 0 and high >= 1 and not integer:
        return None
    for rows, x in iter_values(split):
        x = x if column is None else x[:, column : column + 1]
        bad = ~((x >= low) & (x <= high))  # so that NaN is outside as well
        if integer:
            bad |= x != x.round()
        if missing:
            bad &= ~x.isnan()
        if bad.any():
            place = int(bad.flatten().nonzero()[0])
            return int(rows[place // x[0].numel()]), float(x.flatten()[place])
    return None


def is_binary(split: Split) -> bool:
    """Whether all values are 0 or 1, as far as one looks."""
    return all(bool(((x == 0) | (x == 1)).all()) for _, x in iter_values(split))


def describe_check_coverage(splits: dict[str, AnySplit]) -> str:
    """How many examples the value checks look at, in words, where they do not look at all."""
    stored = [split for split in splits.values() if isinstance(split, BufferedSplit)]
    if not stored:
        return ""
    seen = sum(len(rows) for split in stored for rows, _ in iter_values(split))
    return f"values judged by {seen:,} of {sum(map(len, stored)):,} examples"


def fingerprint(splits: dict[str, AnySplit], content_hash: str | None) -> str | None:
    """A short hash of all values and labels, or of what large files are known by; None for streams."""
    digest = blake2b((content_hash or "").encode(), digest_size=8)
    for name, split in splits.items():
        if not isinstance(split, InMemorySplit | BufferedSplit):
            return None
        if content_hash:
            # what is drawn once is drawn otherwise in memory than by row
            by_row = isinstance(split, BufferedSplit) and bernoulli in split.transforms and split.seed is not None
            digest.update(f"{name} {len(split)} {by_row}".encode())
        for at, x in enumerate([] if content_hash else iter_raw_values(split)):
            if at == 0:
                digest.update(f"{name} {x.dtype} {(len(split), *split.shape)}".encode())
            digest.update(x.contiguous().numpy().data)
        y = (
            split.y
            if split.y is None or isinstance(split, InMemorySplit) or split.source_rows is None
            else split.y[split.source_rows]
        )
        if y is not None:
            digest.update(f"{name} {y.dtype} {tuple(y.shape)}".encode())
            digest.update(y.contiguous().numpy().data)
    return digest.hexdigest()


def iter_raw_values(split: InMemorySplit | BufferedSplit) -> Iterator[Tensor]:
    """The values that a split has in memory, or would have there, a part at a time."""
    if isinstance(split, InMemorySplit):
        yield split.x
        return
    once = (threshold,) if split.seed is None else (threshold, bernoulli)
    fixed = split.replace(attributes=tuple(change for change in split.transforms if change in once))
    for batch in fixed.batches(CHUNK_ROWS):
        yield (batch.x * 255).round().byte() if fixed.has_pixels or fixed.is_binarized else batch.x
