"""Whitening of latents: samplers that are fitted by gradients start from the normal with full covariance."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

from torch import Tensor

from elbowroom.samplers.base import VectorSampler
from elbowroom.samplers.checks import require_latents
from elbowroom.samplers.gaussian import GaussianSampler

#: Latents that a network needs at least, for a tenth of them judges when to stop.
MIN_LATENTS = 50


class WhitenedSampler(VectorSampler):
    r"""A sampler of whitened latents: :math:`z = \mu + L f(\epsilon)`, with the mean and covariance of the latents.

    .. math:: \log p(z) = \log p_f(L^{-1} (z - \mu)) - \log \det L

    Where f is the identity it is the :class:`~elbowroom.samplers.gaussian.GaussianSampler`, so that what the networks
    of f learn is what that leaves. A subclass implements :meth:`transform_whitened` and
    :meth:`whitened_log_density`.
    """

    def __init__(self, size: int, **settings: Any) -> None:
        super().__init__(size, **settings)
        self.gaussian = GaussianSampler(size)

    @classmethod
    def min_latents(cls, size: int, **options: Any) -> int:
        return max(MIN_LATENTS, size + 1)

    def whiten(self, latents: Tensor) -> Tensor:
        """Set mean and covariance to those of latents (N, D), and return these whitened.

        Raises:
            ValueError: there are too few.
        """
        require_latents(latents, self.min_latents(self.size), f"a network for latents of {self.size} numbers")
        self.gaussian.load_state_dict(GaussianSampler.fit(latents).state_dict())
        return self.gaussian.invert(latents)

    @abstractmethod
    def transform_whitened(self, eps: Tensor) -> Tensor:
        """Map standard normals (..., noise_size) to whitened latents (..., D)."""

    @abstractmethod
    def whitened_log_density(self, z: Tensor) -> Tensor:
        """Return the log-density of whitened latents, nats: (..., D) to (...)."""

    def transform_noise(self, eps: Tensor) -> Tensor:
        return self.gaussian.transform_noise(self.transform_whitened(eps))

    def log_density(self, z: Tensor) -> Tensor:
        return self.whitened_log_density(self.gaussian.invert(z)) - self.gaussian.log_volume

    @property
    def mean(self) -> Tensor:
        return self.gaussian.loc
