"""Several splits as one: all examples of a source that comes with splits."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import accumulate

import torch
from torch import Tensor

from elbowroom.data.splits.memory import Batch, ExampleSequence, Split, batch_indices, freeze


class JoinedSplit(ExampleSequence):
    """The examples of several splits of one shape, one split after the other; ``index`` counts on through all of them.

    In their own order no batch goes across two splits, so that each is read as it is read alone.

    >>> from elbowroom.data import InMemorySplit
    >>> split = JoinedSplit([InMemorySplit(torch.zeros(3, 2)), InMemorySplit(torch.ones(2, 2))])
    >>> len(split), [batch.index.tolist() for batch in split.batches(2)]
    (5, [[0, 1], [2], [3, 4]])
    >>> batch = next(split.batches(3, torch.tensor([4, 0, 3])))
    >>> batch.index.tolist(), batch.x[:, 0].tolist()
    ([4, 0, 3], [1.0, 0.0, 1.0])
    """

    def __init__(self, parts: Sequence[Split]) -> None:
        self.parts = list(parts)
        self.shape = self.parts[0].shape

    def __len__(self) -> int:
        return sum(map(len, self.parts))

    @property
    def starts(self) -> list[int]:
        """The position of the first example of each split."""
        return list(accumulate(map(len, self.parts[:-1]), initial=0))

    def batches(self, size: int, order: Tensor | None = None, skip: int = 0) -> Iterator[Batch]:
        """Yield every example once, or those at ``order``, ``size`` at a time."""
        if order is not None:
            for positions in batch_indices(len(self), size, order, "cpu")[skip:]:
                yield self._gather(positions)
            return
        for part, start in zip(self.parts, self.starts, strict=True):
            for batch in part.batches(size, None, skip):
                yield batch._replace(index=batch.index + start)
            skip = max(0, skip - part.steps(size))

    def _gather(self, positions: Tensor) -> Batch:
        """Return the examples at some positions, in their order."""
        found: list[Batch] = []
        for part, start in zip(self.parts, self.starts, strict=True):
            local = positions[(positions >= start) & (positions < start + len(part))] - start
            if len(local):
                found += (one._replace(index=one.index + start) for one in part.batches(len(local), local))
        x, y, index = join_batches(found)
        place = {position: place for place, position in enumerate(index.tolist())}
        chosen = torch.tensor([place[position] for position in positions.tolist()], device=index.device)
        return Batch(x[chosen], None if y is None else y[chosen], index[chosen])

    def steps(self, size: int) -> int:
        """Return the number of batches in one pass."""
        return sum(part.steps(size) for part in self.parts)

    def random_order(self, generator: torch.Generator) -> Tensor | None:
        """Return a random order of the positions; None where a split keeps an order of its own."""
        if any(part.random_order(torch.Generator()) is None for part in self.parts):
            return None
        return torch.randperm(len(self), generator=generator)

    def to(self, device: torch.device | str) -> JoinedSplit:
        """Return the same splits with their batches on ``device``."""
        return JoinedSplit([part.to(device) for part in self.parts])

    def freeze(self, seed: int) -> JoinedSplit:
        """Return the same examples drawn once, from ``seed``."""
        return JoinedSplit([freeze(part, seed) for part in self.parts])

    def first(self, n: int) -> Batch:
        """Return the first ``n`` examples."""
        taken: list[Batch] = []
        for part, start in zip(self.parts, self.starts, strict=True):
            if start < n:
                batch = part.first(n - start)
                taken.append(batch._replace(index=batch.index + start))
        return join_batches(taken)


def join_batches(batches: Sequence[Batch]) -> Batch:
    """Return batches as one; without labels, where one of them has none."""
    labels = [batch.y for batch in batches if batch.y is not None]
    y = torch.cat(labels) if len(labels) == len(batches) else None
    return Batch(torch.cat([batch.x for batch in batches]), y, torch.cat([batch.index for batch in batches]))


def join_splits(splits: Sequence[Split]) -> Split:
    """Return splits as one; one alone as it is."""
    return splits[0] if len(splits) == 1 else JoinedSplit(splits)
