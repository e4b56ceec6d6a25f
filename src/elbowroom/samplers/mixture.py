"""A mixture of normals with full covariances, fitted to latents by expectation maximization."""

from __future__ import annotations

import warnings
from typing import Any, Self

import torch
from torch import Tensor

from elbowroom import noise
from elbowroom.samplers.base import SAMPLERS, NormalComponents, VectorSampler
from elbowroom.samplers.checks import require_latents
from elbowroom.samplers.standard import standard_log_density

#: Added to the variances of standardized latents, so that few examples and unused dimensions leave every covariance
#: invertible.
REGULARIZATION = 1e-4
#: The gain in log-density at which expectation maximization ends, nats: far below what its start decides.
TOLERANCE = 1e-2
#: Latents for each dimension by which the covariance of a component is shrunk to the mean of all: those tried.
SHRINKAGES = (0.0, 1.0, 4.0, 16.0, 64.0)
#: The smallest scale of a dimension, as a share of the largest: one that is not used stays so.
MIN_SCALE = 1e-4


class MixtureSampler(VectorSampler):
    r"""Mixture of K normals with full covariances: mixture:K, with K = 10 by default.

    .. math:: p(z) = \sum_k \pi_k \mathcal N(z; \mu_k, L_k L_k^\top)

    The density of Ghosh et al. 2020, arXiv 1903.12436, section 4, with ten components by default, by scikit-learn's
    GaussianMixture from the clusters of k-means. Deviation: each covariance is shrunk to the mean of all, as much as is
    best for a tenth of the latents, which is held out, since few examples in many dimensions overfit ten covariances.
    A draw is :math:`\mu_k + L_k \epsilon`, where k is the first component whose cumulative weight reaches
    :math:`\Phi(\epsilon_0)` of one further normal.

    Args:
        size: of a latent, D.
        components: the number of normals, K.

    >>> _ = torch.manual_seed(0)
    >>> latents = torch.cat((torch.randn(500, 2) - 5, torch.randn(500, 2) + 5))
    >>> MixtureSampler.fit(latents, components=2).loc.sort(0).values.round()
    tensor([[-5., -5.], [ 5.,  5.]])
    """

    option = "components"
    weights: Tensor
    loc: Tensor
    scale_tril: Tensor

    def __init__(self, size: int, components: int = 10) -> None:
        super().__init__(size, components=components)
        self.register_buffer("weights", torch.full((components,), 1 / components))
        self.register_buffer("loc", torch.zeros(components, size))
        self.register_buffer("scale_tril", torch.eye(size).repeat(components, 1, 1))

    @classmethod
    def min_latents(cls, size: int, components: int = 10, **options: Any) -> int:
        return components + size

    @classmethod
    def fit(cls, latents: Tensor, components: int = 10, **options: Any) -> Self:
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.mixture import GaussianMixture

        size = latents.shape[1]
        require_latents(
            latents, cls.min_latents(size, components), f"a mixture of {components} normals of {size} numbers"
        )
        # Latents come in random order.
        held_out, train = latents[: len(latents) // 10], latents[len(latents) // 10 :]
        loc, scale = _standardize(latents)
        fitted = GaussianMixture(components, reg_covar=REGULARIZATION, tol=TOLERANCE, random_state=0)
        with warnings.catch_warnings():
            # Steps that are still to come change the density little.
            warnings.simplefilter("ignore", ConvergenceWarning)
            fitted.fit(((train - loc) / scale).double().numpy())
        sampler = cls(size, components=components, **options)
        sampler.weights.copy_(torch.from_numpy(fitted.weights_))
        sampler.loc.copy_(loc + scale * torch.from_numpy(fitted.means_))
        cholesky = torch.linalg.cholesky(torch.from_numpy(fitted.covariances_))
        sampler.scale_tril.copy_(scale[:, None] * cholesky)
        sampler._shrink(held_out, len(train))
        return sampler

    def _shrink(self, held_out: Tensor, n: int) -> None:
        """Shrink the covariances of components to their mean, by as many latents as held-out ones are best scored."""
        counts = (n * self.weights.double())[:, None, None]
        covariances = self.scale_tril.double() @ self.scale_tril.double().mT
        pooled = (counts * covariances).sum(0) / n
        factors = []
        for strength in SHRINKAGES:
            shrunk = (counts * covariances + strength * self.size * pooled) / (counts + strength * self.size)
            factors.append(torch.linalg.cholesky(shrunk).float())
        scores = []
        for factor in factors:
            self.scale_tril.copy_(factor)
            scores.append(self.log_density(held_out).mean().item())
        self.scale_tril.copy_(factors[scores.index(max(scores))])

    @property
    def noise_size(self) -> int:
        return self.size + 1

    @property
    def numbers_per_latent(self) -> int:
        return len(self.weights) * self.size

    def transform_noise(self, eps: Tensor) -> Tensor:
        k = (noise.to_uniform(eps[..., :1]) > self.weights.cumsum(0)[:-1]).sum(-1)
        is_chosen = (k[..., None] == torch.arange(len(self.weights), device=eps.device)).to(eps.dtype)
        # All components at once are one product, where a gather of covariances would copy D² numbers for each latent.
        scaled = (eps[..., 1:] @ self.scale_tril.flatten(0, 1).mT).reshape(*eps.shape[:-1], *self.loc.shape)
        z: Tensor = (is_chosen[..., None] * (self.loc + scaled)).sum(-2)
        return z

    def log_density(self, z: Tensor) -> Tensor:
        scale = self.scale_tril.double()
        inverse = torch.linalg.solve_triangular(scale, torch.eye(self.size, device=z.device).to(scale), upper=False)
        centers = (inverse @ self.loc.double()[..., None])[..., 0]
        eps = (z.double() @ inverse.flatten(0, 1).mT).reshape(*z.shape[:-1], *self.loc.shape) - centers
        scores = standard_log_density(eps) - scale.diagonal(dim1=-2, dim2=-1).log().sum(-1)
        return (scores + self.weights.double().log()).logsumexp(-1).to(z.dtype)

    @property
    def mean(self) -> Tensor:
        return self.weights @ self.loc

    @property
    def normal_components(self) -> NormalComponents:
        return NormalComponents(self.weights, self.loc, self.scale_tril)


def _standardize(latents: Tensor) -> tuple[Tensor, Tensor]:
    """Return mean and standard deviation of each dimension of latents (N, D), the latter at least a little."""
    scale = latents.std(0)
    return latents.mean(0), scale.clamp_min((MIN_SCALE * scale.max()).clamp_min(1e-12))


SAMPLERS.add("mixture", MixtureSampler)
