"""A normal with full covariance, fitted to latents by their mean and covariance."""

from __future__ import annotations

from typing import Any, Self

import torch
from torch import Tensor

from elbowroom.samplers.base import SAMPLERS, NormalComponents, VectorSampler
from elbowroom.samplers.checks import require_latents
from elbowroom.samplers.standard import standard_log_density

#: Added to the variances, as a share of their mean, so that unused dimensions leave the covariance invertible.
JITTER = 1e-6


class GaussianSampler(VectorSampler):
    r"""Normal with full covariance: the mean and the covariance of the latents.

    .. math:: z = \mu + L \epsilon, \quad L L^\top = \operatorname{Cov}(z)

    The density of Ghosh et al. 2020, arXiv 1903.12436, section 4, with one component.

    >>> _ = torch.manual_seed(0)
    >>> sampler = GaussianSampler.fit(torch.randn(10_000, 2) * torch.tensor([1.0, 3.0]))
    >>> sampler.scale_tril.round()
    tensor([[1., 0.], [0., 3.]])
    """

    loc: Tensor
    scale_tril: Tensor

    def __init__(self, size: int) -> None:
        super().__init__(size)
        self.register_buffer("loc", torch.zeros(size))
        self.register_buffer("scale_tril", torch.eye(size))

    @classmethod
    def min_latents(cls, size: int, **options: Any) -> int:
        return size + 1

    @classmethod
    def fit(cls, latents: Tensor, **options: Any) -> Self:
        size = latents.shape[1]
        require_latents(latents, cls.min_latents(size), f"the covariance of {size} numbers")
        sampler, covariance = cls(size, **options), latents.double().T.cov().reshape(size, size)
        covariance.diagonal().add_(JITTER * covariance.diagonal().mean().clamp_min(1e-12))
        sampler.loc.copy_(latents.mean(0))
        sampler.scale_tril.copy_(torch.linalg.cholesky(covariance))
        return sampler

    def transform_noise(self, eps: Tensor) -> Tensor:
        return self.loc + eps @ self.scale_tril.mT

    def invert(self, z: Tensor) -> Tensor:
        """Map latents (..., D) to the normals that they are made of, the inverse of :meth:`transform_noise`."""
        scale, centered = self.scale_tril.double(), (z - self.loc).double()
        eps: Tensor = torch.linalg.solve_triangular(scale.mT, centered.reshape(-1, self.size), upper=True, left=False)
        return eps.reshape(z.shape).to(z.dtype)

    @property
    def log_volume(self) -> Tensor:
        """The log-determinant of L, nats."""
        return self.scale_tril.diagonal().log().sum()

    def log_density(self, z: Tensor) -> Tensor:
        return standard_log_density(self.invert(z)) - self.log_volume

    @property
    def mean(self) -> Tensor:
        return self.loc

    @property
    def normal_components(self) -> NormalComponents:
        return NormalComponents(torch.ones_like(self.loc[:1]), self.loc[None], self.scale_tril[None])


SAMPLERS.add("gaussian", GaussianSampler)
