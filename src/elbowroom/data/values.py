"""Looking at the values of a split, and making them binary."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from hashlib import blake2b
from typing import Literal

import torch
from torch import Tensor

from elbowroom.data.bits import drawn, redrawn, threshold
from elbowroom.data.found import Whole
from elbowroom.data.split import Arrays, Split, scaled
from elbowroom.data.stored import Stored
from elbowroom.data.stream import undisturbed

Binarise = Literal["none", "threshold", "dynamic"]
ROWS = 4096
"""Examples looked at in one go, so that pixels are never all floats at once."""


def binarised(splits: dict[str, Whole], how: Binarise, seed: int) -> tuple[dict[str, Whole], str]:
    """The splits with values 0 and 1, and what was done in words."""
    if how == "none":
        return splits, ""
    made: dict[str, Whole] = {}
    generator = torch.Generator().manual_seed(seed)
    # test before validation, so that the size of validation does not change an official test split
    for name in sorted(splits):
        split = splits[name]
        if not isinstance(split, Arrays | Stored):
            raise ValueError(f"binarise='{how}' needs arrays, and {name} is a stream: binarise in the data set itself")
        if bad := outside(split, 0, 1, False):
            raise ValueError(
                f"binarise='{how}' needs values in [0, 1], and row {bad[0]} of the source ({name} split) has "
                f"{bad[1]:g}: rescale them"
            )
        if isinstance(split, Stored):
            once = threshold if how == "threshold" else partial(drawn, seed=seed)
            made[name] = split.binarised(redrawn if how == "dynamic" and name == "train" else once)
        elif how == "threshold":
            bits = (split.x > (127 if split.pixels else 0.5)).byte()
            made[name] = Arrays(bits * 255, split.y, origin=split.origin)
        elif name == "train":
            made[name] = Arrays(split.x, split.y, redraw=not is_binary(split), origin=split.origin)
        else:
            bits = torch.cat([torch.bernoulli(scaled(x), generator=generator).byte() for x in split.x.split(ROWS)])
            made[name] = Arrays(bits * 255, split.y, origin=split.origin)
    drawn_words = f"drawn as Bernoulli: anew at every use in training, once with seed {seed} for validation and test"
    return {name: made[name] for name in splits}, "1 where above one half" if how == "threshold" else drawn_words


def looks(split: Split) -> Iterator[tuple[Tensor, Tensor]]:
    """The values of a split and the rows of the source they are in: of arrays all, a part at a time.

    Of a stream they are its first batch; of a split in files the examples of it that were looked at on loading.
    """
    if isinstance(split, Stored):
        rows, x = split.looked
        mine = torch.ones_like(rows, dtype=torch.bool) if split.origin is None else torch.isin(rows, split.origin)
        yield rows[mine], torch.tensor([[0.0, 1.0]]).expand(len(rows), 2) if split.binary else scaled(x[mine])
    elif isinstance(split, Arrays):
        rows = torch.arange(len(split)) if split.origin is None else split.origin
        for start in range(0, len(split), ROWS):
            x = torch.tensor([[0.0, 1.0]]) if split.redraw else scaled(split.x[start : start + ROWS])
            yield rows[start : start + ROWS], x
    else:
        with undisturbed():
            first = next(split.batches(64))
        origin = getattr(split, "origin", None)
        yield first.index if origin is None else origin[first.index], first.x


def outside(split: Split, low: float, high: float, integer: bool) -> tuple[int, float] | None:
    """The row in the source of the first example with a value outside [low, high] or not whole, and the value."""
    if isinstance(split, Arrays | Stored) and split.pixels and low <= 0 and high >= 1 and not integer:
        return None
    for rows, x in looks(split):
        bad = ~((x >= low) & (x <= high))  # so that NaN is outside as well
        if integer:
            bad |= x != x.round()
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
            by_row = isinstance(split, Stored) and isinstance(split.binary, partial)
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
    drawn_from = split.binarised(None) if split.binary is redrawn else split
    for batch in drawn_from.batches(ROWS):
        yield (batch.x * 255).round().byte() if drawn_from.pixels or drawn_from.binary else batch.x
