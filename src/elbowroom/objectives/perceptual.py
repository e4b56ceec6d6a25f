"""Perceptual distance: squared error in the features of a frozen network."""

from __future__ import annotations

import copy

from torch import Tensor, nn

from elbowroom.models.draw import Draw
from elbowroom.networks.features import Features, MissingFeatures, hash_weights
from elbowroom.objectives.term import Term


class Perceptual(Term):
    r"""Perceptual loss :math:`\frac12 \| f(x) - f(\hat x) \|^2` per example, with :math:`\hat x` the mean of p(x|z).

    Add it to a likelihood, do not replace one with it: it is not a log-probability, so ``elbo`` does not include it and
    it is reported under its own name. The features are frozen, the gradient goes through them to decoder and encoder.

    With the features of one depth it is the loss of Hou et al. 2017, arXiv 1610.00291. With those of several depths, as
    :func:`elbowroom.find_features` gives, it is half the distance LPIPS of Zhang et al. 2018, arXiv 1801.03924.

    Args:
        features: f, any module from (B, *shape) to features, a :class:`elbowroom.FeatureLayers`, or
            :class:`elbowroom.Features`; a copy is kept, frozen and in evaluation mode. The objective's record names it
            by its hash, and a training is resumed with the same features only.

    >>> import torch, elbowroom as er
    >>> model, elbo = er.recipes.vae((1, 8, 8), latent=2)
    >>> elbo + 10 * Perceptual(nn.Flatten())
    ((reconstruction + kl) + (10 * perceptual(Flatten)))
    >>> elbo + 10 * Perceptual(er.find_features("random", (1, 8, 8)))
    ((reconstruction + kl) + (10 * perceptual(3 depths of random convolutions, hash ...)))
    """

    name = "perceptual"

    def __init__(self, features: nn.Module | Features) -> None:
        super().__init__()
        network = features.network if isinstance(features, Features) else features
        if not isinstance(network, nn.Module):
            raise ValueError(
                f"Perceptual() needs a module from examples to features, got {type(features).__name__}: make one from "
                "a name or a file by er.find_features(name, shape)"
            )
        self.description = str(features) if isinstance(features, Features) else type(features).__name__
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


def feature_hashes(objective: nn.Module) -> list[str]:
    """Return the hashes of the features that an objective compares in, for the record of a training.

    Raises:
        ValueError: they could not be read when the objective was made, with the reason.
    """
    networks = [term.network for term in objective.modules() if isinstance(term, Perceptual)]
    for network in networks:
        if isinstance(network, MissingFeatures):
            raise ValueError(network.reason)
    return [hash_weights(network) for network in networks]


def check_feature_hashes(objective: nn.Module, recorded: list[str]) -> None:
    """Check that a training goes on in the features that it was started with.

    Raises:
        ValueError: they are others, or they cannot be read.
    """
    hashes = feature_hashes(objective)
    if recorded and hashes != recorded:
        raise ValueError(
            f"the perceptual loss was started with features of hash {', '.join(recorded)}, and they have "
            f"{', '.join(hashes) or 'gone'} now: put the file of those back, as the losses of both cannot be compared"
        )
