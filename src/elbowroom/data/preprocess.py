"""What was asked to be done to examples as they are given out: augmented, dequantised, made bits."""

from __future__ import annotations

from functools import partial
from typing import Literal

import torch

from elbowroom.data.checks import ROWS, is_binary, outside
from elbowroom.data.raw import Whole
from elbowroom.data.splits.buffered import Stored
from elbowroom.data.splits.memory import Arrays, scaled
from elbowroom.data.transforms import Change, bernoulli, flipped, shifted, spread, threshold

Binarise = Literal["none", "threshold", "dynamic"]
Splits = dict[str, Whole]


def augmented(splits: Splits, flip: bool, shift: int) -> tuple[Splits, str]:
    """Training pictures mirrored and moved at random, and what was done in words."""
    wish = "flip" if flip else f"shift={shift}"
    if not isinstance(shift, int) or shift < 0:
        raise ValueError(f"shift={shift!r}: expected a number of pixels")
    if not (flip or shift):
        return splits, ""
    train = in_rows(splits["train"], wish, "train", "augment")
    if len(train.shape) != 3:
        raise ValueError(f"{wish} is for pictures, and the examples have shape {train.shape}: leave it out")
    if shift >= min(train.shape[1:]):
        raise ValueError(f"shift={shift} for pictures of {train.shape[1]}x{train.shape[2]}: give fewer pixels")
    changes: tuple[Change, ...] = (flipped,) if flip else ()
    changes += (partial(shifted, most=shift),) if shift else ()
    words = ["mirrored at random"] * flip + [f"shifted by up to {shift} pixels"] * bool(shift)
    return splits | {"train": train.but(changes=(*changes, *train.changes))}, f"in training {' and '.join(words)}"


def dequantised(splits: Splits, on: bool, seed: int) -> tuple[Splits, str]:
    """Pixels made continuous by uniform noise, and what was done in words."""
    if not on:
        return splits, ""
    made: Splits = {}
    for name, split in splits.items():
        split = in_rows(split, "dequantise", name, "add uniform noise")
        if not split.pixels or is_binary(split):
            kind = "bits" if is_binary(split) else "numbers"
            raise ValueError(f"dequantise is for pixels of 256 levels, and the {name} split holds {kind}: leave it out")
        made[name] = split.but(changes=(*split.changes, spread), seed=None if name == "train" else seed)
    return made, f"dequantised as (level + u) / 256, {when(seed)}"


def when(seed: int) -> str:
    """When what is random is drawn, in words."""
    return f"anew at every use in training, once with seed {seed} for validation and test"


def binarised(splits: Splits, how: Binarise, seed: int) -> tuple[Splits, str]:
    """The splits with values 0 and 1, and what was done in words."""
    if how == "none":
        return splits, ""
    made: Splits = {}
    generator = torch.Generator().manual_seed(seed)
    # test before validation, so that the size of validation does not change an official test split
    for name in sorted(splits):
        split = in_rows(splits[name], f"binarise='{how}'", name, "binarise")
        if bad := outside(split, 0, 1, False):
            raise ValueError(
                f"binarise='{how}' needs values in [0, 1], and row {bad[0]} of the source ({name} split) has "
                f"{bad[1]:g}: rescale them"
            )
        if isinstance(split, Stored):
            change = threshold if how == "threshold" else bernoulli
            made[name] = split.but(changes=(*split.changes, change), seed=None if name == "train" else seed)
        elif how == "threshold":
            bits = (split.x > (127 if split.pixels else 0.5)).byte()
            made[name] = split.but(x=bits * 255)
        elif name == "train":
            made[name] = split.but(changes=(*split.changes, *([] if is_binary(split) else [bernoulli])))
        else:
            bits = torch.cat([torch.bernoulli(scaled(x), generator=generator).byte() for x in split.x.split(ROWS)])
            made[name] = split.but(x=bits * 255)
    drawn = f"drawn as Bernoulli: {when(seed)}"
    return {name: made[name] for name in splits}, "1 where above one half" if how == "threshold" else drawn


def in_rows(split: Whole, wish: str, name: str, verb: str) -> Arrays | Stored:
    """A split of arrays or files; a stream is not to be changed."""
    if not isinstance(split, Arrays | Stored):
        raise ValueError(f"{wish} needs arrays, and {name} is a stream: {verb} in the data set itself")
    return split
