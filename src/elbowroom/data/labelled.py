"""A few of the labels, the others taken for unknown."""

from __future__ import annotations

from numbers import Integral
from typing import Any

import torch
from torch import Tensor

from elbowroom.data.raw import AnySplit, RawDataset
from elbowroom.data.splits.memory import InMemorySplit

UNKNOWN_LABEL = -1
"""The label of an example whose class is not known."""


def subsample_labels(
    raw: RawDataset, splits: dict[str, AnySplit], count: Any, seed: int
) -> tuple[dict[str, AnySplit], str]:
    """Training examples of which ``count`` keep their label, of each class as many, and what was done in words.

    Raises:
        ValueError: no number, no classes, a stream, or too few labels for the classes or of one of them.
    """
    if count is None:
        return splits, ""
    wish, train = f"labelled={count}", splits["train"]
    if not isinstance(count, Integral) or isinstance(count, bool) or count < 1:
        raise ValueError(f"labelled={count!r}: expected a number of training examples to keep the labels of")
    if not isinstance(train, InMemorySplit):
        raise ValueError(
            f"{wish} needs examples in memory, and those of {raw.name} are read as they come: leave it out"
        )
    if train.y is None or raw.classes is None or train.y.dim() != 1:
        raise ValueError(f"{wish} is for data with classes, and {raw.name} has none: leave it out, or give labels")
    if count == len(train):
        return splits, ""
    kept = sample_per_class(train.y, int(count), seed, raw)
    y = torch.full_like(train.y, UNKNOWN_LABEL)
    y[kept] = train.y[kept]
    words = (
        f"labels of {len(kept):,} of {len(train):,} training examples kept, as many of each class; "
        "they are half of every epoch's examples"
    )
    return splits | {"train": train.replace(y=y, oversampled=kept)}, words


def sample_per_class(y: Tensor, count: int, seed: int, raw: RawDataset) -> Tensor:
    """The places of ``count`` labels at random, of each class as many; what is left over goes to classes at random."""
    classes = y.unique()
    if not len(classes) <= count <= len(y):
        raise ValueError(
            f"labelled={count} of {len(y):,} training examples of {len(classes)} classes: expected at least one of "
            f"each class and no more than there are, {len(classes)} to {len(y)}"
        )
    generator = torch.Generator().manual_seed(seed)
    shares = torch.full((len(classes),), count // len(classes))
    shares[torch.randperm(len(classes), generator=generator)[: count % len(classes)]] += 1
    kept = []
    for label, share in zip(classes.tolist(), shares.tolist(), strict=True):
        mine = (y == label).nonzero().flatten()
        if len(mine) < share:
            assert raw.classes is not None
            raise ValueError(
                f"labelled={count} wants {share} labels of each class, and '{raw.classes[label]}' has {len(mine)}: "
                "give a smaller number"
            )
        kept.append(mine[torch.randperm(len(mine), generator=generator)[:share]])
    return torch.cat(kept).sort().values
