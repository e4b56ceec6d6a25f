"""A continuous normalizing flow over maps of latents, by a field of convolutions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import torch
from torch import Tensor

from elbowroom import noise
from elbowroom.models.base import GenerativeModel
from elbowroom.samplers.base import LatentSampler, TrainingLatents
from elbowroom.samplers.checks import require_latents
from elbowroom.samplers.conditioned import ConditionedDensity, map_in_parts
from elbowroom.samplers.convolutional_field import ConvolutionalField
from elbowroom.samplers.optimization import FitPlan, minimize
from elbowroom.samplers.runge_kutta import runge_kutta_step

#: Steps of the fourth-order Runge-Kutta method from noise to latent.
ODE_STEPS = 12
#: Latents that are drawn at once.
BATCH_SIZE = 128
#: Latents that a fit needs at least, for a tenth of them judges when to stop.
MIN_LATENTS = 50
#: How it is fitted: in smaller steps than vectors.
PLAN = FitPlan(batch_size=64, learning_rate=2e-3, max_held_out=1000)


class MapFlowMatchingSampler(LatentSampler):
    r"""Flow matching on maps: noise is moved to latents along a learned field of convolutions.

    .. math:: \dot z_t = v(t, z_t, c), \quad \min_v E \| v(t, (1 - t) \epsilon + t z, c) - (z - \epsilon) \|^2

    Lipman et al. 2023, arXiv 2210.02747, with straight paths, on latents divided by the standard deviation of each
    channel, as latent diffusion has them (Rombach et al. 2022, arXiv 2112.10752). A draw takes twelve steps of the
    classical Runge-Kutta method. A condition is an input of the field. It has no :meth:`log_density`: the divergence
    of such a field takes as many passes as a map has numbers, and an estimate of it has no useful error.

    Args:
        size: of a latent as a vector.
        shape: of a latent: channels and the sizes of the map.
        width: channels of the field, doubled at each coarser level.
        condition_size: of an encoded condition.
    """

    has_density = False
    loc: Tensor
    scale: Tensor
    map_mean: Tensor

    def __init__(self, size: int, shape: Sequence[int], width: int = 48, condition_size: int = 0) -> None:
        super().__init__(size, shape=list(shape), width=width, condition_size=condition_size)
        self.shape = tuple(shape)
        self.field = ConvolutionalField(self.shape, width, condition_size)
        ones = (1,) * (len(shape) - 1)
        self.register_buffer("loc", torch.zeros(shape[0], *ones))
        self.register_buffer("scale", torch.ones(shape[0], *ones))
        self.register_buffer("map_mean", torch.zeros(size))

    @classmethod
    def suits(cls, model: GenerativeModel) -> bool:
        return not model.is_quantized

    @classmethod
    def fit_to(cls, latents: TrainingLatents, **options: Any) -> Self:
        return cls.fit(latents.z, condition=latents.condition, **options)

    @classmethod
    def min_latents(cls, size: int, **options: Any) -> int:
        return MIN_LATENTS

    @classmethod
    def fit(
        cls, latents: Tensor, steps: int = 1500, width: int = 48, condition: Tensor | None = None, **options: Any
    ) -> Self:
        """Fit to latents (N, C, *space) given conditions (N, n); the same for the same ones and settings."""
        require_latents(latents, cls.min_latents(latents[0].numel()), "a field of convolutions")
        with noise.seeded_rng(0):
            n = 0 if condition is None else condition.shape[1]
            sampler = cls(latents[0].numel(), latents.shape[1:], width, n, **options)
            sampler._set_moments(latents)
            examples = ((latents - sampler.loc) / sampler.scale, *(() if condition is None else (condition,)))
            minimize(sampler.field, sampler.field.matching_loss, examples, steps, PLAN)
        return sampler

    def _set_moments(self, latents: Tensor) -> None:
        by_channel = latents.transpose(0, 1).flatten(1)
        self.loc.copy_(by_channel.mean(1).reshape(self.loc.shape))
        self.scale.copy_(by_channel.std(1).clamp_min(1e-6).reshape(self.scale.shape))
        self.map_mean.copy_(latents.mean(0).flatten())

    def forward(self, *condition: Tensor) -> ConditionedDensity:  # type: ignore[override]
        """Return the density of a latent; with a condition (B, n) that of each, batch (B,)."""
        return ConditionedDensity(self, condition[0].flatten(1) if condition else None)

    def transform_noise(self, eps: Tensor, condition: Tensor | None = None) -> Tensor:
        """Map standard normals (B, D) to latents as vectors, (B, D), given conditions (B, n)."""
        moved = map_in_parts(self._integrate, eps.reshape(-1, *self.shape), condition, BATCH_SIZE)
        return (self.loc + self.scale * moved).flatten(1)

    def _integrate(self, z: Tensor, condition: Tensor | None) -> Tensor:
        def velocity(t: float, z: Tensor) -> Tensor:
            field: Tensor = self.field(z.new_full((len(z),), t), z, condition)
            return field

        for i in range(ODE_STEPS):
            z = z + runge_kutta_step(velocity, i / ODE_STEPS, z, 1 / ODE_STEPS)
        return z

    @property
    def mean(self) -> Tensor:
        return self.map_mean
