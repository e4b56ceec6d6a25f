"""The part of every batch that one process computes; all of it where only one process trains."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from elbowroom import distributed
from elbowroom.data import Batch, Split


class BatchShard(NamedTuple):
    """One process's part of a batch.

    Attributes:
        batch: its examples; where ``n_local`` is 0, one example of weight zero.
        n_local: the number of examples that count.
        n_global: the size of the batch over all processes.
    """

    batch: Batch
    n_local: int
    n_global: int

    def with_batch(self, batch: Batch) -> BatchShard:
        """Return the shard with another batch, as a callback may have put in place; its size may differ."""
        if len(batch.x) == len(self.batch.x):
            return self._replace(batch=batch)
        return BatchShard(batch, len(batch.x), len(batch.x) * distributed.world_size())

    def micro_batches(self, n: int) -> Iterator[tuple[Batch, float, int]]:
        """Yield the shard in ``n`` micro-batches: (batch, weight of its gradient, number of examples that count).

        Gradients are averaged over the processes, so a process with more than its share of examples weighs more.
        """
        x, y, index = self.batch
        weight = self.n_local * distributed.world_size() / self.n_global
        if n == 1:
            yield self.batch, weight, self.n_local
            return
        for rows in torch.arange(len(x), device=x.device).tensor_split(min(n, len(x))):
            micro_batch = Batch(x[rows], None if y is None else y[rows], index[rows])
            yield micro_batch, weight * len(rows) / len(x), min(len(rows), self.n_local)


def iter_shards(split: Split, size: int, order: Tensor | None, skip: int = 0) -> Iterator[BatchShard]:
    """Yield this process's shard of every batch of ``size`` in turn, after the first ``skip`` batches.

    A split without an ``order`` (a loader) is read whole by every process, and divided batch by batch.
    """
    if order is None:
        for batch in split.batches(size, None, skip):
            yield _shard_batch(batch)
        return
    n_left = len(order) - skip * size
    for batch in split.batches(distributed.shard_size(size), distributed.shard_order(order, size), skip):
        n_global = min(size, n_left)
        n_left -= n_global
        yield BatchShard(batch, distributed.shard_size(n_global), n_global)


def _shard_batch(batch: Batch) -> BatchShard:
    n = len(batch.x)
    if distributed.world_size() == 1:
        return BatchShard(batch, n, n)
    rows = distributed.shard_order(torch.arange(n), n).to(batch.x.device)
    y = None if batch.y is None else batch.y[rows]
    return BatchShard(Batch(batch.x[rows], y, batch.index[rows]), distributed.shard_size(n), n)
