"""Sampling by a learned Riemannian metric of latents: Hamiltonian Monte Carlo on its inverse volume."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self

import torch
from torch import Tensor

from elbowroom import noise
from elbowroom.models.base import GenerativeModel
from elbowroom.models.latent_metric import LatentMetric, MetricAt
from elbowroom.samplers.base import SAMPLERS, Sampler, TrainingLatents

#: Leapfrog steps of a transition, and their size in units of the standard deviation about a lone centroid, T / √D.
LEAPFROG_STEPS = 10
STEP_SIZE = 0.3
#: Draws by which a fit estimates the mean, and latents that are moved at once.
MEAN_DRAWS = 100
BATCH_SIZE = 500


class RiemannianSampler(Sampler):
    r"""Hamiltonian Monte Carlo on the inverse volume of a metric that a model has learned: riemannian:TRANSITIONS (50).

    .. math:: p(z) \propto \sqrt{\det G^{-1}(z)}, \quad z \in S

    Chadebec et al. 2021, arXiv 2105.00026. It is high near the centroids of the metric and flat far from all, so that
    it has a density on a bounded S alone: here the smallest box about the centroids, T wider on each side. A draw is
    the end of a chain that starts at a random centroid, so that few transitions stay near it. There is no
    :meth:`log_density`: the integral over S is not known.

    Deviations: momenta are not tempered, so that acceptance is that of Metropolis; steps are in units of T / √D.

    Args:
        size: of a latent, D.
        transitions: of a chain.
        n: the number of centroids.
        temperature: T.
        regularization: :math:`\lambda`.

    >>> metric = LatentMetric(torch.zeros(1, 2), torch.eye(2)[None], temperature=1.0, regularization=0.01)
    >>> RiemannianSampler.fit(metric, transitions=3)().sample((4,)).shape
    torch.Size([4, 2])
    """

    option = "transitions"
    needs = "a metric of latents that the model has learned"
    origin = "by the model's own metric"
    has_density = False
    centroids: Tensor
    matrices: Tensor
    loc: Tensor

    def __init__(
        self, size: int, transitions: int = 50, n: int = 1, temperature: float = 1.0, regularization: float = 0.01
    ) -> None:
        super().__init__(size, transitions=transitions, n=n, temperature=temperature, regularization=regularization)
        self.transitions, self.temperature, self.regularization = transitions, temperature, regularization
        self.register_buffer("centroids", torch.zeros(n, size))
        self.register_buffer("matrices", torch.zeros(n, size, size))
        self.register_buffer("loc", torch.zeros(size))

    @classmethod
    def suits(cls, model: GenerativeModel) -> bool:
        return model.latent_metric is not None

    @classmethod
    def fit_to_model(cls, model: GenerativeModel, draw_latents: Callable[[], TrainingLatents], **options: Any) -> Self:
        was_training = model.training
        with torch.no_grad():
            metric = model.eval().latent_metric
        model.train(was_training)
        assert metric is not None
        return cls.fit(metric, **options)

    @classmethod
    def fit(cls, metric: LatentMetric, transitions: int = 50) -> Self:
        """Take the metric, and estimate the mean of the draws."""
        n, size = metric.centroids.shape
        sampler = cls(size, transitions, n, metric.temperature, metric.regularization)
        sampler.centroids.copy_(metric.centroids)
        sampler.matrices.copy_(metric.matrices)
        with noise.seeded_rng(0), torch.no_grad():
            sampler.loc.copy_(sampler().sample((MEAN_DRAWS,)).mean(0))
        return sampler

    @property
    def noise_size(self) -> int:
        # The centroid, and of each transition the momentum and the acceptance.
        return 1 + self.transitions * (self.size + 1)

    @property
    def numbers_per_latent(self) -> int:
        return self.centroids.numel()

    @property
    def mean(self) -> Tensor:
        return self.loc

    @torch.no_grad()
    def transform_noise(self, eps: Tensor) -> Tensor:
        # In double precision: chains that differ by a rounding part ways.
        parts = torch.split(eps.reshape(-1, self.noise_size).double(), BATCH_SIZE)
        z = torch.cat([self._run_chains(part) for part in parts])
        return z.to(eps.dtype).reshape(*eps.shape[:-1], self.size)

    def _run_chains(self, eps: Tensor) -> Tensor:
        """Run a chain for each row of normals (B, noise_size), and return where it ends, (B, D)."""
        metric = LatentMetric(self.centroids.double(), self.matrices.double(), self.temperature, self.regularization)
        n, low, high = len(self.centroids), *metric.centroids.aminmax(dim=0)
        z = metric.centroids[(n * noise.to_uniform(eps[:, 0])).long().clamp_max(n - 1)]
        for draw in torch.unflatten(eps[:, 1:], 1, (self.transitions, -1)).unbind(1):
            proposal, log_ratio = self._propose(metric, z, draw[:, 1:])
            is_inside = ((proposal > low - self.temperature) & (proposal < high + self.temperature)).all(1)
            is_accepted = is_inside & (noise.to_uniform(draw[:, 0]).log() < log_ratio)
            z = torch.where(is_accepted[:, None], proposal, z)
        return z

    def _propose(self, metric: LatentMetric, z: Tensor, momentum: Tensor) -> tuple[Tensor, Tensor]:
        """Follow leapfrog steps from latents (B, D): return their ends, and the log of the acceptance ratio, (B,)."""
        step, at = STEP_SIZE * self.temperature / self.size**0.5, MetricAt.evaluate(metric, z)
        start = at.log_inverse_volume - 0.5 * momentum.square().sum(1)
        force = 0.5 * metric.slope(z, at.metric)
        for _ in range(LEAPFROG_STEPS):
            momentum = momentum + 0.5 * step * force
            z = z + step * momentum
            at = MetricAt.evaluate(metric, z)
            force = 0.5 * metric.slope(z, at.metric)
            momentum = momentum + 0.5 * step * force
        return z, at.log_inverse_volume - 0.5 * momentum.square().sum(1) - start


SAMPLERS.add("riemannian", RiemannianSampler)
