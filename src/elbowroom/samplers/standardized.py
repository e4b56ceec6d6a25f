"""Standardization of latents: samplers that are fitted by gradients see each dimension with mean 0 and variance 1."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import torch
from torch import Tensor

from elbowroom.samplers.base import Sampler

#: The smallest scale of a dimension, as a share of the largest: one that is not used stays so.
MIN_SCALE = 1e-4


class StandardizedSampler(Sampler):
    r"""A sampler of standardized latents: :math:`z = \mu + \sigma f(\epsilon)`, with one μ and σ for each dimension.

    A subclass implements :meth:`transform_standardized` and :meth:`standardized_log_density`.
    """

    loc: Tensor
    scale: Tensor

    def __init__(self, size: int, **settings: Any) -> None:
        super().__init__(size, **settings)
        self.register_buffer("loc", torch.zeros(size))
        self.register_buffer("scale", torch.ones(size))

    def set_standardization(self, latents: Tensor) -> Tensor:
        """Set μ and σ to those of latents (N, D), and return these standardized."""
        loc, scale = standardize(latents)
        self.loc.copy_(loc)
        self.scale.copy_(scale)
        return (latents - loc) / scale

    @abstractmethod
    def transform_standardized(self, eps: Tensor) -> Tensor:
        """Map standard normals (..., noise_size) to standardized latents (..., D)."""

    @abstractmethod
    def standardized_log_density(self, z: Tensor) -> Tensor:
        """Return the log-density of standardized latents, nats: (..., D) to (...)."""

    def transform_noise(self, eps: Tensor) -> Tensor:
        return self.loc + self.scale * self.transform_standardized(eps)

    def log_density(self, z: Tensor) -> Tensor:
        return self.standardized_log_density((z - self.loc) / self.scale) - self.scale.log().sum()

    @property
    def mean(self) -> Tensor:
        return self.loc


def standardize(latents: Tensor) -> tuple[Tensor, Tensor]:
    """Return mean and standard deviation of each dimension of latents (N, D), the latter at least a little.

    >>> standardize(torch.tensor([[0.0, 1.0], [2.0, 1.0]]))[1]
    tensor([1.4142e+00, 1.4142e-04])
    """
    scale = latents.std(0)
    return latents.mean(0), scale.clamp_min((MIN_SCALE * scale.max()).clamp_min(1e-12))
