"""A split over a map-style torch ``Dataset``."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Subset

from elbowroom.data.splits.batching import make_batch, preserve_rng, require_finite, stack_items
from elbowroom.data.splits.encodable import Encodable
from elbowroom.data.splits.memory import Batch, ExampleSequence, batch_indices
from elbowroom.data.value_coding import ValueSummary, infer_coding, merge_summaries, summarize

PROBE_ITEMS = 256
"""Items that are looked at, spread evenly over the data set."""
PROBE_BYTES = 2**26
"""Largest size of these items together, above which fewer are looked at."""


class DatasetSplit(Encodable, ExampleSequence):
    """A split over a map-style ``dataset`` whose items are x, (x, y) or a dict; x a tensor, array or PIL image.

    Every batch asks for its items anew, so a random augmentation in the data set stays random. ``source_rows`` are the
    items of the source that these are, where they are a part of it. What the values are is inferred from a few hundred
    items, as of an array (``summary``, ``coding``); an item that is not like those is refused when it is asked for.

    Raises:
        ValueError: an item that holds no x, items of different shapes, NaN or infinite values in an item, a value
            outside the range of those looked at first.

    >>> DatasetSplit([(torch.zeros(28, 28), 3), (torch.ones(28, 28), 5)]).first(2).y
    tensor([3, 5])
    """

    def __init__(self, dataset: Any, device: torch.device | str | None = None) -> None:
        self.dataset = dataset
        self.device = device
        self.source_rows: Tensor | None = None
        if len(self) == 0:
            raise ValueError(f"{type(dataset).__name__} is empty: expected at least one example")
        with preserve_rng():
            self.summary = self._summarize_items()
        require_finite(self.summary)
        self._set_coding(infer_coding([self.summary]))

    def __len__(self) -> int:
        return len(self.dataset)

    def gather(self, index: Tensor) -> Batch:
        """Return the examples at the positions ``index`` (B,)."""
        positions = index.tolist()
        values, y = stack_items([self.dataset[position] for position in positions], positions)
        x, invalid = self.coding.encode(values)
        if len(invalid):
            first = int(invalid[0])
            position = positions[first] if self.source_rows is None else int(self.source_rows[positions[first]])
            raise ValueError(f"item {position} of the data set {self.coding.describe_invalid(values[first])}")
        return make_batch(x, y, index, self.device)

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
        other = copy.copy(self)
        other.device = device
        return other

    def first(self, n: int) -> Batch:
        """Return the first ``n`` examples."""
        return self.gather(torch.arange(min(n, len(self))))

    def subset(self, index: Tensor, training: bool = True) -> DatasetSplit:
        """Return the items at the positions ``index`` as a split of their own."""
        other = copy.copy(self)
        other.source_rows = index if self.source_rows is None else self.source_rows[index]
        other.dataset = Subset(self.dataset, index.tolist())
        return other

    def summarize_all(self) -> ValueSummary:
        """Return the summary of all items: a pass through the data set."""
        parts = torch.split(torch.arange(len(self)), PROBE_ITEMS)
        with preserve_rng():
            return merge_summaries(summarize(self._stack(part.tolist()), is_complete=False) for part in parts)

    def _summarize_items(self) -> ValueSummary:
        count = min(len(self), PROBE_ITEMS, max(1, PROBE_BYTES // self._stack([0]).nbytes))
        positions = np.unique(np.linspace(0, len(self) - 1, count).astype(int)).tolist()
        return summarize(self._stack(positions), is_complete=False)

    def _stack(self, positions: list[int]) -> np.ndarray:
        return stack_items([self.dataset[position] for position in positions], positions)[0]
