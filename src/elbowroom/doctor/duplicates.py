"""Examples that two splits share."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from elbowroom.data import Split
from elbowroom.doctor.registry import Unexamined

#: Held-out examples that are compared, and training examples that they are compared with, at most.
LOOKED_AT, WITH = 500, 100_000
#: Distance to a training example, as a share of that between any two of them, below which examples are nearly the same.
NEAR = 0.02


@dataclass(frozen=True)
class Twins:
    """What a split shares with the training split.

    Attributes:
        same: share of its examples that are training examples, value by value.
        near: share that are nearly so.
        usually_same: share of training examples that are others of the training examples, value by value.
        usually_near: share that are nearly so.
        looked_at: how many were compared.

    An example that was held out at random meets as many twins in training as a training example among the others: what
    goes beyond was not held out.
    """

    same: float
    near: float
    usually_same: float
    usually_near: float
    looked_at: int

    @property
    def shared(self) -> float:
        """Share of the split that training examples are not usually among each other; 0 within the chance of it."""
        pairs = ((self.same, self.usually_same), (self.near, self.usually_near))
        return max(share if share - usual > self._chance(share, usual) else 0.0 for share, usual in pairs)

    def _chance(self, a: float, b: float) -> float:
        return 0.02 + 5 * math.sqrt((a * (1 - a) + b * (1 - b)) / self.looked_at)


def compared(split: Split, train: Split) -> Twins:
    """Compare a split with the training split.

    Raises:
        Unexamined: its pixels are drawn anew at every use.
    """
    if getattr(train, "redraw", False):
        raise Unexamined("training pixels are drawn anew at every use, so no example is met twice value by value")
    asked, among = (torch.cat(list(_batches(s, LOOKED_AT)))[:LOOKED_AT] for s in (split, train))
    close = NEAR * torch.cdist(among, among.flip(0)).median().item()
    met: Counter[int] = Counter()
    nearest, others = _Nearest(asked), _Nearest(among)
    for rows in _batches(train, WITH):
        met.update(_hashes(rows))
        nearest.meet(rows)
        others.meet(rows)
    same = [met[row] > 0 for row in _hashes(asked)]
    # A training example meets itself, and only the second may be a twin.
    again = [met[row] > 1 for row in _hashes(among)]
    near, usually_near = ((n <= close).float().mean().item() for n in (nearest.first, others.second))
    return Twins(_share(same), near, _share(again), usually_near, len(asked))


class _Nearest:
    """The distances of some rows to the nearest two of all that they have met."""

    def __init__(self, rows: Tensor) -> None:
        self.rows = rows
        self._two = torch.full((len(rows), 2), torch.inf)

    def meet(self, rows: Tensor) -> None:
        self._two = torch.cat((self._two, torch.cdist(self.rows, rows)), 1).topk(2, largest=False).values

    @property
    def first(self) -> Tensor:
        return self._two[:, 0]

    @property
    def second(self) -> Tensor:
        return self._two[:, 1]


def _batches(split: Split, n: int) -> Iterator[Tensor]:
    """At least the first n examples, as rows."""
    met = 0
    with torch.random.fork_rng(devices=[]):
        for batch in split.batches(1000):
            yield batch.x.flatten(1).cpu().nan_to_num(0.0)  # what is missing in both is alike
            met += len(batch.x)
            if met >= n:
                return


def _hashes(rows: Tensor) -> list[int]:
    return [hash(row.tobytes()) for row in rows.numpy()]


def _share(found: list[bool]) -> float:
    return sum(found) / len(found)
