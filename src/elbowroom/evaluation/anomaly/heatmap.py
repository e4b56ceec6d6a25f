"""Heat maps: the contribution of each pixel to an anomaly score."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from elbowroom import noise
from elbowroom.distributions.elements import elementwise_log_prob
from elbowroom.models.base import GenerativeModel


class Heatmaps(NamedTuple):
    """Images with their reconstruction and the contribution of each pixel to their scores.

    Attributes:
        x: the images, (B, C, H, W).
        reconstruction: at the posterior mean, (B, C, H, W).
        nll: contribution of each pixel to −log p(x|z), (B, H, W), nats.
        log_ratio: contribution of each pixel to log p₀(x) − log p(x|z), with p₀ the background, (B, H, W), nats;
            ``None`` if the background is not a density of pixels.
    """

    x: Tensor
    reconstruction: Tensor
    nll: Tensor
    log_ratio: Tensor | None


@torch.no_grad()
def pixel_nll(model: GenerativeModel, x: Tensor, y: Tensor | None = None) -> Tensor:
    """Return the contribution of each pixel to −log p(x|z) at the posterior mean, summed over channels.

    Args:
        model: in evaluation mode.
        x: (B, C, H, W).
        y: labels, for a conditional model.

    Returns:
        (B, H, W), nats.

    Raises:
        ValueError: p(x|z) is not a product over pixels.

    >>> import elbowroom as er
    >>> model, _ = er.recipes.vae((1, 8, 8), latent=2)
    >>> pixel_nll(model.eval(), torch.rand(3, 1, 8, 8)).shape
    torch.Size([3, 8, 8])
    """
    with noise.zero_noise():
        p = model.draw(x, y).p
    return -elementwise_log_prob(p, x)[0].sum(-3)
