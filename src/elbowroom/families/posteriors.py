"""Families of latents: q(z|x), and p(z|z') between the latents of a hierarchy."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from elbowroom.distributions import Delta, Normal
from elbowroom.families.base import Family, Shape
from elbowroom.families.registry import register_likelihood


class DiagonalNormal(Family):
    """A normal with mean and log-variance from the network: the posterior of the standard VAE.

    As a likelihood it predicts a variance for every pixel; where the data is constant its density is unbounded, so it
    needs a floor.

    Args:
        shape: of a latent, or of an example.
        floor: the smallest log-variance, approached smoothly, so that the gradient does not vanish.

    >>> DiagonalNormal(20).size
    40
    """

    def __init__(self, shape: Shape, floor: float | None = None) -> None:
        super().__init__(shape, per_element=2)
        self.floor = floor

    def forward(self, phi: Tensor) -> Normal:
        loc, log_var = self.split_parameters(phi)
        if self.floor is not None:
            log_var = self.floor + F.softplus(log_var - self.floor)
        return Normal(loc, log_var, len(self.shape))


@register_likelihood("diagonal-normal", "a gaussian with a variance for every pixel")
def pixel_normal(shape: Shape) -> DiagonalNormal:
    """Return a likelihood of pixels, which resolve no standard deviation below half a level.

    Without that floor the density of pixels that are constant diverges.
    """
    return DiagonalNormal(shape, floor=2 * math.log(1 / 510))


class Point(Family):
    """A delta distribution: the latent of an autoencoder. It has no density, so the KL is undefined.

    >>> Point(2)(torch.zeros(5, 2)).mean.shape
    torch.Size([5, 2])
    """

    def forward(self, phi: Tensor) -> Delta:
        return Delta(torch.unflatten(phi, -1, self.shape), len(self.shape))
