"""What one process does of every batch: all of it, or its part where several train together."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from elbowroom import distributed
from elbowroom.data import Batch, Split


class BatchShard(NamedTuple):
    """A part of a batch.

    Attributes:
        batch: the examples; one, to be weighed with nothing, where ``mine`` is 0.
        n_local: how many of them count.
        n_global: how many the batch has over all processes.
    """

    batch: Batch
    n_local: int
    n_global: int

    def with_batch(self, batch: Batch) -> BatchShard:
        """What counts of a batch that a callback may have put in the place of this one."""
        if len(batch.x) == len(self.batch.x):
            return self._replace(batch=batch)
        return BatchShard(batch, len(batch.x), len(batch.x) * distributed.world_size())

    def micro_batches(self, n: int) -> Iterator[tuple[Batch, float, int]]:
        """The examples in ``n`` pieces: each with its share of the gradient, and how many of it count.

        Gradients are averaged over the processes, so a process with more than its share of examples weighs more.
        """
        x, y, index = self.batch
        mine = self.n_local * distributed.world_size() / self.n_global
        if n == 1:
            yield self.batch, mine, self.n_local
            return
        for rows in torch.arange(len(x), device=x.device).tensor_split(min(n, len(x))):
            piece = Batch(x[rows], None if y is None else y[rows], index[rows])
            yield piece, mine * len(rows) / len(x), min(len(rows), self.n_local)


def iter_shards(split: Split, size: int, order: Tensor | None, skip: int = 0) -> Iterator[BatchShard]:
    """This process's portion of every batch of ``size`` in turn, the first ``skip`` left out.

    A split without an order of ours (a loader) is read whole by every process, and divided batch by batch.
    """
    if order is None:
        for batch in split.batches(size, None, skip):
            yield _shard_batch(batch)
        return
    left = len(order) - skip * size
    for batch in split.batches(distributed.shard_size(size), distributed.shard_order(order, size), skip):
        whole = min(size, left)
        left -= whole
        yield BatchShard(batch, distributed.shard_size(whole), whole)


def _shard_batch(batch: Batch) -> BatchShard:
    whole = len(batch.x)
    if distributed.world_size() == 1:
        return BatchShard(batch, whole, whole)
    rows = distributed.shard_order(torch.arange(whole), whole).to(batch.x.device)
    y = None if batch.y is None else batch.y[rows]
    return BatchShard(Batch(batch.x[rows], y, batch.index[rows]), distributed.shard_size(whole), whole)
