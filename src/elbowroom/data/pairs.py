"""Pairs of training examples for recipes that learn from what two images share, and not from labels."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from elbowroom.data.catalog.shapes import factor_grid
from elbowroom.data.class_subset import UNKNOWN_LABEL, labels_of
from elbowroom.data.factors import FactorGrid
from elbowroom.data.splits.buffered import BufferedSplit
from elbowroom.data.splits.memory import Batch, InMemorySplit, scale_pixels
from elbowroom.data.splits.paired import PairedSplit
from elbowroom.data.stratify import has_classes

if TYPE_CHECKING:
    from elbowroom.data.load import Data

RANDOM = "random"
"""The value of the option ``pairs`` for a number of factors that is drawn for each pair."""


def pair_training_examples(data: Data) -> PairedSplit:
    """Return the training examples in pairs: of a grid of factors some of which differ, else of one class.

    The option ``pairs`` of :func:`~elbowroom.load_data` is the number of factors that differ, or "random": from one to
    all but one, uniformly (the default), as in Locatello et al. 2020, arXiv 2002.02886. The partner is drawn from the
    whole grid. Where examples have classes, the partner is any training example of the same class, and one whose class
    is not known is its own partner.

    Raises:
        ValueError: examples with neither a grid nor classes; a number of factors that the grid has not.

    >>> import elbowroom as er
    >>> pair_training_examples(er.load_data("digits")).first(4).x.shape
    torch.Size([4, 2, 1, 8, 8])
    """
    train, grid, pairs = data.train, factor_grid(data), data.protocol["arguments"].get("pairs")
    if grid is not None:
        return PairedSplit(train, GridPartners(grid, train, parse_pairs(pairs, grid)))
    if not isinstance(train, InMemorySplit | BufferedSplit) or not has_classes(labels_of(train)):
        raise ValueError(
            f"the recipe learns from pairs of examples that share something, and {data.name} has neither factors nor "
            "classes to pair them by: take --data shapes or data with classes, or train another recipe"
        )
    if pairs is not None:
        raise ValueError(f"pairs={pairs} is for data that is drawn by factors, and {data.name} is not: leave it out")
    return PairedSplit(train, ClassPartners(train))


def parse_pairs(pairs: str | int | None, grid: FactorGrid) -> int | None:
    """Return the number of factors that differ in a pair, None for one that is drawn for each.

    Raises:
        ValueError: a number that leaves no factor to share, or nothing to differ.
    """
    n_factors = len(grid.sizes)
    if pairs in (None, RANDOM):
        return None
    if not str(pairs).isdecimal() or not 1 <= int(str(pairs)) < n_factors:
        raise ValueError(
            f"pairs={pairs}: expected how many of the {n_factors} factors of {grid.name} differ in a pair, from 1 to "
            f"{n_factors - 1}, or {RANDOM}"
        )
    return int(str(pairs))


class GridPartners:
    """Draws the partners of examples from a grid, with all factors alike but some.

    Args:
        grid: of the factors.
        split: the examples, whose ``source_rows`` are rows of the grid.
        n_changed: how many factors differ; ``None`` for a number that is drawn for each pair.

    Raises:
        ValueError: the examples are coded otherwise than the grid draws them.
    """

    def __init__(self, grid: FactorGrid, split: object, n_changed: int | None) -> None:
        assert isinstance(split, InMemorySplit | BufferedSplit)
        assert split.source_rows is not None
        self.grid, self.n_changed = grid, n_changed
        self.rows = split.source_rows.cpu().numpy()
        if split.transforms or not torch.equal(self.draw_images(self.rows[:1]), split.first(1).x.cpu()):
            raise ValueError(
                f"the examples of {grid.name} are coded otherwise than partners are drawn: leave out value_range, "
                "color, binarize, dequantize, flip and shift"
            )

    def draw_images(self, rows: np.ndarray) -> Tensor:
        """Return the images at rows of the grid, (N, C, H, W) from 0 to 1."""
        images = self.grid.read_rows(rows)
        x = torch.from_numpy(images).float() if images.dtype == bool else scale_pixels(torch.from_numpy(images))
        return x if x.dim() == 4 else x[:, None]

    def __call__(self, batch: Batch) -> Tensor:
        rows = self.rows[batch.index.cpu().numpy()]
        n_factors = len(self.grid.sizes)
        drawn = 1 + (torch.rand(len(rows)) * (n_factors - 1)).long().clamp_max(n_factors - 2)
        n_changed = drawn.numpy() if self.n_changed is None else np.full(len(rows), self.n_changed)
        return self.draw_images(self.grid.change_factors(rows, n_changed, None))


class ClassPartners:
    """Draws the partners of examples from those of the same class.

    Args:
        split: the examples, with classes.
    """

    def __init__(self, split: InMemorySplit | BufferedSplit) -> None:
        y = labels_of(split)
        assert y is not None
        self.split, self.is_known = split, y.cpu() != UNKNOWN_LABEL
        _, group, count = torch.unique(y.cpu(), return_inverse=True, return_counts=True)
        self.order = group.argsort(stable=True)
        self.start, self.count = (count.cumsum(0) - count)[group], count[group]

    def __call__(self, batch: Batch) -> Tensor:
        index = batch.index.cpu()
        step = (torch.rand(len(index)) * self.count[index]).long().minimum(self.count[index] - 1)
        partner = torch.where(self.is_known[index], self.order[self.start[index] + step], index)
        return self.split.gather(partner).x
