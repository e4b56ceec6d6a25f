"""Annealed importance sampling: log p(x) without the encoder, as a check on the importance bound."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor
from torch.distributions import Distribution

from elbowroom import noise
from elbowroom.data import Batch
from elbowroom.data.splits.memory import random_batches
from elbowroom.distributions import Quantized
from elbowroom.evaluation.metric import Metric, mean_metric
from elbowroom.evaluation.registry import EvalContext, suite
from elbowroom.evaluation.suites import likelihood
from elbowroom.models.base import GenerativeModel

#: Examples that are looked at, at most: each takes 100,000 gradients.
MAX_EXAMPLES = 10
N_CHAINS = 16
N_TEMPERATURES = 500
LEAPFROG_STEPS = 10
#: Share of proposals that the step sizes aim to have accepted (Neal 2011, arXiv 1206.1901, section 5.4.4).
TARGET_ACCEPTANCE = 0.65
#: How fast: the change of a step's logarithm for each unit of acceptance that it is off.
ADAPTATION_RATE = 0.15

LogDensityPair = Callable[[Tensor], tuple[Tensor, Tensor]]


@suite("annealed", "whether the importance bound is close to log p(x), on a few examples")
def metrics(context: EvalContext) -> dict[str, Metric]:
    """``annealed_bound``, the importance bound on the same examples, and how much of log p(x) that one misses."""
    batch = next(random_batches(context.eval_split, MAX_EXAMPLES, context.seed))
    if why := unsupported_reason(context.model, batch):
        names = ("annealed_bound", "importance_bound_there", "annealed_gain")
        return {name: Metric(None, "nats", "", note=why) for name in names}
    annealed, accepted = ais_bound(context.model, batch, context.seed, N_CHAINS, N_TEMPERATURES, LEAPFROG_STEPS)
    importance = likelihood.estimate_bounds(context.model, batch, context.samples, context.seed)["importance_bound"]
    how = (
        f"annealed importance sampling from the prior: {N_TEMPERATURES} temperatures, {N_CHAINS} chains, {LEAPFROG_STEPS} "
        f"leapfrog steps, {accepted:.0%} accepted; a lower bound in expectation"
    )
    k = context.samples
    return {
        "annealed_bound": mean_metric(annealed, "nats", how, samples=N_CHAINS),
        "importance_bound_there": mean_metric(
            importance, "nats", f"log mean of {k} weights, on the same examples", samples=k
        ),
        "annealed_gain": mean_metric(annealed - importance, "nats", "the first less the second, example by example"),
    }


def unsupported_reason(model: GenerativeModel, batch: Batch) -> str:
    """Why chains cannot be run from this model's prior to its posterior; empty where they can."""
    with torch.no_grad(), noise.zero_noise():
        draw = model.draw(batch.x, batch.y)
    if not likelihood.has_single_latent(draw):
        return "several latents: chains would have to run through all of them"
    if draw.prior is None:
        return "this model has no prior, so log p(x) is undefined"
    if isinstance(draw.q, Quantized):
        return "the codes are discrete: Hamiltonian moves need a gradient"
    return ""


def ais_bound(
    model: GenerativeModel,
    batch: Batch,
    seed: int = 0,
    chains: int = N_CHAINS,
    temperatures: int = N_TEMPERATURES,
    leapfrog_steps: int = LEAPFROG_STEPS,
) -> tuple[Tensor, float]:
    r"""A stochastic lower bound on log p(x) of each example, (B,), nats, and the share of proposals accepted.

    .. math:: f_t(z) = p(z)\, p(x \mid z)^{\beta_t}, \quad
        \log w = \sum_{t=1}^T (\beta_t - \beta_{t-1}) \log p(x \mid z_{t-1}), \quad
        \log \hat p(x) = \log \frac1C \sum_c w_c

    with :math:`z_0` from the prior and :math:`z_t` by one Hamiltonian move that leaves :math:`f_t` invariant. Neal
    2001, "Annealed importance sampling", arXiv physics/9803008; Wu, Burda, Salakhutdinov & Grosse 2017, arXiv
    1611.04273, whose sigmoidal temperatures are used. Deviation: their step sizes adapt as the chains run, which bends
    the target; here a few chains run ahead to find a step size for each example and temperature, and the chains that
    count keep to them, so that the estimate of p(x) is unbiased.

    Args:
        model: of one continuous latent, whose decoder has a gradient, in evaluation mode.
        batch: the examples.
        seed: of the chains; those of an example depend on nothing but it, the example and the settings.
        chains: C, for each example.
        temperatures: T, moves of each chain.
        leapfrog_steps: gradients in each move.
    """
    with torch.no_grad():
        prior = model.draw(batch.x, batch.y).latents[0].prior
    assert prior is not None

    def energy(z: Tensor) -> tuple[Tensor, Tensor]:
        return prior.log_prob(z), model.decode(z, batch.y).log_prob(batch.x)

    betas = inverse_temperatures(temperatures).tolist()
    # Far from any other seed: every move counts up from it.
    with noise.keyed_noise(seed + 2**40, batch.index):
        pilot = _sample_start(prior, len(batch.x), max(1, chains // 4))
        _, _, steps = _anneal(energy, pilot, betas, leapfrog_steps, None)
    with noise.keyed_noise(seed, batch.index):
        log_w, accepted, _ = _anneal(energy, _sample_start(prior, len(batch.x), chains), betas, leapfrog_steps, steps)
    return log_w.logsumexp(0) - math.log(chains), accepted


def inverse_temperatures(temperatures: int) -> Tensor:
    """The inverse temperatures from 0 to 1, (T + 1,): a sigmoid's, dense at both ends where the densities change most.

    >>> inverse_temperatures(4)
    tensor([0.0000, 0.1050, 0.5000, 0.8950, 1.0000], dtype=torch.float64)
    """
    s = torch.linspace(-4, 4, temperatures + 1, dtype=torch.float64).sigmoid()
    return (s - s[0]) / (s[-1] - s[0])


def _sample_start(prior: Distribution, examples: int, chains: int) -> Tensor:
    """Codes from the prior, (C, B, *latent)."""
    with torch.no_grad():
        return prior.sample(torch.Size((chains, examples)[: 2 - len(prior.batch_shape)]))


def _anneal(
    log_densities: LogDensityPair, z: Tensor, betas: list[float], leapfrog_steps: int, step_sizes: list[Tensor] | None
) -> tuple[Tensor, float, list[Tensor]]:
    """Log weights (C, B), the share accepted, and each move's step sizes (B, 1, ...): those given, or found here."""
    log_w = torch.zeros(z.shape[:2], dtype=torch.float64, device=z.device)
    step = torch.full((z.shape[1], *[1] * (z.dim() - 2)), 0.1, device=z.device)
    taken, accepted, point = [], 0.0, _evaluate_state(log_densities, z)
    for t, (before, beta) in enumerate(pairwise(betas)):
        log_w += (beta - before) * point.log_px.double()
        step = step if step_sizes is None else step_sizes[t]
        taken.append(step)
        point, share = _hmc_step(log_densities, point, beta, step, leapfrog_steps)
        accepted += share.mean().item() / (len(betas) - 1)
        step = step * (ADAPTATION_RATE * (share - TARGET_ACCEPTANCE)).exp().reshape(step.shape)
    return log_w, accepted, taken


class _ChainState(NamedTuple):
    """Where chains are, (C, B, ...), both log-densities there, (C, B), and their gradients."""

    z: Tensor
    log_pz: Tensor
    log_px: Tensor
    grad_log_pz: Tensor
    grad_log_px: Tensor


def _evaluate_state(log_densities: LogDensityPair, z: Tensor) -> _ChainState:
    with torch.enable_grad():
        z = z.detach().requires_grad_()
        logs = log_densities(z)
        pulls = [torch.autograd.grad(log.sum(), z)[0] for log in logs]
    return _ChainState(z.detach(), *(log.detach() for log in logs), *pulls)


def _hmc_step(
    log_densities: LogDensityPair, state: _ChainState, beta: float, step_size: Tensor, leapfrog_steps: int
) -> tuple[_ChainState, Tensor]:
    """One Hamiltonian move at this temperature: where it ends, and the chance of acceptance (B,) over the chains."""
    momentum, there = noise.standard_normal(state.z.shape, state.z), state
    start = _negative_hamiltonian(state, beta, momentum)
    for _ in range(leapfrog_steps):
        momentum = momentum + step_size / 2 * (there.grad_log_pz + beta * there.grad_log_px)
        there = _evaluate_state(log_densities, there.z + step_size * momentum)
        momentum = momentum + step_size / 2 * (there.grad_log_pz + beta * there.grad_log_px)
    gain = _negative_hamiltonian(there, beta, momentum) - start
    chance = gain.clamp_max(0).exp().nan_to_num(0)
    # A uniform number is the distribution function of a normal one, and those come from the keyed source.
    uniform = torch.special.ndtr(noise.standard_normal(torch.Size((*gain.shape, 1)), gain)).squeeze(-1)
    accept = uniform < chance
    chosen = [torch.where(_expand_like(accept, new), new, old) for new, old in zip(there, state, strict=True)]
    return _ChainState(*chosen), chance.mean(0)


def _negative_hamiltonian(state: _ChainState, beta: float, momentum: Tensor) -> Tensor:
    return state.log_pz + beta * state.log_px - momentum.square().flatten(2).sum(-1) / 2


def _expand_like(accept: Tensor, like: Tensor) -> Tensor:
    return accept.reshape(*accept.shape, *[1] * (like.dim() - accept.dim()))
