"""Perceptual distance: squared error in the features of a network."""

from __future__ import annotations

import copy
from typing import Any

from torch import Tensor, nn

from elbowroom.models.draw import Draw
from elbowroom.objectives.term import Term


class Perceptual(Term):
    r"""Perceptual loss :math:`\frac12 \| f(x) - f(\hat x) \|^2` per example, with :math:`\hat x` the mean of p(x|z).

    Add it to a likelihood, do not replace one with it: it is not a log-probability, so ``elbo`` does not include it and
    it is reported under its own name. After Hou et al. 2017, arXiv 1610.00291; deviation: one layer of features, given
    here, instead of several of a network trained on photographs.

    Args:
        features: f, any module from (B, *shape) to features, or the ones that
            :func:`elbowroom.evaluation.metrics.feature_extractor.default_features` makes for some data; a copy is kept,
            frozen and in evaluation mode. The objective's record names it, by its hash if it has one.

    >>> import torch, elbowroom as er
    >>> model, elbo = er.recipes.vae((1, 8, 8), latent=2)
    >>> elbo + 10 * Perceptual(nn.Flatten())
    ((reconstruction + kl) + (10 * perceptual(Flatten)))
    """

    name = "perceptual"

    def __init__(self, features: nn.Module | Any) -> None:
        super().__init__()
        network = getattr(features, "network", features)
        if not isinstance(network, nn.Module):
            raise ValueError(f"Perceptual() needs a module from examples to features, got {type(features).__name__}")
        self.description = type(features).__name__ if network is features else str(features)
        self.network = copy.deepcopy(network).eval().requires_grad_(False)

    def train(self, mode: bool = True) -> Perceptual:
        """Stay in evaluation mode, whatever ``mode``."""
        return super().train(False)

    def forward(self, draw: Draw, step: Tensor) -> Tensor:
        mean = draw.p.mean
        features: Tensor = self.network(mean.flatten(0, 1)).flatten(1).unflatten(0, mean.shape[:2])
        target: Tensor = self.network(draw.x).flatten(1)
        return 0.5 * (features - target).square().sum(-1).mean()

    def __repr__(self) -> str:
        return f"perceptual({self.description})"
