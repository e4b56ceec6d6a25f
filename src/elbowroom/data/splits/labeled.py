"""A split whose examples are all given one label, as a condition of a model."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from elbowroom.data.splits.memory import Batch, ExampleSequence, Split, freeze


class LabeledSplit(ExampleSequence):
    """The examples of a split with one label for all, () or (A,), in place of labels of their own.

    >>> from elbowroom.data import InMemorySplit
    >>> LabeledSplit(InMemorySplit(torch.zeros(3, 2)), torch.tensor(7)).first(2).y
    tensor([7, 7])
    """

    def __init__(self, split: Split, label: Tensor) -> None:
        self.split, self.label, self.shape = split, label, split.shape

    def __len__(self) -> int:
        return len(self.split)

    def _with_label(self, batch: Batch) -> Batch:
        label = self.label.to(batch.x.device)
        return batch._replace(y=label.expand(len(batch.x), *label.shape))

    def batches(self, size: int, order: Tensor | None = None, skip: int = 0) -> Iterator[Batch]:
        """Yield every example once, or those at ``order``, ``size`` at a time."""
        return map(self._with_label, self.split.batches(size, order, skip))

    def steps(self, size: int) -> int:
        """Return the number of batches in one pass."""
        return self.split.steps(size)

    def random_order(self, generator: torch.Generator) -> Tensor | None:
        """Return a random order of the positions; None where the split keeps an order of its own."""
        return self.split.random_order(generator)

    def to(self, device: torch.device | str) -> LabeledSplit:
        """Return the same split with its batches on ``device``."""
        return LabeledSplit(self.split.to(device), self.label)

    def freeze(self, seed: int) -> LabeledSplit:
        """Return the same examples drawn once, from ``seed``."""
        return LabeledSplit(freeze(self.split, seed), self.label)

    def first(self, n: int) -> Batch:
        """Return the first ``n`` examples."""
        return self._with_label(self.split.first(n))
