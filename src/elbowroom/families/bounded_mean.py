"""Gaussians whose means are bounded, as those of networks that end in a sigmoid or a hyperbolic tangent."""

from __future__ import annotations

import torch.distributions as td
from torch import Tensor

from elbowroom.families.location_scale import SCALE_SETTINGS, Gaussian, parse_scale
from elbowroom.families.registry import register_likelihood


@register_likelihood("sigmoid-gaussian", "as gaussian, with means in (0, 1) by a sigmoid", SCALE_SETTINGS, parse_scale)
class SigmoidGaussian(Gaussian):
    """A normal with the sigmoid of the network's output as mean: the likelihood of pythae's ``mse``, with scale 1.

    >>> import torch
    >>> SigmoidGaussian(2, scale=1.0)(torch.zeros(1, 2)).mean
    tensor([[0.5000, 0.5000]])
    """

    is_location = False

    def forward(self, phi: Tensor) -> td.Distribution:
        return super().forward(phi.sigmoid())


@register_likelihood(
    "tanh-gaussian", "as gaussian, with means in (-1, 1) by a hyperbolic tangent", SCALE_SETTINGS, parse_scale
)
class TanhGaussian(Gaussian):
    """A normal with the hyperbolic tangent of the network's output as mean, as that of PyTorch-VAE's models.

    >>> import torch
    >>> TanhGaussian(2, scale=1.0)(torch.zeros(1, 2)).mean
    tensor([[0., 0.]])
    """

    is_location = False

    def forward(self, phi: Tensor) -> td.Distribution:
        return super().forward(phi.tanh())
