"""What a sampler is: a function from latents to a prior."""

from __future__ import annotations

from typing import Protocol

from torch import Tensor, nn


class Sampler(Protocol):
    r"""Fit a density to latents :math:`z \sim q(z)` of the training split, drawn or at their posterior means.

    An autoencoder has no prior to sample from, and the aggregate posterior
    :math:`\frac1N \sum_n q(z \mid x_n)` of a VAE
    is not its prior. A density fitted to it is a prior in every respect: an ``nn.Module`` whose forward returns a
    distribution over latents, with buffers that are saved beside the weights.

    >>> import torch
    >>> from elbowroom.models import StandardNormal
    >>> def standardized(latents: Tensor) -> nn.Module:
    ...     return StandardNormal(latents.shape[1])
    >>> standardized(torch.randn(100, 3))().sample((5,)).shape
    torch.Size([5, 3])
    """

    def __call__(self, latents: Tensor) -> nn.Module:
        """Fit.

        Args:
            latents: (N, D), of one split.

        Returns:
            a prior; its forward takes nothing and returns a distribution over (D,).

        Raises:
            ValueError: there are too few latents to fit the density.
        """
        ...
