"""The prior gap: how far latents of held-out examples are from the prior, by a normal fitted to training latents."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from elbowroom.auditor.isolation import eval_mode
from elbowroom.data import Batch, Split, freeze
from elbowroom.doctor.registry import NotApplicableError
from elbowroom.evaluation.suites.samplers import latent_log_densities
from elbowroom.models.base import GenerativeModel
from elbowroom.samplers import fit_to_model
from elbowroom.samplers.projection import MAX_SIZE

#: Training examples whose latents the normal is fitted to, at most; of large latents more.
FITTED_EXAMPLES = 2000
#: Training examples for each dimension of the latent, at least: a covariance of fewer costs the normal over half a nat
#: per ten dimensions on held-out latents.
MIN_EXAMPLES_PER_DIMENSION = 10
#: Gap from which samples of the prior suffer, in nats per example: between 1.0 of a VAE of MNIST with 20 latents and 16
#: of a convolutional one of CelebA with 64, whose samples from the prior rarely hold a face.
MIN_GAP_NATS = 5.0
#: Standard errors that the gap must exceed to be significant.
MIN_STANDARD_ERRORS = 4.0


@dataclass(frozen=True)
class PriorGap:
    """Log-density of held-out latents under a density fitted to training latents, less that under the prior.

    Attributes:
        gains: one for each example, (B,), nats.
    """

    gains: Tensor

    @property
    def nats(self) -> float:
        """The mean, which is at most KL(q(z) ‖ p(z)) in expectation."""
        return self.gains.mean().item()

    @property
    def standard_error(self) -> float:
        """Of the mean."""
        return self.gains.std().item() / math.sqrt(len(self.gains))

    @property
    def is_large(self) -> bool:
        """Whether the latents are not where the prior is."""
        return self.nats >= MIN_GAP_NATS and self.nats >= MIN_STANDARD_ERRORS * self.standard_error

    def __str__(self) -> str:
        nats = f"{self.nats:.1f} ± {self.standard_error:.1f} nats"
        return f"a full normal fitted to latents gives held-out ones {nats} more than the prior"


def measure_prior_gap(model: GenerativeModel, train: Split, held_out: Batch) -> PriorGap:
    r"""Measure how far latents are from the prior.

    .. math:: \mathrm E_{q(z)}[\log s(z) - \log p(z)]
        = \mathrm{KL}(q(z) \Vert p(z)) - \mathrm{KL}(q(z) \Vert s(z)) \le \mathrm{KL}(q(z) \Vert p(z))

    where q(z) is the aggregate posterior, and s the normal with mean and full covariance of the latents of training
    examples, given the label for a conditional model. What is measured is what a sampler makes up for without effort:
    that q(z) is no normal at all, as clusters of a well-trained model are not, counts only in so far as a normal is
    nearer than the prior.

    Args:
        model: with one latent, or an uppermost one, of numbers.
        train: examples that the normal is fitted to.
        held_out: examples whose latents are scored, on the model's device.

    Raises:
        NotApplicableError: there is no prior, the latents are codes or points of a manifold, or there are too few
            training examples.
    """
    if not model.has_prior:
        raise NotApplicableError("the model has no prior that its latents could be off")
    if model.is_quantized:
        raise NotApplicableError("the latents are codes, not numbers")
    if not model.manifold.has_flat_volume:
        raise NotApplicableError(f"the latents are {model.manifold.description}, on which a normal has no density")
    size = min(math.prod(model.latent_shape), MAX_SIZE)
    if len(train) < MIN_EXAMPLES_PER_DIMENSION * size:
        raise NotApplicableError(f"{len(train)} training examples are too few for the covariance of {size} dimensions")
    with eval_mode(model), torch.no_grad():
        n = max(FITTED_EXAMPLES, MIN_EXAMPLES_PER_DIMENSION * size)
        fitted = fit_to_model(model, freeze(train, 0), "gaussian", n)
        samplers = {"gaussian": fitted.to(held_out.x.device)}
        logs = latent_log_densities(model, samplers, held_out, seed=0)
    return PriorGap((logs["gaussian"] - logs[""]).double())
