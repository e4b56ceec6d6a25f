"""What was asked to be done to examples as they are given out: augmented, dequantised, made bits."""

from __future__ import annotations

from functools import partial
from typing import Literal

import torch

from elbowroom.data.checks import CHUNK_ROWS, find_out_of_range, is_binary
from elbowroom.data.raw import AnySplit
from elbowroom.data.splits.buffered import BufferedSplit
from elbowroom.data.splits.memory import InMemorySplit, scale_pixels
from elbowroom.data.transforms import Transform, bernoulli, dequantize, random_horizontal_flip, random_shift, threshold

BinarizeMode = Literal["none", "threshold", "dynamic"]
Splits = dict[str, AnySplit]


def augment_train(splits: Splits, flip: bool, shift: int) -> tuple[Splits, str]:
    """Training pictures mirrored and moved at random, and what was done in words."""
    wish = "flip" if flip else f"shift={shift}"
    if not isinstance(shift, int) or shift < 0:
        raise ValueError(f"shift={shift!r}: expected a number of pixels")
    if not (flip or shift):
        return splits, ""
    train = require_transformable(splits["train"], wish, "train", "augment")
    if len(train.shape) != 3:
        raise ValueError(f"{wish} is for pictures, and the examples have shape {train.shape}: leave it out")
    if shift >= min(train.shape[1:]):
        raise ValueError(f"shift={shift} for pictures of {train.shape[1]}x{train.shape[2]}: give fewer pixels")
    changes: tuple[Transform, ...] = (random_horizontal_flip,) if flip else ()
    changes += (partial(random_shift, max_pixels=shift),) if shift else ()
    words = ["mirrored at random"] * flip + [f"shifted by up to {shift} pixels"] * bool(shift)
    return splits | {
        "train": train.replace(attributes=(*changes, *train.transforms))
    }, f"in training {' and '.join(words)}"


def dequantize_splits(splits: Splits, enabled: bool, seed: int) -> tuple[Splits, str]:
    """Pixels made continuous by uniform noise, and what was done in words."""
    if not enabled:
        return splits, ""
    made: Splits = {}
    for name, split in splits.items():
        split = require_transformable(split, "dequantise", name, "add uniform noise")
        if not split.has_pixels or is_binary(split):
            kind = "bits" if is_binary(split) else "numbers"
            raise ValueError(f"dequantise is for pixels of 256 levels, and the {name} split holds {kind}: leave it out")
        made[name] = split.replace(attributes=(*split.transforms, dequantize), seed=None if name == "train" else seed)
    return made, f"dequantised as (level + u) / 256, {describe_redraw(seed)}"


def describe_redraw(seed: int) -> str:
    """When what is random is drawn, in words."""
    return f"anew at every use in training, once with seed {seed} for validation and test"


def binarize_splits(splits: Splits, mode: BinarizeMode, seed: int) -> tuple[Splits, str]:
    """The splits with values 0 and 1, and what was done in words."""
    if mode == "none":
        return splits, ""
    made: Splits = {}
    generator = torch.Generator().manual_seed(seed)
    # test before validation, so that the size of validation does not change an official test split
    for name in sorted(splits):
        split = require_transformable(splits[name], f"binarise='{mode}'", name, "binarise")
        if bad := find_out_of_range(split, 0, 1, False):
            raise ValueError(
                f"binarise='{mode}' needs values in [0, 1], and row {bad[0]} of the source ({name} split) has "
                f"{bad[1]:g}: rescale them"
            )
        if isinstance(split, BufferedSplit):
            change = threshold if mode == "threshold" else bernoulli
            made[name] = split.replace(attributes=(*split.transforms, change), seed=None if name == "train" else seed)
        elif mode == "threshold":
            bits = (split.x > (127 if split.has_pixels else 0.5)).byte()
            made[name] = split.replace(x=bits * 255)
        elif name == "train":
            made[name] = split.replace(attributes=(*split.transforms, *([] if is_binary(split) else [bernoulli])))
        else:
            bits = torch.cat(
                [torch.bernoulli(scale_pixels(x), generator=generator).byte() for x in split.x.split(CHUNK_ROWS)]
            )
            made[name] = split.replace(x=bits * 255)
    drawn = f"drawn as Bernoulli: {describe_redraw(seed)}"
    return {name: made[name] for name in splits}, "1 where above one half" if mode == "threshold" else drawn


def require_transformable(split: AnySplit, option: str, name: str, verb: str) -> InMemorySplit | BufferedSplit:
    """A split of arrays or files; a stream is not to be changed."""
    if not isinstance(split, InMemorySplit | BufferedSplit):
        raise ValueError(f"{option} needs arrays, and {name} is a stream: {verb} in the data set itself")
    return split
