"""Looking at the values of a split, and making them binary."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import blake2b
from typing import Literal

import torch
from torch import Tensor

from elbowroom.data.found import Whole
from elbowroom.data.split import Arrays, Split, scaled
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
        if not isinstance(split, Arrays):
            raise ValueError(f"binarise='{how}' needs arrays, and {name} is a stream: binarise in the data set itself")
        if bad := outside(split, 0, 1, False):
            raise ValueError(
                f"binarise='{how}' needs values in [0, 1], and row {bad[0]} of the source ({name} split) has "
                f"{bad[1]:g}: rescale them"
            )
        if how == "threshold":
            bits = split.x > (127 if split.x.dtype == torch.uint8 else 0.5)
            made[name] = Arrays(bits.byte() * 255, split.y, origin=split.origin)
        elif name == "train":
            made[name] = Arrays(split.x, split.y, redraw=not is_binary(split), origin=split.origin)
        else:
            drawn = [torch.bernoulli(scaled(x), generator=generator).byte() for x in split.x.split(ROWS)]
            made[name] = Arrays(torch.cat(drawn) * 255, split.y, origin=split.origin)
    drawn_words = f"drawn as Bernoulli: anew at every use in training, once with seed {seed} for validation and test"
    return {name: made[name] for name in splits}, "1 where above one half" if how == "threshold" else drawn_words


def looks(split: Split) -> Iterator[tuple[int, Tensor]]:
    """The values of a split with their first position: all of arrays, a part at a time, or a stream's first batch."""
    if not isinstance(split, Arrays):
        with undisturbed():
            first = next(split.batches(64)).x
        yield 0, first
    elif split.redraw:
        yield 0, torch.tensor([[0.0, 1.0]])
    else:
        for start in range(0, len(split), ROWS):
            yield start, scaled(split.x[start : start + ROWS])


def outside(split: Split, low: float, high: float, integer: bool) -> tuple[int, float] | None:
    """The row in the source of the first example with a value outside [low, high] or not whole, and the value."""
    if isinstance(split, Arrays) and split.x.dtype == torch.uint8 and low <= 0 and high >= 1 and not integer:
        return None
    for start, x in looks(split):
        bad = ~((x >= low) & (x <= high))  # so that NaN is outside as well
        if integer:
            bad |= x != x.round()
        if bad.any():
            place = int(bad.flatten().nonzero()[0])
            return source_row(split, start + place // x[0].numel()), float(x.flatten()[place])
    return None


def source_row(split: Split, position: int) -> int:
    """Where in the source an example is: its position, where the split is not known to be a part of more."""
    origin = getattr(split, "origin", None)
    return position if origin is None else int(origin[position])


def is_binary(split: Split) -> bool:
    """Whether all values are 0 or 1, as far as one looks."""
    return all(bool(((x == 0) | (x == 1)).all()) for _, x in looks(split))


def fingerprint(splits: dict[str, Whole]) -> str | None:
    """A short hash of all values and labels, or None for streams."""
    digest = blake2b(digest_size=8)
    for name, split in splits.items():
        if not isinstance(split, Arrays):
            return None
        for values in (split.x, split.y):
            if values is not None:
                digest.update(f"{name} {values.dtype} {tuple(values.shape)}".encode())
                digest.update(values.contiguous().numpy().data)
    return digest.hexdigest()
