"""The standard normal, as a sampler: a baseline, and the prior of most models."""

from __future__ import annotations

import math
from typing import Any, Self

import torch
from torch import Tensor

from elbowroom.samplers.base import SAMPLERS, NormalComponents, VectorSampler


class StandardSampler(VectorSampler):
    """Standard normal, N(0, I), whatever the latents are; it needs no fit.

    >>> round(StandardSampler(2)().log_prob(torch.zeros(2)).item(), 4)
    -1.8379
    """

    requires_fit = False
    origin = "normal, not fitted"
    zero: Tensor

    def __init__(self, size: int) -> None:
        super().__init__(size)
        self.register_buffer("zero", torch.zeros(size))

    @classmethod
    def fit(cls, latents: Tensor, **options: Any) -> Self:
        return cls(latents.shape[1], **options)

    def transform_noise(self, eps: Tensor) -> Tensor:
        return eps

    def log_density(self, z: Tensor) -> Tensor:
        return standard_log_density(z)

    @property
    def mean(self) -> Tensor:
        return self.zero

    @property
    def normal_components(self) -> NormalComponents:
        unit = torch.eye(self.size, device=self.zero.device)
        return NormalComponents(torch.ones(1, device=self.zero.device), self.zero[None], unit[None])


def standard_log_density(z: Tensor) -> Tensor:
    """Return the log-density of the standard normal, nats: (..., D) to (...)."""
    return -0.5 * (z.square() + math.log(2 * math.pi)).sum(-1)


SAMPLERS.add("standard", StandardSampler)
