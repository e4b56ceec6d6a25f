"""A Riemannian metric of latents: the inverse is a sum of learned matrices, each about a centroid."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class LatentMetric(NamedTuple):
    r"""The inverse of a Riemannian metric of latents, large near centroids and small far from all.

    .. math:: G^{-1}(z) = \sum_i M_i \exp\left( -\frac{\| z - c_i \|^2}{T^2} \right) + \lambda I

    Chadebec, Mantoux & Allassonnière 2020, arXiv 2010.11518.

    Attributes:
        centroids: :math:`c_i`, (M, D).
        matrices: :math:`M_i`, symmetric and positive semidefinite, (M, D, D).
        temperature: T, the reach of a centroid in units of latents.
        regularization: :math:`\lambda`, above 0.

    >>> metric = LatentMetric(torch.zeros(1, 2), torch.eye(2)[None], temperature=1.0, regularization=0.5)
    >>> metric.inverse(torch.zeros(2))
    tensor([[1.5000, 0.0000],
            [0.0000, 1.5000]])
    """

    centroids: Tensor
    matrices: Tensor
    temperature: float
    regularization: float

    def inverse(self, z: Tensor) -> Tensor:
        """Return the inverse metric at latents: (..., D) to (..., D, D)."""
        size = z.shape[-1]
        total = torch.unflatten(self._weights(z) @ self.matrices.flatten(1), -1, (size, size))
        return total + self.regularization * torch.eye(size, dtype=z.dtype, device=z.device)

    def slope(self, z: Tensor, factor: Tensor) -> Tensor:
        r"""Return the gradient by z of :math:`\sum_{jk} A_{jk} G^{-1}_{jk}(z)`, (..., D), where A is held.

        Args:
            z: latents, (..., D).
            factor: A, symmetric, (..., D, D).
        """
        pull = self._weights(z) * (factor.flatten(-2) @ self.matrices.flatten(1).T)
        return (pull @ self.centroids - pull.sum(-1, keepdim=True) * z) * (2 / self.temperature**2)

    def _weights(self, z: Tensor) -> Tensor:
        lengths = z.square().sum(-1, keepdim=True) + self.centroids.square().sum(-1)
        distances = (lengths - 2 * z @ self.centroids.T).clamp_min(0.0)
        return (-distances / self.temperature**2).exp()


class MetricAt(NamedTuple):
    """A metric at latents, by the Cholesky factor of its inverse.

    Attributes:
        inverse: (..., D, D).
        factor: C of the inverse C Cᵀ, lower triangular, (..., D, D).
    """

    inverse: Tensor
    factor: Tensor

    @classmethod
    def evaluate(cls, metric: LatentMetric, z: Tensor) -> MetricAt:
        """Return the metric at latents (..., D); NaN where rounding leaves a matrix that is not positive definite."""
        inverse = metric.inverse(z)
        factor, failed_at = torch.linalg.cholesky_ex(inverse)
        return cls(inverse, factor.masked_fill((failed_at > 0)[..., None, None], torch.nan))

    @property
    def metric(self) -> Tensor:
        """G, (..., D, D)."""
        return torch.cholesky_inverse(self.factor)

    @property
    def log_inverse_volume(self) -> Tensor:
        r"""Return :math:`\log \sqrt{\det G^{-1}}`, (...)."""
        return self.factor.diagonal(dim1=-2, dim2=-1).log().sum(-1)

    def scale_noise(self, eps: Tensor) -> Tensor:
        """Map standard normals (..., D) to momenta of covariance G."""
        momentum: Tensor = torch.linalg.solve_triangular(self.factor.mT, eps[..., None], upper=True)
        return momentum[..., 0]

    def velocity(self, momentum: Tensor) -> Tensor:
        """Return G⁻¹ρ, (..., D)."""
        return (self.inverse @ momentum[..., None])[..., 0]
