"""The standard normal tilted by a learned energy."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

from elbowroom import noise
from elbowroom.distributions.base import UncheckedDistribution
from elbowroom.distributions.latent import Normal
from elbowroom.families.base import Shape
from elbowroom.models.langevin import Chains, run_chains
from elbowroom.models.priors.registry import PriorContext, register_prior

#: Steps of a chain and widths of the hidden layers of f, as in the authors' code.
CHAIN_STEPS = 60
TILT_WIDTHS = (200, 200)
#: Standard deviation of the noise of a step: 0.4 in the authors' code. Adjusted steps may be wider, and of a prior that
#: was trained on MNIST ends of 60 then came nearer to those of 960: the mean of f to 1.5 nats where it was 6 below.
NOISE_SCALE = 0.6
#: What the perceptron is multiplied with: at the usual rate of 1e-3 f then moves as at the authors' 2e-5. A faster one
#: leaves its chains behind, and the loss falls without end.
TILT_SCALE = 0.02
#: Chains by which log Z and its gradient are estimated in a training step: a batch of the authors' code.
TRAINING_CHAINS = 100
#: Chains by which log Z is estimated otherwise, and how many times as many steps they take.
EVALUATION_CHAINS = 1024
EVALUATION_LENGTH = 4


class EnergyPrior(nn.Module):
    r"""The standard normal tilted by a learned function: the latent-space energy-based prior.

    .. math:: p(z) = \frac1Z e^{f(z)} \, \mathcal N(z; 0, I), \qquad \nabla \log Z = E_{p}[\nabla f(z)]

    Pang, Han, Nijkamp, Zhu & Wu 2020, arXiv 2006.08205; f is a perceptron, nats. Draws are the ends of short Langevin
    chains from :math:`\mathcal N(0, I)`, and the gradient of log Z is the mean over such, so that the ELBO trains f by
    :math:`E_q[\nabla f] - E_p[\nabla f]`. In a training step the chains are fresh; otherwise they are fixed, more and
    longer, so that a figure of an example is the same in any company. f grows linearly at most, so that Z is finite.

    Z has no closed form. Chains estimate it by annealed importance sampling
    (:func:`~elbowroom.models.langevin.run_chains`), without bias; log Z is low, and log p(z) and the ELBO are high, by
    half the relative variance, the same for every example. :attr:`log_z_error` is the standard error outside training,
    nats: near 1 the estimate is worth nothing, and it knows no mode that no chain came to. In training the estimate is
    of 100 short chains, and rough.

    Deviations: the posterior is the encoder's, where the paper draws from it by Langevin dynamics too; a Metropolis
    step refuses what the density would not have, where the paper's chains are unadjusted, and of narrower steps; their
    first half is annealed; and f is a perceptron times 0.02, which slows it as the small learning rate of the authors'
    code does.

    Args:
        latent: size or shape of z.
        steps: of a chain.

    Raises:
        ValueError: fewer than 2 steps.

    >>> prior = EnergyPrior(2).eval()
    >>> prior().sample((3,)).shape, prior.log_z_error.item() < 0.01
    (torch.Size([3, 2]), True)
    """

    origin: Tensor

    def __init__(self, latent: Shape, steps: int = CHAIN_STEPS) -> None:
        super().__init__()
        if steps < 2:
            raise ValueError(f"the chains of an energy prior need at least 2 steps, got {steps}")
        shape = (latent,) if isinstance(latent, int) else tuple(latent)
        first, second = TILT_WIDTHS
        self.network = nn.Sequential(
            nn.Flatten(-len(shape)),
            *(nn.Linear(math.prod(shape), first), nn.GELU(), nn.Linear(first, second), nn.GELU()),
            nn.Linear(second, 1, bias=False),  # Z would take a constant back
        )
        self.steps, self.numbers_per_latent = steps, sum(TILT_WIDTHS) + math.prod(shape)
        self._known: tuple[list[tuple[int, int]], Chains] | None = None
        self.register_buffer("origin", torch.zeros(shape), persistent=False)

    def tilt(self, z: Tensor) -> Tensor:
        """Return f(z), (..., *latent) to (...), nats."""
        value: Tensor = TILT_SCALE * self.network(z)[..., 0]
        return value.to(z.dtype)

    def forward(self) -> TiltedNormal:
        chains = self._run(TRAINING_CHAINS, self.steps) if self.training else self._fixed_chains()
        log_z = chains.log_z
        if torch.is_grad_enabled():
            # The value is the estimate, the gradient that of the mean of f over draws.
            mean = self.tilt(chains.z).mean()
            log_z = log_z + (mean - mean.detach())
        return TiltedNormal(self, log_z, chains.z)

    def draw(self, lead: torch.Size) -> Tensor:
        """Return the ends of chains, (*lead, *latent)."""
        return run_chains(self.tilt, lead, self.origin, self.steps, NOISE_SCALE).z

    def _run(self, n: int, steps: int) -> Chains:
        with noise.global_rng():
            return run_chains(self.tilt, torch.Size((n,)), self.origin, steps, NOISE_SCALE)

    def _fixed_chains(self) -> Chains:
        # Weights change in place, which their version counts.
        versions = [(id(p), p._version) for p in self.parameters()]
        if self._known is None or self._known[0] != versions:
            with noise.seeded_rng(0):
                self._known = versions, self._run(EVALUATION_CHAINS, EVALUATION_LENGTH * self.steps)
        return self._known[1]

    @property
    def log_z_error(self) -> Tensor:
        """The standard error of log Z as it is estimated outside training, nats."""
        return self._fixed_chains().log_z_error


class TiltedNormal(UncheckedDistribution):
    """The density of an :class:`EnergyPrior`.

    Args:
        prior: that it is of.
        log_z: the logarithm of its normalizer, nats.
        z: ends of chains, (n, *latent).
    """

    def __init__(self, prior: EnergyPrior, log_z: Tensor, z: Tensor) -> None:
        self.prior, self.log_z, self.z = prior, log_z, z
        zero = torch.zeros_like(prior.origin)
        self.base = Normal(zero, zero, zero.dim())
        super().__init__(torch.Size(), zero.shape)

    @property
    def mean(self) -> Tensor:
        """The mean over chains, estimated."""
        return self.z.mean(0)

    def log_prob(self, value: Tensor) -> Tensor:
        return self.base.log_prob(value) + self.prior.tilt(value) - self.log_z

    @torch.no_grad()
    def sample(self, sample_shape: Any = torch.Size()) -> Tensor:
        """Draw the ends of chains; without noise, the mean."""
        lead = torch.Size(sample_shape)
        return self.mean.expand(*lead, *self.event_shape) if noise.is_zero() else self.prior.draw(lead)


def _parse_steps(text: str) -> int:
    if not text.isdecimal():
        raise ValueError("the steps of its Langevin chains are a whole number, as 60")
    return int(text)


@register_prior(
    "energy",
    "The standard normal tilted by a learned energy (Pang et al. 2020, arXiv 2006.08205).",
    "STEPS",
    _parse_steps,
)
def make_energy(context: PriorContext, steps: int = CHAIN_STEPS) -> EnergyPrior:
    """Return a tilted normal whose chains take so many steps."""
    return EnergyPrior(context.latent, steps)
