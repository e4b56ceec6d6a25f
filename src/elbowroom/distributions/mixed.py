"""Mixtures of a distribution's last batch dimension."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.distributions import Categorical, Distribution, MixtureSameFamily

from elbowroom.distributions.latent import Normal


def mixture(logits: Tensor, components: Distribution) -> MixtureSameFamily:
    """A mixture of the last batch dimension of ``components`` with these weights."""
    weights = Categorical(logits=logits, validate_args=False)
    plain = isinstance(components, Normal) and len(components.batch_shape) == len(components.event_shape) == 1
    return (DiagonalNormalMixture if plain else MixtureSameFamily)(weights, components, validate_args=False)


class DiagonalNormalMixture(MixtureSameFamily):
    r"""A mixture of C diagonal normals over vectors, all of them scored by two matrix products.

    .. math:: \sum_i (z_i - \mu_{ci})^2 / \sigma_{ci}^2 = z^2 \cdot \sigma_c^{-2} - 2 z \cdot (\mu_c / \sigma_c^2)
        + \textstyle\sum_i \mu_{ci}^2 / \sigma_{ci}^2

    Scored one by one, 500 components hold 500 times the numbers of the codes: a VampPrior's step then takes longer over
    its prior than over its networks. The three sums cancel, so they are taken in double precision where there is one.

    >>> parts = Normal(torch.tensor([[0.0], [2.0]]), torch.zeros(2, 1))
    >>> mixture(torch.zeros(2), parts).log_prob(torch.tensor([[1.0]]))
    tensor([-1.4189])
    """

    def log_prob(self, z: Tensor) -> Tensor:  # noqa: D102
        part = self.component_distribution
        assert isinstance(part, Normal)
        if z.device.type == "mps":  # which has no double precision
            return super().log_prob(z)
        loc, log_var, wide = part.loc.double(), part.log_var.expand_as(part.loc).double(), z.double()
        precision = (-log_var).exp()
        squares = wide.square() @ precision.T - 2 * wide @ (loc * precision).T
        constant = (loc.square() * precision + log_var + math.log(2 * math.pi)).sum(-1)
        scores = self.mixture_distribution.logits - 0.5 * (squares + constant)
        return torch.logsumexp(scores, -1).to(z.dtype)
