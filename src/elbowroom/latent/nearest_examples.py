"""What a sample is closest to in what was trained on."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from elbowroom.data import Split


class NearestExamples(NamedTuple):
    """The examples closest to each of n, by rising distance.

    Attributes:
        x: (n, k, *shape).
        distance: Euclidean, over all values of an example, (n, k).
        index: positions in the split, (n, k).
        n_searched: how many examples were looked at.
    """

    x: Tensor
    distance: Tensor
    index: Tensor  # type: ignore[assignment]  # tuple.index is of no use here
    n_searched: int


@torch.no_grad()
def find_nearest_examples(
    x: Tensor, split: Split, k: int = 5, scale: Tensor | None = None, max_examples: int = 60_000
) -> NearestExamples:
    r"""The k examples of a split closest to each of x (n, *shape), by :math:`\sqrt{\sum_i ((x_i - x'_i)/s_i)^2}`.

    Args:
        x: what to find the like of.
        split: where to look.
        k: how many for each; fewer where the split is smaller.
        scale: s, broadcast to an example; 1 if not given.
        max_examples: examples to look at, from the first.

    >>> from elbowroom.data import Arrays
    >>> found = find_nearest_examples(torch.tensor([[0.9]]), Arrays(torch.tensor([[0.0], [1.0], [5.0]])), k=2)
    >>> found.index, found.distance
    (tensor([[1, 0]]), tensor([[0.1000, 0.9000]]))
    """
    x, searched = x.cpu(), 0
    unit = torch.ones(()) if scale is None else scale.cpu()
    best_x, distance = x[:, None][:, :0], torch.empty(len(x), 0)
    index = torch.empty(len(x), 0, dtype=torch.long)
    for batch in split.batches(1024):
        near = torch.cdist((x / unit).flatten(1), (batch.x.cpu() / unit).flatten(1))
        near, which = near.topk(min(k, near.shape[1]), largest=False)
        # By the differences themselves: a distance by products loses its last digits, where a copy would show.
        found = batch.x.cpu()[which]
        near = ((found - x[:, None]) / unit).flatten(2).norm(dim=-1)
        all_x, all_distance = torch.cat((best_x, found), 1), torch.cat((distance, near), 1)
        all_index = torch.cat((index, batch.index.cpu()[which]), 1)
        order = all_distance.argsort(dim=1, stable=True)[:, :k]
        rows = torch.arange(len(x))[:, None]
        best_x, distance, index = all_x[rows, order], all_distance[rows, order], all_index[rows, order]
        searched += len(batch.x)
        if searched >= max_examples:
            break
    return NearestExamples(best_x, distance, index, searched)
