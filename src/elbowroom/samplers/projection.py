"""Projection of large latents on their principal components, so that samplers of vectors serve maps too."""

from __future__ import annotations

import math
from typing import Self

import torch
from torch import Tensor, nn

from elbowroom import noise

#: The most numbers of a latent that samplers of vectors are fitted to as they are: a mixture of ten normals of 256
#: numbers takes about a minute, and its time grows with their square.
MAX_SIZE = 256
#: Principal components that a larger latent is projected on, at most.
MAX_COMPONENTS = 128
#: Latents for each component, at least.
LATENTS_PER_COMPONENT = 10
#: The least scale of a dimension, as a share of the largest: one that is not used stays so.
MIN_SCALE = 1e-4


class PrincipalProjection(nn.Module):
    r"""Probabilistic principal components: R coordinates of a latent, and a normal of one variance for the remainder.

    .. math:: z = \mu + s \circ \left( V u + \sigma (I - V V^\top) \epsilon \right), \quad
        \log p(z) = \log p(u) + \log \mathcal N(r; 0, \sigma^2 I_{D - R}) - \textstyle\sum_i \log s_i

    with the principal components V of standardized latents, and any density of :math:`u = V^\top (z - \mu) / s`, which
    a sampler is fitted to. Where that is a normal this is the model of Tipping & Bishop 1999.

    Args:
        size: of a latent, D.
        n_components: R.

    >>> _ = torch.manual_seed(0)
    >>> z = torch.randn(500, 2) @ torch.randn(2, 6)
    >>> projection = PrincipalProjection.fit(z, 2)
    >>> torch.allclose(projection.embed(projection.project(z), torch.zeros(500, 6)), z, atol=1e-4)
    True
    """

    loc: Tensor
    scale: Tensor
    basis: Tensor
    deviation: Tensor

    def __init__(self, size: int, n_components: int) -> None:
        super().__init__()
        self.register_buffer("loc", torch.zeros(size))
        self.register_buffer("scale", torch.ones(size))
        self.register_buffer("basis", torch.eye(size, n_components))
        self.register_buffer("deviation", torch.ones(()))

    @classmethod
    def fit(cls, latents: Tensor, n_components: int) -> Self:
        """Fit to latents (N, D), the same for the same latents; R must be below D."""
        projection = cls(latents.shape[1], n_components)
        scale = latents.std(0)
        projection.loc.copy_(latents.mean(0))
        projection.scale.copy_(scale.clamp_min((MIN_SCALE * scale.max()).clamp_min(1e-12)))
        standardized = (latents - projection.loc) / projection.scale
        with noise.seeded_rng(0):
            *_, basis = torch.pca_lowrank(standardized, n_components, center=False, niter=4)
        projection.basis.copy_(basis)
        remainder = standardized.square().sum() - (standardized @ basis).square().sum()
        variance = remainder / (len(latents) * (latents.shape[1] - n_components))
        projection.deviation.copy_(variance.clamp_min(MIN_SCALE**2).sqrt())
        return projection

    def project(self, z: Tensor) -> Tensor:
        """Map latents (..., D) to their coordinates (..., R)."""
        return ((z - self.loc) / self.scale) @ self.basis

    def embed(self, u: Tensor, eps: Tensor) -> Tensor:
        """Map coordinates (..., R) and standard normals (..., D), for the remainder, to latents (..., D)."""
        remainder = eps - (eps @ self.basis) @ self.basis.mT
        return self.loc + self.scale * (u @ self.basis.mT + self.deviation * remainder)

    def remainder_log_density(self, z: Tensor) -> Tensor:
        """Return what the remainder adds to the log-density of latents, nats: (..., D) to (...)."""
        standardized = (z - self.loc) / self.scale
        # The difference of the two squares would cancel.
        squares = (standardized - (standardized @ self.basis) @ self.basis.mT).square().sum(-1)
        n = self.basis.shape[0] - self.basis.shape[1]
        log_volume = n * (self.deviation.log() + 0.5 * math.log(2 * math.pi)) + self.scale.log().sum()
        return -0.5 * squares / self.deviation.square() - log_volume


def component_count(n: int, size: int) -> int | None:
    """Return how many components n latents of D numbers are projected on; ``None`` if they are taken as they are.

    >>> component_count(10_000, 1024), component_count(600, 1024), component_count(600, 64)
    (128, 60, None)
    """
    if size <= MAX_SIZE:
        return None
    return max(1, min(MAX_COMPONENTS, n // LATENTS_PER_COMPONENT))
