"""What lies near what: how much of one set another one covers, and which examples were copied."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import torch
from torch import Tensor

#: Distances held at a time: 8 million doubles are 64 MB.
CHUNK_DISTANCES = 8_000_000


def squared_distances(x: Tensor, y: Tensor) -> Tensor:
    """Squared Euclidean distances, (N, D) and (M, D) to (N, M)."""
    product = torch.addmm(y.square().sum(1), x, y.T, alpha=-2)
    return product.add_(x.square().sum(1, keepdim=True)).clamp_min_(0)


def _iter_chunks(x: Tensor, width: int) -> Iterator[Tensor]:
    return iter(x.split(max(1, CHUNK_DISTANCES // width)))


def nearest_squared_distances(x: Tensor, k: int) -> Tensor:
    """The squared distances of each vector to its ``k`` nearest others, ascending, (N, k).

    >>> nearest_squared_distances(torch.tensor([[0.0], [1.0], [3.0]]), 2)
    tensor([[1., 9.],
            [1., 4.],
            [4., 9.]])
    """
    # Each is its own nearest, or as near as rounding allows.
    return torch.cat(
        [squared_distances(part, x).topk(k + 1, largest=False).values[:, 1:] for part in _iter_chunks(x, len(x))]
    )


def prdc(real: Tensor, fake: Tensor, k: int = 3, k_density: int = 5) -> dict[str, Tensor]:
    """Precision, recall, density and coverage, as one value per vector whose means they are.

    A vector lies on the manifold of a set when it is within the ball of some of the set's vectors, whose radius is the
    distance to the ``k``-th nearest other of the set.

    ==========  ==========  =====================================================================================
    precision   (M,) fakes  whether it lies on the real manifold; recall the reverse (Kynkäänniemi et al. 2019,
    recall      (N,) reals  arXiv 1904.06991; k = 3)
    density     (M,) fakes  in how many real balls it lies, over k; not bounded by 1
    coverage    (N,) reals  whether its ball holds a fake (Naeem et al. 2020, arXiv 2002.09797; k = 5)
    ==========  ==========  =====================================================================================

    Args:
        real: (N, D).
        fake: (M, D).
        k: of precision and recall.
        k_density: of density and coverage.

    Raises:
        ValueError: a set has no k-th neighbour.

    >>> x = torch.randn(100, 2, dtype=torch.float64)
    >>> {name: round(values.mean().item(), 1) for name, values in prdc(x, x + 100).items()}
    {'precision': 0.0, 'recall': 0.0, 'density': 0.0, 'coverage': 0.0}
    """
    need = max(k, k_density) + 1
    if min(len(real), len(fake)) < need:
        raise ValueError(f"{len(real)} and {len(fake)} vectors were given: the {need - 1} nearest others need {need}")
    balls = nearest_squared_distances(real, max(k, k_density))
    ball, wide, fake_ball = balls[:, k - 1], balls[:, k_density - 1], nearest_squared_distances(fake, k)[:, -1]
    precision, density = [], []
    recall, coverage = torch.zeros(2, len(real), dtype=torch.bool, device=real.device)
    for part, its_ball in zip(_iter_chunks(fake, len(real)), _iter_chunks(fake_ball, len(real)), strict=True):
        d2 = squared_distances(part, real)
        precision.append((d2 <= ball).any(1))
        density.append((d2 <= wide).sum(1) / k_density)
        recall |= (d2 <= its_ball[:, None]).any(0)
        coverage |= (d2 <= wide).any(0)
    return {
        "precision": torch.cat(precision).double(),
        "recall": recall.double(),
        "density": torch.cat(density).double(),
        "coverage": coverage.double(),
    }


def nearest_distance(x: Tensor, others: Iterable[Tensor]) -> Tensor:
    """The distance of each vector to the nearest of others that come in batches: (N, D) and some (M, D) to (N,).

    >>> nearest_distance(torch.tensor([[0.0], [10.0]]), [torch.tensor([[2.0], [3.0]]), torch.tensor([[9.5]])])
    tensor([2.0000, 0.5000])
    """
    best = x.new_full((len(x),), torch.inf)
    for batch in others:
        found = [squared_distances(part, batch).amin(1) for part in _iter_chunks(x, len(batch))]
        best = torch.minimum(best, torch.cat(found))
    return best.sqrt()
