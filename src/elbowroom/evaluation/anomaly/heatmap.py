"""Where in a picture its strangeness lies."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.distributions import Distribution, Independent

from elbowroom import noise
from elbowroom.distributions import Normal
from elbowroom.models.base import GenerativeModel


class Heatmaps(NamedTuple):
    """Pictures with what the model makes of them, pixel by pixel.

    Attributes:
        x: (B, C, H, W).
        reconstruction: at the posterior mean, likewise.
        nll: the share of every pixel in −log p(x|z), (B, H, W), nats.
        log_ratio: in log p₀(x) − log p(x|z), with p₀ the background; likewise. None where there is no background by pixels.
    """

    x: Tensor
    reconstruction: Tensor
    nll: Tensor
    log_ratio: Tensor | None


@torch.no_grad()
def pixel_nll(model: GenerativeModel, x: Tensor, y: Tensor | None = None) -> Tensor:
    """The contribution of every pixel to −log p(x|z) at the posterior mean, summed over channels.

    Args:
        model: in evaluation mode.
        x: (B, C, H, W).
        y: labels, for a model that is conditional.

    Returns:
        (B, H, W), nats.

    Raises:
        ValueError: p(x|z) is no product over pixels.

    >>> import elbowroom as er
    >>> model, _ = er.recipes.vae((1, 8, 8), latent=2)
    >>> pixel_nll(model.eval(), torch.rand(3, 1, 8, 8)).shape
    torch.Size([3, 8, 8])
    """
    with noise.zero_noise():
        p = model.draw(x, y).p
    return -elementwise_log_prob(p, x)[0].sum(-3)


def elementwise_log_prob(p: Distribution, x: Tensor) -> Tensor:
    """The log-probability of every element of an event, in the shape of p's batch and event."""
    if isinstance(p, Independent):
        return p.base_dist.log_prob(x)
    if isinstance(p, Normal):
        # A last dimension of one makes every element an event.
        return Normal(p.loc[..., None], p.log_var.expand_as(p.loc)[..., None]).log_prob(x[..., None])
    raise ValueError(f"{type(p).__name__} is no product over pixels, so there is no heat map of it")
