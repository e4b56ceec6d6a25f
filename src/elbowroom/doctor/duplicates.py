"""Examples that two splits share."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from elbowroom.data import Split
from elbowroom.doctor.registry import NotApplicableError

#: Held-out examples that are compared, and training examples that they are compared with, at most.
MAX_COMPARED, MAX_TRAIN_EXAMPLES = 500, 100_000
#: Distance to a training example, as a share of that between any two of them, below which examples are nearly the same.
NEAR_DISTANCE_RATIO = 0.02


@dataclass(frozen=True)
class Duplicates:
    """What a split shares with the training split.

    Attributes:
        exact: share of its examples that are training examples, value by value.
        near: share that are nearly so.
        usual_exact: share of training examples that are others of the training examples, value by value.
        usual_near: share that are nearly so.
        n_compared: how many were compared.

    An example that was held out at random meets as many twins in training as a training example among the others: what
    goes beyond was not held out.
    """

    exact: float
    near: float
    usual_exact: float
    usual_near: float
    n_compared: int

    @property
    def excess_share(self) -> float:
        """Share of the split that training examples are not usually among each other; 0 within the chance of it."""
        pairs = ((self.exact, self.usual_exact), (self.near, self.usual_near))
        return max(share if share - usual > self._chance_margin(share, usual) else 0.0 for share, usual in pairs)

    def _chance_margin(self, a: float, b: float) -> float:
        return 0.02 + 5 * math.sqrt((a * (1 - a) + b * (1 - b)) / self.n_compared)


def find_duplicates(split: Split, train: Split) -> Duplicates:
    """Compare a split with the training split.

    Raises:
        Unexamined: its pixels are drawn anew at every use.
    """
    if getattr(train, "is_stochastic", False):
        raise NotApplicableError(
            "training pixels are drawn anew at every use, so no example is met twice value by value"
        )
    asked, among = (torch.cat(list(_iter_rows(s, MAX_COMPARED)))[:MAX_COMPARED] for s in (split, train))
    close = NEAR_DISTANCE_RATIO * torch.cdist(among, among.flip(0)).median().item()
    met: Counter[int] = Counter()
    nearest, others = _TwoNearest(asked), _TwoNearest(among)
    for rows in _iter_rows(train, MAX_TRAIN_EXAMPLES):
        met.update(_hash_rows(rows))
        nearest.update(rows)
        others.update(rows)
    same = [met[row] > 0 for row in _hash_rows(asked)]
    # A training example meets itself, and only the second may be a twin.
    again = [met[row] > 1 for row in _hash_rows(among)]
    near, usually_near = ((n <= close).float().mean().item() for n in (nearest.nearest, others.second_nearest))
    return Duplicates(_share_true(same), near, _share_true(again), usually_near, len(asked))


class _TwoNearest:
    """The distances of some rows to the nearest two of all that they have met."""

    def __init__(self, rows: Tensor) -> None:
        self.rows = rows
        self._two_smallest = torch.full((len(rows), 2), torch.inf)

    def update(self, rows: Tensor) -> None:
        self._two_smallest = (
            torch.cat((self._two_smallest, torch.cdist(self.rows, rows)), 1).topk(2, largest=False).values
        )

    @property
    def nearest(self) -> Tensor:
        return self._two_smallest[:, 0]

    @property
    def second_nearest(self) -> Tensor:
        return self._two_smallest[:, 1]


def _iter_rows(split: Split, n: int) -> Iterator[Tensor]:
    """At least the first n examples, as rows."""
    met = 0
    with torch.random.fork_rng(devices=[]):
        for batch in split.batches(1000):
            yield batch.x.flatten(1).cpu().nan_to_num(0.0)  # what is missing in both is alike
            met += len(batch.x)
            if met >= n:
                return


def _hash_rows(rows: Tensor) -> list[int]:
    return [hash(row.tobytes()) for row in rows.numpy()]


def _share_true(found: list[bool]) -> float:
    return sum(found) / len(found)
