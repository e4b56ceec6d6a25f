"""A normal with full covariance, fitted to latents by their mean and covariance."""

from __future__ import annotations

from typing import Any, Self

import torch
from torch import Tensor
from torch.distributions import MultivariateNormal

from elbowroom import noise
from elbowroom.samplers.base import SAMPLERS, Sampler

#: Added to the variances, as a share of their mean, so that unused dimensions leave the covariance invertible.
JITTER = 1e-6


class GaussianSampler(Sampler):
    r"""Normal with full covariance: :math:`z = \mu + L \epsilon`, with :math:`L L^\top` the covariance of the latents.

    The density of Ghosh et al. 2020, arXiv 1903.12436, section 4, with one component.

    >>> torch.manual_seed(0)
    <torch._C.Generator object at ...>
    >>> sampler = GaussianSampler.fit(torch.randn(10_000, 2) * torch.tensor([1.0, 3.0]))
    >>> sampler().variance.sqrt().round()
    tensor([1., 3.])
    """

    loc: Tensor
    scale_tril: Tensor

    def __init__(self, size: int) -> None:
        super().__init__(size)
        self.register_buffer("loc", torch.zeros(size))
        self.register_buffer("scale_tril", torch.eye(size))

    @classmethod
    def fit(cls, latents: Tensor) -> Self:
        n, size = latents.shape
        if n <= size:
            raise ValueError(f"{n} latents of {size} numbers: the covariance needs more than {size} examples")
        sampler, covariance = cls(size), latents.double().T.cov().reshape(size, size)
        covariance.diagonal().add_(JITTER * covariance.diagonal().mean().clamp_min(1e-12))
        sampler.loc.copy_(latents.mean(0))
        sampler.scale_tril.copy_(torch.linalg.cholesky(covariance))
        return sampler

    def forward(self, *condition: Tensor) -> MultivariateNormal:
        loc = self.loc.expand(len(condition[0]), -1) if condition else self.loc
        return _SourcedNormal(loc, scale_tril=self.scale_tril, validate_args=False)


SAMPLERS.add("gaussian", GaussianSampler)


class _SourcedNormal(MultivariateNormal):
    """A multivariate normal whose noise comes from the current source, so that draws are reproducible and exported."""

    def rsample(self, sample_shape: Any = torch.Size()) -> Tensor:
        eps = noise.standard_normal(self._extended_shape(sample_shape), self.loc)
        z: Tensor = self.loc + eps @ self._unbroadcasted_scale_tril.mT
        return z
