"""Groups of examples that share the value of one factor, drawn for scores that hold a factor fixed."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

#: Examples of a group, or pairs, as in disentanglement_lib.
GROUP_SIZE = 64
#: Groups that a classifier is fitted to, and is tested on.
N_FIT, N_TEST = 10_000, 5_000
#: Groups that are drawn at once.
CHUNK_GROUPS = 500


class FactorGroups:
    """Draws examples that share the value of a factor from those there are, with replacement.

    The factor is drawn uniformly, its value by its share of the examples. The other factors are independent of it only
    if they are so in the examples.

    Args:
        factors: the indices of the factors' values, (N, F).
        rng: of the draws.
    """

    def __init__(self, factors: np.ndarray, rng: np.random.Generator) -> None:
        self.rng, self.shape = rng, factors.shape
        self.order = factors.argsort(0, kind="stable")
        counts = [np.bincount(column) for column in factors.T]
        self.count = np.stack([count[column] for count, column in zip(counts, factors.T, strict=True)], -1)
        self.start = np.stack(
            [(count.cumsum() - count)[column] for count, column in zip(counts, factors.T, strict=True)], -1
        )

    def draw(self, n_groups: int, size: int, fixed: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield the factors (G,) of some groups and the examples in them, (G, size, fixed).

        The ``fixed`` examples along the last axis share the value of the factor, which differs along the one before.
        """
        n, n_factors = self.shape
        for first in range(0, n_groups, CHUNK_GROUPS):
            factor = self.rng.integers(n_factors, size=min(CHUNK_GROUPS, n_groups - first))
            model = self.rng.integers(n, size=(len(factor), size))
            start, count = self.start[model, factor[:, None]], self.count[model, factor[:, None]]
            place = start[..., None] + (self.rng.random((*model.shape, fixed)) * count[..., None]).astype(int)
            yield factor, self.order[place, factor[:, None, None]]
