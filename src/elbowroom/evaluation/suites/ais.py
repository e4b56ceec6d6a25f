"""Annealed importance sampling (AIS): an estimate of log p(x) without the encoder, to check the importance bound."""

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
from elbowroom.evaluation.metric import Metric, mean_metric
from elbowroom.evaluation.registry import EvalContext, suite
from elbowroom.evaluation.suites import likelihood
from elbowroom.models.base import GenerativeModel

#: Examples used, at most: each takes 100,000 gradients.
MAX_EXAMPLES = 10
#: Chains per example.
N_CHAINS = 16
#: Temperatures per chain.
N_TEMPERATURES = 500
#: Gradient steps per Hamiltonian move.
LEAPFROG_STEPS = 10
#: Acceptance rate that step sizes are adapted to (Neal 2011, arXiv 1206.1901, section 5.4.4).
TARGET_ACCEPTANCE = 0.65
#: Change of the logarithm of a step size per unit of acceptance rate above or below the target.
ADAPTATION_RATE = 0.15

#: From z (C, B, *latent) to log p(z) and log p(x|z), (C, B) each.
LogDensities = Callable[[Tensor], tuple[Tensor, Tensor]]


@suite("ais", "whether the importance bound is close to log p(x), on a few examples")
def metrics(context: EvalContext) -> dict[str, Metric]:
    """Measure the AIS bound, the importance bound on the same examples, and the difference of the two."""
    batch = next(random_batches(context.eval_split, MAX_EXAMPLES, context.seed))
    if reason := unsupported_reason(context.model, batch):
        names = ("annealed_bound", "importance_bound_there", "annealed_gain")
        return {name: Metric(None, "nats", "", note=reason) for name in names}
    annealed, accepted = ais_bound(context.model, batch, context.seed, N_CHAINS, N_TEMPERATURES, LEAPFROG_STEPS)
    importance = likelihood.estimate_bounds(context.model, batch, context.samples, context.seed)["importance_bound"]
    how = (
        f"annealed importance sampling from the prior: {N_TEMPERATURES} temperatures, {N_CHAINS} chains, "
        f"{LEAPFROG_STEPS} leapfrog steps, {accepted:.0%} accepted; a lower bound in expectation"
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
    """Return why AIS is not defined for this model; empty if it is."""
    with torch.no_grad(), noise.zero_noise():
        draw = model.draw(batch.x, batch.y)
    if not likelihood.has_single_latent(draw):
        return "several latents: chains would have to run through all of them"
    if draw.prior is None:
        return "this model has no prior, so log p(x) is undefined"
    if not model.manifold.is_flat:
        return f"the latents are {model.manifold.description}: Hamiltonian moves would leave them"
    if model.is_quantized:
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
    r"""Return a stochastic lower bound on log p(x) of each example, (B,), nats, and the share of accepted proposals.

    .. math:: f_t(z) = p(z)\, p(x \mid z)^{\beta_t}, \quad
        \log w = \sum_{t=1}^T (\beta_t - \beta_{t-1}) \log p(x \mid z_{t-1}), \quad
        \log \hat p(x) = \log \frac1C \sum_c w_c

    with :math:`z_0` from the prior and :math:`z_t` by one Hamiltonian Monte Carlo move that leaves :math:`f_t`
    invariant. Neal 2001, "Annealed importance sampling", arXiv physics/9803008; Wu, Burda, Salakhutdinov & Grosse
    2017, arXiv 1611.04273, whose sigmoidal temperatures are used. Deviation: their step sizes adapt while the chains
    run, which biases the estimate; here a few pilot chains find a step size for each example and temperature, and the
    chains of the estimate use these, so that the estimate of p(x) is unbiased.

    Args:
        model: with one continuous latent and a differentiable decoder, in evaluation mode.
        batch: the examples.
        seed: of the chains, with the index of each example; the rest of the batch does not matter.
        chains: C, per example.
        temperatures: T, moves per chain.
        leapfrog_steps: gradients per move.
    """
    with torch.no_grad():
        prior = model.draw(batch.x, batch.y).latents[0].prior
    assert prior is not None

    def log_densities(z: Tensor) -> tuple[Tensor, Tensor]:
        return prior.log_prob(z), model.decode(z, model.as_condition(batch.y)).log_prob(batch.x)

    betas = inverse_temperatures(temperatures).tolist()
    # Each move uses the next seed, so the pilot's seeds start far from all others.
    with noise.keyed_noise(seed + 2**40, batch.index):
        pilot = _sample_start(prior, len(batch.x), max(1, chains // 4))
        _, _, step_sizes = _anneal(log_densities, pilot, betas, leapfrog_steps, None)
    with noise.keyed_noise(seed, batch.index):
        start = _sample_start(prior, len(batch.x), chains)
        log_w, accepted, _ = _anneal(log_densities, start, betas, leapfrog_steps, step_sizes)
    return log_w.logsumexp(0) - math.log(chains), accepted


def inverse_temperatures(temperatures: int) -> Tensor:
    """Return inverse temperatures from 0 to 1, (T + 1,), on a sigmoid: dense at both ends, where densities change most.

    >>> inverse_temperatures(4)
    tensor([0.0000, 0.1050, 0.5000, 0.8950, 1.0000], dtype=torch.float64)
    """
    s = torch.linspace(-4, 4, temperatures + 1, dtype=torch.float64).sigmoid()
    return (s - s[0]) / (s[-1] - s[0])


def _sample_start(prior: Distribution, examples: int, chains: int) -> Tensor:
    """Draw latents from the prior, (C, B, *latent)."""
    with torch.no_grad():
        return prior.sample(torch.Size((chains, examples)[: 2 - len(prior.batch_shape)]))


def _anneal(
    log_densities: LogDensities, z: Tensor, betas: list[float], leapfrog_steps: int, step_sizes: list[Tensor] | None
) -> tuple[Tensor, float, list[Tensor]]:
    """Run chains from z (C, B, *latent); step sizes that are not given are adapted on the way.

    Returns:
        The log weights (C, B), the share of accepted proposals, and the step sizes of each move, (B, 1, ...).
    """
    log_w = torch.zeros(z.shape[:2], dtype=torch.float64, device=z.device)
    step = torch.full((z.shape[1], *[1] * (z.dim() - 2)), 0.1, device=z.device)
    used, accepted, state = [], 0.0, _evaluate_state(log_densities, z)
    for t, (previous, beta) in enumerate(pairwise(betas)):
        log_w += (beta - previous) * state.log_px.double()
        step = step if step_sizes is None else step_sizes[t]
        used.append(step)
        state, rate = _hmc_step(log_densities, state, beta, step, leapfrog_steps)
        accepted += rate.mean().item() / (len(betas) - 1)
        step = step * (ADAPTATION_RATE * (rate - TARGET_ACCEPTANCE)).exp().reshape(step.shape)
    return log_w, accepted, used


class _ChainState(NamedTuple):
    """Positions of the chains, (C, B, *latent), both log-densities, (C, B), and their gradients with respect to z."""

    z: Tensor
    log_pz: Tensor
    log_px: Tensor
    grad_log_pz: Tensor
    grad_log_px: Tensor


def _evaluate_state(log_densities: LogDensities, z: Tensor) -> _ChainState:
    with torch.enable_grad():
        z = z.detach().requires_grad_()
        logs = log_densities(z)
        gradients = [torch.autograd.grad(log.sum(), z)[0] for log in logs]
    return _ChainState(z.detach(), *(log.detach() for log in logs), *gradients)


def _hmc_step(
    log_densities: LogDensities, state: _ChainState, beta: float, step_size: Tensor, leapfrog_steps: int
) -> tuple[_ChainState, Tensor]:
    """Make one Hamiltonian Monte Carlo move at this temperature.

    Returns:
        The state after acceptance or rejection, and the mean acceptance probability over the chains, (B,).
    """
    momentum, proposal = noise.standard_normal(state.z.shape, state.z), state
    start = _negative_hamiltonian(state, beta, momentum)
    for _ in range(leapfrog_steps):
        momentum = momentum + step_size / 2 * (proposal.grad_log_pz + beta * proposal.grad_log_px)
        proposal = _evaluate_state(log_densities, proposal.z + step_size * momentum)
        momentum = momentum + step_size / 2 * (proposal.grad_log_pz + beta * proposal.grad_log_px)
    gain = _negative_hamiltonian(proposal, beta, momentum) - start
    probability = gain.clamp_max(0).exp().nan_to_num(0)
    # The keyed noise is normal; its distribution function makes it uniform.
    uniform = torch.special.ndtr(noise.standard_normal(torch.Size((*gain.shape, 1)), gain)).squeeze(-1)
    accept = uniform < probability
    chosen = [torch.where(_expand_like(accept, new), new, old) for new, old in zip(proposal, state, strict=True)]
    return _ChainState(*chosen), probability.mean(0)


def _negative_hamiltonian(state: _ChainState, beta: float, momentum: Tensor) -> Tensor:
    return state.log_pz + beta * state.log_px - momentum.square().flatten(2).sum(-1) / 2


def _expand_like(accept: Tensor, like: Tensor) -> Tensor:
    return accept.reshape(*accept.shape, *[1] * (like.dim() - accept.dim()))
