"""Some examples of a split, where all would be too many."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from elbowroom.data import Batch, Split, freeze


def random_batches(split: Split, n: int, seed: int, skip: int = 0, batch_size: int = 500) -> Iterator[Batch]:
    """``n`` examples at random (all where there are fewer), the same for the same seed, in batches of ``batch_size``.

    ``skip`` skips as many of the same order, so that two picks share none. Of a stream, whose order is its own, they
    are the first to come, in its own batches.

    >>> from elbowroom.data import Arrays
    >>> split = Arrays(torch.arange(10.0)[:, None])
    >>> [len(batch.x) for batch in random_batches(split, 7, seed=0, size=4)]
    [4, 3]
    """
    order = freeze(split, seed).random_order(torch.Generator().manual_seed(seed))
    if order is not None:
        yield from split.batches(batch_size, order[skip : skip + n])
        return
    seen = 0
    for batch in split.batches(batch_size):
        low, high = max(skip - seen, 0), min(skip + n - seen, len(batch.x))
        if low < high:
            x, y, index = batch
            yield Batch(x[low:high], None if y is None else y[low:high], index[low:high])
        seen += len(batch.x)
        if seen >= skip + n:
            return
