"""Duplicates: examples of one split that are in the training split, exactly or nearly."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from elbowroom.data import Split
from elbowroom.doctor.registry import NotApplicableError

#: Held-out examples that are compared, at most.
MAX_COMPARED = 500
#: Training examples that they are compared with, at most.
MAX_TRAIN_EXAMPLES = 100_000
#: Distance to a training example below which an example is nearly a duplicate, as a share of the median distance
#: between training examples.
NEAR_DISTANCE_RATIO = 0.02


@dataclass(frozen=True)
class Duplicates:
    """The shares of a split that are duplicates of training examples.

    Examples held out at random have as many duplicates in the training split as training examples have among each
    other: an excess was not held out.

    Attributes:
        exact: share of the split's examples with an exact duplicate in the training split.
        near: share with a near duplicate.
        usual_exact: share of training examples with an exact duplicate among the other training examples.
        usual_near: share with a near duplicate.
        n_compared: number of examples compared.
    """

    exact: float
    near: float
    usual_exact: float
    usual_near: float
    n_compared: int

    @property
    def excess_share(self) -> float:
        """The larger share of duplicates, exact or near, if it exceeds the usual one by more than chance; else 0."""
        pairs = ((self.exact, self.usual_exact), (self.near, self.usual_near))
        return max(share if share - usual > self._chance_margin(share, usual) else 0.0 for share, usual in pairs)

    def _chance_margin(self, a: float, b: float) -> float:
        return 0.02 + 5 * math.sqrt((a * (1 - a) + b * (1 - b)) / self.n_compared)


def find_duplicates(split: Split, train: Split) -> Duplicates:
    """Find the duplicates of training examples in a split.

    Raises:
        NotApplicableError: the training pixels are sampled anew at every use.
    """
    if getattr(train, "is_stochastic", False):
        raise NotApplicableError("training pixels are sampled anew at every use, so examples cannot be compared")
    held_out, reference = (torch.cat(list(_iter_rows(s, MAX_COMPARED)))[:MAX_COMPARED] for s in (split, train))
    max_distance = NEAR_DISTANCE_RATIO * torch.cdist(reference, reference.flip(0)).median().item()
    counts: Counter[int] = Counter()
    nearest, nearest_reference = _TwoNearest(held_out), _TwoNearest(reference)
    for rows in _iter_rows(train, MAX_TRAIN_EXAMPLES):
        counts.update(_hash_rows(rows))
        nearest.update(rows)
        nearest_reference.update(rows)
    # A training example finds itself, so that only the second occurrence, or the second nearest, is a duplicate.
    exact = [counts[row] > 0 for row in _hash_rows(held_out)]
    usual_exact = [counts[row] > 1 for row in _hash_rows(reference)]
    distances = nearest.nearest, nearest_reference.second_nearest
    near, usual_near = ((distance <= max_distance).float().mean().item() for distance in distances)
    return Duplicates(_share_true(exact), near, _share_true(usual_exact), usual_near, len(held_out))


class _TwoNearest:
    """The distances of some rows to the nearest two of all rows passed to ``update``."""

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
    """Yield at least the first n examples, as rows, (B, D)."""
    n_seen = 0
    with torch.random.fork_rng(devices=[]):
        for batch in split.batches(1000):
            yield batch.x.flatten(1).cpu().nan_to_num(0.0)  # missing values are equal to each other
            n_seen += len(batch.x)
            if n_seen >= n:
                return


def _hash_rows(rows: Tensor) -> list[int]:
    return [hash(row.tobytes()) for row in rows.numpy()]


def _share_true(values: list[bool]) -> float:
    return sum(values) / len(values)
