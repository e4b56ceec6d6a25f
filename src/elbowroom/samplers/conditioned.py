"""The density of a sampler whose network takes the condition as an input."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from elbowroom import noise
from elbowroom.distributions.base import UncheckedDistribution
from elbowroom.samplers.base import Sampler


class ConditionedDensity(UncheckedDistribution):
    """The density of a sampler over latents of its shape, for each of a batch of conditions.

    Args:
        sampler: whose ``transform_noise`` and ``log_density`` take the condition of each latent, too.
        condition: (B, n), or none.
    """

    def __init__(self, sampler: Sampler, condition: Tensor | None = None) -> None:
        self.sampler, self.condition = sampler, condition
        super().__init__(torch.Size() if condition is None else condition.shape[:1], torch.Size(sampler.shape))

    @property
    def mean(self) -> Tensor:
        return self.sampler.mean.reshape(self.event_shape).expand(*self.batch_shape, *self.event_shape)

    @torch.no_grad()
    def sample(self, sample_shape: Any = torch.Size()) -> Tensor:
        lead = torch.Size((*sample_shape, *self.batch_shape))
        eps = noise.standard_normal(torch.Size((*lead, self.sampler.noise_size)), self.sampler.mean)
        z = self.sampler.transform_noise(
            eps.reshape(-1, self.sampler.noise_size), *expand_condition(self.condition, lead)
        )
        return z.reshape(*lead, *self.event_shape)

    def log_prob(self, value: Tensor) -> Tensor:
        """Return log p(z|c), nats: (..., *shape) to (...)."""
        lead = value.shape[: value.dim() - len(self.event_shape)]
        z = value.reshape(-1, self.sampler.size)
        return self.sampler.log_density(z, *expand_condition(self.condition, lead)).reshape(lead)


def expand_condition(c: Tensor | None, lead: torch.Size) -> tuple[Tensor, ...]:
    """Return the condition of each of the latents (*lead, *shape) in a row, (-1, n); nothing if there is none."""
    return () if c is None else (c.expand(*lead[:-1], *c.shape).reshape(-1, c.shape[1]),)


def map_in_parts(
    function: Callable[[Tensor, Tensor | None], Tensor], x: Tensor, condition: Tensor | None, size: int
) -> Tensor:
    """Apply a function to (B, ...) and conditions (B, n) in parts of a size, which limits its memory."""
    if torch.compiler.is_compiling():  # whose graph is of any batch size
        return function(x, condition)
    parts = torch.split(x, size)
    conditions = [None] * len(parts) if condition is None else torch.split(condition, size)
    return torch.cat([function(part, c) for part, c in zip(parts, conditions, strict=True)])
