"""Precision, recall, density and coverage (PRDC), and nearest-neighbour distances between sets of vectors."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import torch
from torch import Tensor

#: Distances in memory at a time: 8 million doubles are 64 MB.
CHUNK_DISTANCES = 8_000_000


def squared_distances(x: Tensor, y: Tensor) -> Tensor:
    """Return squared Euclidean distances, (N, D) and (M, D) to (N, M)."""
    product = torch.addmm(y.square().sum(1), x, y.T, alpha=-2)
    return product.add_(x.square().sum(1, keepdim=True)).clamp_min_(0)


def _iter_chunks(x: Tensor, width: int) -> Iterator[Tensor]:
    return iter(torch.split(x, max(1, CHUNK_DISTANCES // width)))


def nearest_squared_distances(x: Tensor, k: int) -> Tensor:
    """Return the squared distances of each vector to its ``k`` nearest others, ascending, (N, k).

    >>> nearest_squared_distances(torch.tensor([[0.0], [1.0], [3.0]]), 2)
    tensor([[1., 9.],
            [1., 4.],
            [4., 9.]])
    """
    # The first is the vector itself, or one as near within rounding.
    return torch.cat(
        [squared_distances(chunk, x).topk(k + 1, largest=False).values[:, 1:] for chunk in _iter_chunks(x, len(x))]
    )


def prdc(real: Tensor, fake: Tensor, k: int = 3, k_density: int = 5) -> dict[str, Tensor]:
    """Return one value per vector for each of precision, recall, density and coverage, which are the means of these.

    Each vector of a set has a ball, whose radius is the distance to its ``k``-th nearest other vector of the set. The
    union of the balls stands for the manifold of the set.

    ==========  ==========  =====================================================================================
    precision   (M,) fakes  1 if the fake is on the real manifold; recall the reverse (Kynkäänniemi et al. 2019,
    recall      (N,) reals  arXiv 1904.06991; k = 3)
    density     (M,) fakes  number of real balls that contain the fake, divided by k; not bounded by 1
    coverage    (N,) reals  1 if the ball of the real contains a fake (Naeem et al. 2020, arXiv 2002.09797; k = 5)
    ==========  ==========  =====================================================================================

    Args:
        real: (N, D).
        fake: (M, D).
        k: for precision and recall.
        k_density: for density and coverage.

    Raises:
        ValueError: too few vectors to have a k-th neighbour.

    >>> x = torch.randn(100, 2, dtype=torch.float64)
    >>> {name: round(values.mean().item(), 1) for name, values in prdc(x, x + 100).items()}
    {'precision': 0.0, 'recall': 0.0, 'density': 0.0, 'coverage': 0.0}
    """
    minimum = max(k, k_density) + 1
    if min(len(real), len(fake)) < minimum:
        raise ValueError(
            f"{len(real)} and {len(fake)} vectors were given: the {minimum - 1} nearest others need {minimum}"
        )
    real_radii = nearest_squared_distances(real, max(k, k_density))
    radius, density_radius = real_radii[:, k - 1], real_radii[:, k_density - 1]
    fake_radius = nearest_squared_distances(fake, k)[:, -1]
    precision, density = [], []
    recall, coverage = torch.zeros(2, len(real), dtype=torch.bool, device=real.device)
    for chunk, chunk_radius in zip(_iter_chunks(fake, len(real)), _iter_chunks(fake_radius, len(real)), strict=True):
        d2 = squared_distances(chunk, real)
        precision.append((d2 <= radius).any(1))
        density.append((d2 <= density_radius).sum(1) / k_density)
        recall |= (d2 <= chunk_radius[:, None]).any(0)
        coverage |= (d2 <= density_radius).any(0)
    return {
        "precision": torch.cat(precision).double(),
        "recall": recall.double(),
        "density": torch.cat(density).double(),
        "coverage": coverage.double(),
    }


def nearest_distance(x: Tensor, others: Iterable[Tensor]) -> Tensor:
    """Return the distance of each vector (N, D) to the nearest of others, which come in batches (M, D): (N,).

    >>> nearest_distance(torch.tensor([[0.0], [10.0]]), [torch.tensor([[2.0], [3.0]]), torch.tensor([[9.5]])])
    tensor([2.0000, 0.5000])
    """
    nearest = x.new_full((len(x),), torch.inf)
    for batch in others:
        distances = [squared_distances(chunk, batch).amin(1) for chunk in _iter_chunks(x, len(batch))]
        nearest = torch.minimum(nearest, torch.cat(distances))
    return nearest.sqrt()
