"""A split over a map-style torch ``Dataset``."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import Subset

from elbowroom.data.splits.batching import infer_shape, preserve_rng, stack_items
from elbowroom.data.splits.memory import Batch, batch_indices


class DatasetSplit:
    """A split over a map-style ``dataset`` whose items are x, (x, y) or a dict; x a tensor, array or PIL image.

    Every batch asks for its items anew, so a random augmentation in the data set stays random. ``source_rows`` are the
    items of the source that these are, where they are a part of it.

    Raises:
        ValueError: an item that holds no x, items of different shapes, NaN or infinite values in the first item.

    >>> DatasetSplit([(torch.zeros(28, 28), 3), (torch.ones(28, 28), 5)]).first(2).y
    tensor([3, 5])
    """

    def __init__(
        self,
        dataset: Any,
        device: torch.device | str | None = None,
        shape: tuple[int, ...] | None = None,
        source_rows: Tensor | None = None,
    ) -> None:
        self.dataset = dataset
        self.device = device
        self.source_rows = source_rows
        if len(self) == 0:
            raise ValueError(f"{type(dataset).__name__} is empty: expected at least one example")
        with preserve_rng():
            self.shape = shape or infer_shape(self.gather(torch.tensor([0])))

    def __len__(self) -> int:
        return len(self.dataset)

    def gather(self, index: Tensor) -> Batch:
        """Return the examples at the positions ``index`` (B,)."""
        return stack_items([self.dataset[position] for position in index.tolist()], index, self.device)

    def batches(self, size: int, order: Tensor | None = None, skip: int = 0) -> Iterator[Batch]:
        """Yield every example once, or those at ``order``, ``size`` at a time."""
        for index in batch_indices(len(self), size, order, "cpu")[skip:]:
            yield self.gather(index)

    def steps(self, size: int) -> int:
        """Return the number of batches in one pass."""
        return math.ceil(len(self) / size)

    def random_order(self, generator: torch.Generator) -> Tensor:
        """Return a random order of the positions."""
        return torch.randperm(len(self), generator=generator)

    def to(self, device: torch.device | str) -> DatasetSplit:
        """Return the same items with their batches on ``device``."""
        return DatasetSplit(self.dataset, device, self.shape, self.source_rows)

    def first(self, n: int) -> Batch:
        """Return the first ``n`` examples."""
        return self.gather(torch.arange(min(n, len(self))))

    def subset(self, index: Tensor, training: bool = True) -> DatasetSplit:
        """Return the items at the positions ``index`` as a split of their own."""
        source_rows = index if self.source_rows is None else self.source_rows[index]
        return DatasetSplit(Subset(self.dataset, index.tolist()), self.device, self.shape, source_rows)
