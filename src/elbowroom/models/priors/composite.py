"""A prior that holds the last posterior of an example beside a standard normal (RecVAE)."""

from __future__ import annotations

import copy
import math
from typing import Self

import torch
from torch import Tensor
from torch.distributions import Categorical, Distribution, Independent, MixtureSameFamily, Normal

from elbowroom.models.conditional import Conditional
from elbowroom.models.priors.example import ExamplePrior
from elbowroom.models.priors.standard import StandardNormal

#: Weights of the standard normal, of the last posterior, and of the wide normal, as in the authors' code.
WEIGHTS = (3 / 20, 3 / 4, 1 / 10)
#: Log-variance of the wide normal, as there.
WIDE_LOG_VAR = 10.0


class CompositePrior(StandardNormal, ExamplePrior):
    r"""A standard normal, the posterior of the same example some steps ago, and a wide normal, mixed in each dimension.

    .. math:: p(z_d \mid x) = w_1 \mathcal N(0, 1) + w_2\, q_{\mathrm{old}}(z_d \mid x) + w_3 \mathcal N(0, e^{10})

    In training only: the old posterior keeps an example's latents from being forgotten while others are learned. It is
    the standard normal without an example, as for samples, and in evaluations, so that a bound is one. Shenbin et al.
    2020, arXiv 1912.11160; the weights are those of the authors' code.

    Deviation: the old posterior is taken anew after so many steps, where the paper does it between its phases, each of
    some epochs of the encoder and one of the decoder.

    Args:
        encoder: that of the model, of normal latents; the prior holds a copy of it, which is not trained.
        refresh: the steps after which the copy is made anew.

    Raises:
        ValueError: fewer than one step.
    """

    age: Tensor
    weights: Tensor

    def __init__(self, encoder: Conditional, refresh: int) -> None:
        super().__init__(encoder.family.shape)
        if refresh < 1:
            raise ValueError(f"the old posterior is taken anew after 1 step or more, got {refresh}")
        self.encoder, self.refresh = encoder, refresh
        self.previous = copy.deepcopy(encoder).requires_grad_(False)
        self.numbers_per_latent *= len(WEIGHTS)
        self.register_buffer("age", torch.zeros((), dtype=torch.long))
        self.register_buffer("weights", torch.tensor(WEIGHTS), persistent=False)

    @property
    def n_initial_examples(self) -> int:
        return 0

    def initialize(self, x: Tensor, generator: torch.Generator) -> None:
        """It starts from no examples."""

    def train(self, mode: bool = True) -> Self:
        super().train(mode)
        self.previous.eval()  # the old posterior sees the whole example
        return self

    @torch.no_grad()
    def score_training(self, x: Tensor) -> Distribution:
        """Return p(z|x) for the latents of training examples (B, *shape), batch (B,); it counts as a step."""
        self._refresh()
        old = self.previous(x)
        zero, one = torch.zeros_like(old.mean), torch.ones_like(old.mean)
        loc = torch.stack([zero, old.mean, zero], -1)
        scale = torch.stack([one, old.stddev, math.exp(0.5 * WIDE_LOG_VAR) * one], -1)
        weights = Categorical(probs=self.weights.expand_as(loc), validate_args=False)
        mixed = MixtureSameFamily(weights, Normal(loc, scale, validate_args=False), validate_args=False)
        return Independent(mixed, loc.dim() - 2, validate_args=False)

    def _refresh(self) -> None:
        """Take the encoder's weights over where it is time, by a choice that a recorded step makes too."""
        is_due = self.age % self.refresh == 0
        current, previous = self.encoder.state_dict(), self.previous.state_dict()
        for name, value in previous.items():
            value.copy_(torch.where(is_due, current[name], value))
        self.age += 1
