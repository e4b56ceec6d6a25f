"""The standard normal as prior."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from elbowroom.distributions import Normal
from elbowroom.families.base import Shape
from elbowroom.models.priors.registry import PriorContext, register_prior


class StandardNormal(nn.Module):
    """N(0, I) over a latent of this size or shape, independent of any condition.

    >>> StandardNormal(2)().log_prob(torch.zeros(2)), StandardNormal((4, 8, 6))().event_shape
    (tensor(-1.8379), torch.Size([4, 8, 6]))
    """

    zero: Tensor

    def __init__(self, latent: Shape) -> None:
        super().__init__()
        self.register_buffer("zero", torch.zeros(latent), persistent=False)
        self.numbers_per_latent = self.zero.numel()

    def forward(self, *condition: Tensor) -> Normal:
        zero = self.zero.expand(condition[0].shape[0], *self.zero.shape) if condition else self.zero
        return Normal(zero, zero, self.zero.dim())


@register_prior("standard", "The standard normal.")
def standard(context: PriorContext) -> StandardNormal:
    """Return the standard normal."""
    return StandardNormal(context.latent)
