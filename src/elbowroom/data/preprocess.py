"""Preprocessing of splits on request: augmentation, dequantization, binarization.

Each function takes the splits by name and returns the changed ones, with a description for the record.
"""

from __future__ import annotations

from functools import partial

import torch

from elbowroom.data.checks import CHUNK_ROWS, find_out_of_range, is_binary
from elbowroom.data.options import BinarizeMode
from elbowroom.data.raw import AnySplit
from elbowroom.data.splits.buffered import BufferedSplit
from elbowroom.data.splits.memory import InMemorySplit, scale_pixels
from elbowroom.data.transforms import Transform, bernoulli, dequantize, random_horizontal_flip, random_shift, threshold

Splits = dict[str, AnySplit]


def augment_train(splits: Splits, flip: bool, shift: int) -> tuple[Splits, str]:
    """Flip and shift the training images at random, at every use.

    Raises:
        ValueError: a stream, examples that are no images, or a shift as large as an image.
    """
    option = "flip" if flip else f"shift={shift}"
    train = require_transformable(splits["train"], option, "train", "augment")
    if len(train.shape) != 3:
        raise ValueError(f"{option} is for images, and the examples have shape {train.shape}: leave it out")
    if shift >= min(train.shape[1:]):
        raise ValueError(f"shift={shift} for images of {train.shape[1]}x{train.shape[2]}: give fewer pixels")
    transforms: tuple[Transform, ...] = (random_horizontal_flip,) if flip else ()
    transforms += (partial(random_shift, max_pixels=shift),) if shift else ()
    words = ["mirrored at random"] * flip + [f"shifted by up to {shift} pixels"] * bool(shift)
    train = train.replace(transforms=(*transforms, *train.transforms))
    return splits | {"train": train}, f"in training {' and '.join(words)}"


def dequantize_splits(splits: Splits, seed: int) -> tuple[Splits, str]:
    """Make pixels continuous by uniform noise, anew at every use in training and once elsewhere.

    Raises:
        ValueError: a stream, or values that are not pixels of 256 levels.
    """
    dequantized: Splits = {}
    for name, split in splits.items():
        split = require_transformable(split, "dequantize", name, "add uniform noise")
        if not split.has_pixels or is_binary(split):
            kind = "bits" if is_binary(split) else "numbers"
            raise ValueError(f"dequantize is for pixels of 256 levels, and the {name} split holds {kind}: leave it out")
        transforms = (*split.transforms, dequantize)
        dequantized[name] = split.replace(transforms=transforms, seed=None if name == "train" else seed)
    return dequantized, f"dequantised as (level + u) / 256, {describe_redraw(seed)}"


def describe_redraw(seed: int) -> str:
    """Return when random values are drawn, for the record."""
    return f"anew at every use in training, once with seed {seed} for validation and test"


def binarize_splits(splits: Splits, mode: BinarizeMode, seed: int) -> tuple[Splits, str]:
    """Make values 0 or 1: by a threshold at one half, or drawn as Bernoulli.

    Raises:
        ValueError: a stream, or a value outside [0, 1].
    """
    binarized: Splits = {}
    generator = torch.Generator().manual_seed(seed)
    # test before validation, so that the size of validation does not change an official test split
    for name in sorted(splits):
        split = require_transformable(splits[name], f"binarize='{mode}'", name, "binarize")
        if invalid := find_out_of_range(split, 0, 1, False):
            raise ValueError(
                f"binarize='{mode}' needs values in [0, 1], and row {invalid[0]} of the source ({name} split) has "
                f"{invalid[1]:g}: rescale them"
            )
        binarized[name] = binarize_split(split, mode, name == "train", seed, generator)
    drawn = f"drawn as Bernoulli: {describe_redraw(seed)}"
    return {name: binarized[name] for name in splits}, "1 where above one half" if mode == "threshold" else drawn


def binarize_split(
    split: InMemorySplit | BufferedSplit, mode: BinarizeMode, is_train: bool, seed: int, generator: torch.Generator
) -> InMemorySplit | BufferedSplit:
    """Make the values of one split 0 or 1; in memory a threshold and the draw of validation and test are stored."""
    if isinstance(split, BufferedSplit):
        transform = threshold if mode == "threshold" else bernoulli
        return split.replace(transforms=(*split.transforms, transform), seed=None if is_train else seed)
    if mode == "threshold":
        return split.replace(x=(split.x > (127 if split.has_pixels else 0.5)).byte() * 255)
    if is_train:
        return split if is_binary(split) else split.replace(transforms=(*split.transforms, bernoulli))
    chunks = torch.split(split.x, CHUNK_ROWS)
    bits = torch.cat([torch.bernoulli(scale_pixels(x), generator=generator).byte() for x in chunks])
    return split.replace(x=bits * 255)


def require_transformable(split: AnySplit, option: str, name: str, verb: str) -> InMemorySplit | BufferedSplit:
    """Return a split of arrays or files; refuse a stream, which cannot be transformed."""
    if not isinstance(split, InMemorySplit | BufferedSplit):
        raise ValueError(f"{option} needs arrays, and {name} is a stream: {verb} in the data set itself")
    return split
