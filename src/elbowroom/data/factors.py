"""Grids of factors: images that are drawn from all combinations of the values of independent factors."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

DrawImages = Callable[[np.ndarray, int], np.ndarray]
"""From the indices of factor values (N, F) and the side in pixels to images (N, H, W) of bits or (N, C, H, W) uint8."""


@dataclass(frozen=True)
class FactorGrid:
    """All combinations of the values of factors, each an image that is drawn when it is read.

    The last factor varies fastest: row r of the grid has the indices ``numpy.unravel_index(r, grid.sizes)``. It is the
    source of rows of a :class:`~elbowroom.data.splits.buffered.BufferedSplit`.

    Attributes:
        name: of the data set.
        values: the values of each factor by its name.
        draw: draws the images.
        side: of an image, pixels.

    >>> grid = FactorGrid("bars", {"x": (0, 1), "y": (0, 1, 2)}, lambda index, side: np.zeros((len(index), side, side)))
    >>> len(grid), grid.indices(np.array([4])).tolist(), grid.rows(np.array([[1, 1]])).tolist()
    (6, [[1, 1]], [4])
    """

    name: str
    values: dict[str, tuple[str | float, ...]]
    draw: DrawImages
    side: int = 64

    @cached_property
    def sizes(self) -> tuple[int, ...]:
        """The number of values of each factor."""
        return tuple(map(len, self.values.values()))

    def __len__(self) -> int:
        return math.prod(self.sizes)

    def indices(self, rows: np.ndarray) -> np.ndarray:
        """Return the index of each factor's value at rows (N,) of the grid, (N, F)."""
        return np.stack(np.unravel_index(rows, self.sizes), -1)

    def rows(self, indices: np.ndarray) -> np.ndarray:
        """Return the rows (N,) of the grid with these indices of values, (N, F)."""
        rows: np.ndarray = np.ravel_multi_index(tuple(indices.T), self.sizes)
        return rows

    def read_rows(self, rows: np.ndarray) -> np.ndarray:
        """Return the images at rows (N,), drawn."""
        return self.draw(self.indices(rows), self.side)

    def block_starts(self, buffer: int | None) -> Tensor | None:
        """Return None: any order of drawing costs the same."""
        return None

    def describe_row(self, row: int) -> str:
        """Return the row and the grid."""
        return f"row {row} of {self.name}"

    def labels(self, rows: np.ndarray) -> np.ndarray:
        """Return the factors at rows (N,) as attributes (N, F) float32: the index of the value over the last index."""
        labels: np.ndarray = (self.indices(rows) / (np.array(self.sizes) - 1)).astype(np.float32)
        return labels

    def change_factors(self, rows: np.ndarray, n_changed: np.ndarray, generator: torch.Generator | None) -> np.ndarray:
        """Return rows (N,) that share all factors with these but ``n_changed`` (N,) of each, chosen at random.

        The factors that change take one of their other values, each with the same probability.
        """
        indices, sizes = self.indices(rows), np.array(self.sizes)
        chance = torch.rand(indices.shape, generator=generator).numpy()
        is_changed = chance.argsort(1).argsort(1) < n_changed[:, None]
        step = 1 + np.floor(torch.rand(indices.shape, generator=generator).numpy() * (sizes - 1)).astype(np.int64)
        return self.rows(np.where(is_changed, (indices + np.minimum(step, sizes - 1)) % sizes, indices))
