"""Checks of the values of a split: range, binary, fingerprint."""

from __future__ import annotations

import math
from collections.abc import Iterator
from hashlib import blake2b

import torch
from torch import Tensor

from elbowroom.data.raw import AnySplit
from elbowroom.data.splits.batching import preserve_rng
from elbowroom.data.splits.buffered import BufferedSplit
from elbowroom.data.splits.memory import InMemorySplit, Split, scale_pixels
from elbowroom.data.transforms import bernoulli, threshold

CHUNK_ROWS = 4096
"""Examples drawn at a time."""
CHUNK_VALUES = 2**22
"""Values checked at a time, so that pixels are never all floats at once."""


def iter_values(split: Split) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield the rows in the source and the values of a split: of arrays all, in chunks.

    Of a stream they are its first batch; of a split in files the examples that were looked at on loading.
    """
    if isinstance(split, BufferedSplit):
        rows, x = split.probe
        is_own = (
            torch.ones_like(rows, dtype=torch.bool)
            if split.source_rows is None
            else torch.isin(rows, split.source_rows)
        )
        bits = torch.tensor([[0.0, 1.0]]).expand(len(rows), 2)
        yield rows[is_own], bits if split.is_binarized else scale_pixels(x[is_own])
    elif isinstance(split, InMemorySplit):
        rows = torch.arange(len(split)) if split.source_rows is None else split.source_rows
        step = max(1, CHUNK_VALUES // math.prod(split.shape))
        for start in range(0, len(split), step):
            x = torch.tensor([[0.0, 1.0]]) if split.is_binarized else scale_pixels(split.x[start : start + step])
            yield rows[start : start + step], x
    else:
        with preserve_rng():
            first = next(split.batches(64))
        source_rows = getattr(split, "source_rows", None)
        yield first.index if source_rows is None else source_rows[first.index], first.x


def find_out_of_range(
    split: Split, low: float, high: float, integer: bool, missing: bool = False, column: int | None = None
) -> tuple[int, float] | None:
    """Return the row in the source and the value of the first one outside [low, high], or not whole with ``integer``.

    NaN is outside, unless ``missing``. Of a table, ``column`` restricts it to one column.
    """
    if isinstance(split, InMemorySplit | BufferedSplit) and split.has_pixels and low <= 0 and high >= 1 and not integer:
        return None
    for rows, x in iter_values(split):
        x = x if column is None else x[:, column : column + 1]
        invalid = ~((x >= low) & (x <= high))  # so that NaN is outside as well
        if integer:
            invalid |= x != x.round()
        if missing:
            invalid &= ~x.isnan()
        if invalid.any():
            position = int(invalid.flatten().nonzero()[0])
            return int(rows[position // x[0].numel()]), float(x.flatten()[position])
    return None


def value_limits(split: Split, sample: bool = False) -> tuple[float, float]:
    """Return the smallest and largest value among those that are checked; of a sample, among the first of them.

    Missing values (NaN) are passed over.

    >>> value_limits(InMemorySplit(torch.tensor([[0.5], [-2.0]])))
    (-2.0, 0.5)
    """
    looks = iter_values(split)
    known = (x[~x.isnan()] if x.isnan().any() else x for _, x in ([next(looks)] if sample else looks))
    limits = [torch.aminmax(x) for x in known if x.numel()]
    return min(float(low) for low, _ in limits), max(float(high) for _, high in limits)


def is_binary(split: Split) -> bool:
    """Return whether all values are 0 or 1, among those that are checked."""
    return all(bool(((x == 0) | (x == 1)).all()) for _, x in iter_values(split))


def describe_check_coverage(splits: dict[str, AnySplit]) -> str:
    """Return how many examples the value checks look at, for the record; nothing where they look at all."""
    buffered = [split for split in splits.values() if isinstance(split, BufferedSplit)]
    if not buffered:
        return ""
    checked = sum(len(rows) for split in buffered for rows, _ in iter_values(split))
    return f"values judged by {checked:,} of {sum(map(len, buffered)):,} examples"


def fingerprint(splits: dict[str, AnySplit], content_hash: str | None) -> str | None:
    """Return a short hash of all values and labels, or from the hash of large files; None for streams."""
    digest = blake2b((content_hash or "").encode(), digest_size=8)
    for name, split in splits.items():
        if not isinstance(split, InMemorySplit | BufferedSplit):
            return None
        if content_hash:
            # a draw with a seed differs between memory and files
            by_row = isinstance(split, BufferedSplit) and bernoulli in split.transforms and split.seed is not None
            digest.update(f"{name} {len(split)} {by_row}".encode())
        for index, x in enumerate([] if content_hash else iter_raw_values(split)):
            if index == 0:
                digest.update(f"{name} {x.dtype} {(len(split), *split.shape)}".encode())
            digest.update(x.contiguous().numpy().data)
        y = split.y
        if isinstance(split, BufferedSplit) and y is not None and split.source_rows is not None:
            y = y[split.source_rows]
        if y is not None:
            digest.update(f"{name} {y.dtype} {tuple(y.shape)}".encode())
            digest.update(y.contiguous().numpy().data)
    return digest.hexdigest()


def hash_division(splits: dict[str, AnySplit]) -> str | None:
    """Return a short hash of which rows of the source each split has; None where that is not known, as of streams."""
    digest = blake2b(digest_size=8)
    for name, split in splits.items():
        if not isinstance(split, InMemorySplit | BufferedSplit):
            return None
        rows = torch.arange(len(split)) if split.source_rows is None else split.source_rows.cpu()
        digest.update(f"{name} {len(rows)}".encode())
        digest.update(rows.long().sort().values.numpy().data)
    return digest.hexdigest()


def iter_raw_values(split: InMemorySplit | BufferedSplit) -> Iterator[Tensor]:
    """Yield the values as a split in memory stores them, in chunks."""
    if isinstance(split, InMemorySplit):
        yield split.x
        return
    fixed_transforms = (threshold,) if split.seed is None else (threshold, bernoulli)
    fixed = split.replace(transforms=tuple(one for one in split.transforms if one in fixed_transforms))
    for batch in fixed.batches(CHUNK_ROWS):
        yield (batch.x * 255).round().byte() if fixed.has_pixels or fixed.is_binarized else batch.x
