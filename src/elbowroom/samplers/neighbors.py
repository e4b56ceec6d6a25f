"""Interpolation between neighboring latents, a baseline without a density."""

from __future__ import annotations

import math
from typing import Any, Self

import torch
from torch import Tensor

from elbowroom import noise
from elbowroom.samplers.base import SAMPLERS, VectorSampler
from elbowroom.samplers.checks import require_latents


class NeighborsSampler(VectorSampler):
    r"""Interpolation between a latent and one of its k nearest: neighbors:k, with k = 5; a baseline without a density.

    .. math:: z = z_i + u (z_j - z_i), \quad j \in \{k \text{ nearest to } i\}

    SMOTE (Chawla et al. 2002, arXiv 1106.1813) on all latents; a baseline that stays close to them, without a density.
    i, j and u are uniform, each by one normal.

    Args:
        size: of a latent, D.
        k: the number of neighbors.
        n: the number of latents.

    >>> sampler = NeighborsSampler.fit(torch.tensor([[0.0], [1.0], [5.0]]), k=1)
    >>> sampler.transform_noise(torch.tensor([0.0, 0.0, 0.0]))
    tensor([0.5000])
    """

    option = "k"
    has_density = False
    max_size = math.inf
    latents: Tensor
    index: Tensor

    def __init__(self, size: int, k: int = 5, n: int = 1) -> None:
        super().__init__(size, k=k, n=n)
        self.register_buffer("latents", torch.zeros(n, size))
        self.register_buffer("index", torch.zeros(n, k, dtype=torch.int64))

    @classmethod
    def min_latents(cls, size: int, k: int = 5, **options: Any) -> int:
        return k + 1

    @classmethod
    def fit(cls, latents: Tensor, k: int = 5, **options: Any) -> Self:
        from sklearn.neighbors import NearestNeighbors

        require_latents(latents, cls.min_latents(latents.shape[1], k), f"an interpolation to {k} neighbors")
        sampler = cls(latents.shape[1], k, len(latents), **options)
        sampler.latents.copy_(latents)
        # Without a query it leaves every latent out of its own neighbors.
        nearest = NearestNeighbors(n_neighbors=k).fit(latents.numpy()).kneighbors(return_distance=False)
        sampler.index.copy_(torch.from_numpy(nearest))
        return sampler

    @property
    def noise_size(self) -> int:
        return 3

    def transform_noise(self, eps: Tensor) -> Tensor:
        n, k = self.index.shape
        u = noise.to_uniform(eps)
        i = (n * u[..., 0]).long().clamp_max(n - 1)
        j = self.index[i, (k * u[..., 1]).long().clamp_max(k - 1)]
        return torch.lerp(self.latents[i], self.latents[j], u[..., 2:])

    @property
    def mean(self) -> Tensor:
        return self.latents.mean(0)


SAMPLERS.add("neighbors", NeighborsSampler)
