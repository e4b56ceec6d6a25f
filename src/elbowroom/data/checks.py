"""Looking at the values of a split."""

from __future__ import annotations

import math
from collections.abc import Iterator
from hashlib import blake2b

import torch
from torch import Tensor

from elbowroom.data.raw import Whole
from elbowroom.data.splits.buffered import Stored
from elbowroom.data.splits.loader import undisturbed
from elbowroom.data.splits.memory import Arrays, Split, scaled
from elbowroom.data.transforms import bernoulli, threshold

ROWS = 4096
"""Examples drawn in one go, and"""
VALUES = 2**22
"""values looked at in one go, so that pixels are never all floats at once."""


def looks(split: Split) -> Iterator[tuple[Tensor, Tensor]]:
    """The values of a split and the rows of the source they are in: of arrays all, a part at a time.

    Of a stream they are its first batch; of a split in files the examples of it that were looked at on loading.
    """
    if isinstance(split, Stored):
        rows, x = split.looked
        mine = torch.ones_like(rows, dtype=torch.bool) if split.origin is None else torch.isin(rows, split.origin)
        yield rows[mine], torch.tensor([[0.0, 1.0]]).expand(len(rows), 2) if split.bits else scaled(x[mine])
    elif isinstance(split, Arrays):
        rows = torch.arange(len(split)) if split.origin is None else split.origin
        step = max(1, VALUES // math.prod(split.shape))
        for start in range(0, len(split), step):
            x = torch.tensor([[0.0, 1.0]]) if split.bits else scaled(split.x[start : start + step])
            yield rows[start : start + step], x
    else:
        with undisturbed():
            first = next(split.batches(64))
        origin = getattr(split, "origin", None)
        yield first.index if origin is None else origin[first.index], first.x


def outside(
    split: Split, low: float, high: float, integer: bool, missing: bool = False, column: int | None = None
) -> tuple[int, float] | None:
    """The row in the source of the first example with a value outside [low, high] or not whole, and the value.

    Of the rows of a table it may be asked of one ``column``.
    """
    if isinstance(split, Arrays | Stored) and split.pixels and low <= 0 and high >= 1 and not integer:
        return None
    for rows, x in looks(split):
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
    return all(bool(((x == 0) | (x == 1)).all()) for _, x in looks(split))


def judged(splits: dict[str, Whole]) -> str:
    """How many examples the value checks look at, in words, where they do not look at all."""
    stored = [split for split in splits.values() if isinstance(split, Stored)]
    if not stored:
        return ""
    seen = sum(len(rows) for split in stored for rows, _ in looks(split))
    return f"values judged by {seen:,} of {sum(map(len, stored)):,} examples"


def fingerprint(splits: dict[str, Whole], identity: str | None) -> str | None:
    """A short hash of all values and labels, or of what large files are known by; None for streams."""
    digest = blake2b((identity or "").encode(), digest_size=8)
    for name, split in splits.items():
        if not isinstance(split, Arrays | Stored):
            return None
        if identity:
            # what is drawn once is drawn otherwise in memory than by row
            by_row = isinstance(split, Stored) and bernoulli in split.changes and split.seed is not None
            digest.update(f"{name} {len(split)} {by_row}".encode())
        for at, x in enumerate([] if identity else in_memory(split)):
            if at == 0:
                digest.update(f"{name} {x.dtype} {(len(split), *split.shape)}".encode())
            digest.update(x.contiguous().numpy().data)
        y = split.y if split.y is None or isinstance(split, Arrays) or split.origin is None else split.y[split.origin]
        if y is not None:
            digest.update(f"{name} {y.dtype} {tuple(y.shape)}".encode())
            digest.update(y.contiguous().numpy().data)
    return digest.hexdigest()


def in_memory(split: Arrays | Stored) -> Iterator[Tensor]:
    """The values that a split has in memory, or would have there, a part at a time."""
    if isinstance(split, Arrays):
        yield split.x
        return
    once = (threshold,) if split.seed is None else (threshold, bernoulli)
    fixed = split.but(changes=tuple(change for change in split.changes if change in once))
    for batch in fixed.batches(ROWS):
        yield (batch.x * 255).round().byte() if fixed.pixels or fixed.bits else batch.x
