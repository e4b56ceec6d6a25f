"""Latents of several kinds side by side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.distributions import Distribution, kl_divergence, register_kl

from elbowroom.distributions.base import UncheckedDistribution


class IndependentParts(UncheckedDistribution):
    r"""Independent parts of one vector, each with its own distribution: :math:`\log p(z) = \sum_i \log p_i(z_i)`.

    Args:
        parts: distributions of vectors, with the same batch shape.

    >>> from elbowroom.distributions import Normal
    >>> zero = torch.zeros(1, 1)
    >>> IndependentParts([Normal(zero, zero), Normal(zero + 5, zero)]).mean
    tensor([[0., 5.]])
    """

    has_rsample = True

    def __init__(self, parts: Sequence[Distribution]) -> None:
        self.parts, self.sizes = list(parts), [part.event_shape.numel() for part in parts]
        super().__init__(parts[0].batch_shape, torch.Size((sum(self.sizes),)))

    @property
    def mean(self) -> Tensor:
        return torch.cat([part.mean for part in self.parts], -1)

    @property
    def variance(self) -> Tensor:
        return torch.cat([part.variance for part in self.parts], -1)

    def split(self, value: Tensor) -> list[Tensor]:
        """Return the values of the parts: (..., D) to (..., D_i) each."""
        return list(torch.split(value, self.sizes, -1))

    def rsample(self, sample_shape: Any = torch.Size()) -> Tensor:
        return torch.cat([part.rsample(sample_shape) for part in self.parts], -1)

    def log_prob(self, value: Tensor) -> Tensor:
        scores = zip(self.parts, self.split(value), strict=True)
        return torch.stack([part.log_prob(part_value) for part, part_value in scores]).sum(0)


@register_kl(IndependentParts, IndependentParts)  # type: ignore[no-untyped-call, untyped-decorator]
def _kl_parts(q: IndependentParts, p: IndependentParts) -> Tensor:
    return torch.stack([kl_divergence(a, b) for a, b in zip(q.parts, p.parts, strict=True)]).sum(0)
