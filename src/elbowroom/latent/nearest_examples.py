"""Nearest-neighbour search of examples in data space."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from elbowroom.data import Split


class NearestExamples(NamedTuple):
    """The k nearest examples to each of n queries, by rising distance.

    Attributes:
        x: the examples, (n, k, *shape).
        distance: Euclidean, over all values of an example, (n, k).
        index: indices in the split, (n, k).
        n_searched: number of examples searched.
    """

    x: Tensor
    distance: Tensor
    index: Tensor  # type: ignore[assignment]  # hides tuple.index, which is not needed
    n_searched: int


@torch.no_grad()
def find_nearest_examples(
    x: Tensor, split: Split, k: int = 5, scale: Tensor | None = None, max_examples: int = 60_000
) -> NearestExamples:
    r"""Return the k examples of a split nearest to each of x, by :math:`\sqrt{\sum_i ((x_i - x'_i)/s_i)^2}`.

    Values that are missing (NaN) in one of the two are left out of the sum.

    Args:
        x: the queries, (n, *shape).
        split: the examples to search.
        k: number of examples per query; fewer if the split is smaller.
        scale: s, broadcast to an example; 1 if not given.
        max_examples: number of examples to search, rounded up to whole batches of 1,024.

    >>> from elbowroom.data import InMemorySplit
    >>> nearest = find_nearest_examples(torch.tensor([[0.9]]), InMemorySplit(torch.tensor([[0.0], [1.0], [5.0]])), k=2)
    >>> nearest.index, nearest.distance
    (tensor([[1, 0]]), tensor([[0.1000, 0.9000]]))
    """
    x, searched = x.cpu(), 0
    s = torch.ones(()) if scale is None else scale.cpu()
    best_x, distance = x[:, None][:, :0], torch.empty(len(x), 0)
    index = torch.empty(len(x), 0, dtype=torch.long)
    for batch in split.batches(1024):
        d = _present_distance((x / s).flatten(1), (batch.x.cpu() / s).flatten(1))
        positions = d.topk(min(k, d.shape[1]), largest=False).indices
        # Distances again, from differences: by cdist's products that of an exact copy would not be 0.
        candidates = batch.x.cpu()[positions]
        d = ((candidates - x[:, None]) / s).nan_to_num(0.0).flatten(2).norm(dim=-1)
        all_x, all_distance = torch.cat((best_x, candidates), 1), torch.cat((distance, d), 1)
        all_index = torch.cat((index, batch.index.cpu()[positions]), 1)
        order = all_distance.argsort(dim=1, stable=True)[:, :k]
        rows = torch.arange(len(x))[:, None]
        best_x, distance, index = all_x[rows, order], all_distance[rows, order], all_index[rows, order]
        searched += len(batch.x)
        if searched >= max_examples:
            break
    return NearestExamples(best_x, distance, index, searched)


def _present_distance(a: Tensor, b: Tensor) -> Tensor:
    """Return distances of all pairs (n, m) of rows (n, D) and (m, D), over the values that both have."""
    if not (a.isnan().any() or b.isnan().any()):
        return torch.cdist(a, b)
    has_a, has_b = (~a.isnan()).to(a.dtype), (~b.isnan()).to(b.dtype)
    a, b = a.nan_to_num(0.0), b.nan_to_num(0.0)
    return (a.square() @ has_b.T - 2 * a @ b.T + has_a @ b.square().T).clamp_min(0).sqrt()
