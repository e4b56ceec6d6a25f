"""A split whose examples come in pairs: each with a partner that shares something, drawn anew at every use."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from elbowroom.data.splits.memory import Batch, ExampleSequence, Split

DrawPartners = Callable[[Batch], Tensor]
"""From a batch to the partners of its examples, (B, *shape); draws from torch's global generator."""


class PairedSplit(ExampleSequence):
    """The examples of a split with a partner each: batches of x (B, 2, *shape), with label and index of the first.

    It is for training alone: :attr:`shape` is that of one example.

    >>> from elbowroom.data import InMemorySplit
    >>> split = PairedSplit(InMemorySplit(torch.zeros(3, 5)), lambda batch: batch.x + 1)
    >>> next(split.batches(2)).x.shape
    torch.Size([2, 2, 5])
    """

    def __init__(self, split: Split, draw_partners: DrawPartners) -> None:
        self.split, self.draw_partners, self.shape = split, draw_partners, split.shape

    def __len__(self) -> int:
        return len(self.split)

    def _with_partners(self, batch: Batch) -> Batch:
        partners = self.draw_partners(batch).to(batch.x.device)
        return batch._replace(x=torch.stack([batch.x, partners], 1))

    def batches(self, size: int, order: Tensor | None = None, skip: int = 0) -> Iterator[Batch]:
        """Yield every example once, or those at ``order``, ``size`` pairs at a time."""
        return map(self._with_partners, self.split.batches(size, order, skip))

    def steps(self, size: int) -> int:
        """Return the number of batches in one pass."""
        return self.split.steps(size)

    def random_order(self, generator: torch.Generator) -> Tensor | None:
        """Return a random order of the positions."""
        return self.split.random_order(generator)

    def to(self, device: torch.device | str) -> PairedSplit:
        """Return the same split with its batches on ``device``."""
        return PairedSplit(self.split.to(device), self.draw_partners)

    def first(self, n: int) -> Batch:
        """Return the first ``n`` examples, with their partners."""
        return self._with_partners(self.split.first(n))
