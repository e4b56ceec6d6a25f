"""Aggregate posterior q(z): mutual information, KL divergence from the prior, total correlation."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.distributions import Distribution

from elbowroom import noise
from elbowroom.data.splits.memory import random_batches
from elbowroom.distributions import CodeCategorical, Normal, no_density_reason
from elbowroom.evaluation.metric import Metric, mean_metric
from elbowroom.evaluation.registry import EvalContext, suite
from elbowroom.evaluation.suites import likelihood
from elbowroom.models.draw import Latent
from elbowroom.models.hamiltonian import HamiltonianPosterior

#: Examples whose posteriors are mixed, at most: the work grows with their square.
MAX_EXAMPLES = 10_000
#: Log-densities per evaluation (pairs of examples times latent dimensions), at most.
MAX_PAIR_NUMBERS = 2e9
#: Numbers in memory at a time.
CHUNK_NUMBERS = 2_000_000

#: Metrics of the suite by name.
FORMULAS = {
    "mutual_information": "E[log q(z|x) − log q(z)]",
    "aggregate_gap": "KL(q(z) ‖ p(z))",
    "total_correlation": "KL(q(z) ‖ ∏ q(z_j))",
    "dimension_gap": "Σ KL(q(z_j) ‖ p(z_j))",
}

#: Notes for posteriors that hardly overlap, so that the latent identifies the example.
COARSE_NOTES = {
    "mutual_information": "near its ceiling, log N = {ceiling:.2f}: a lower bound on the information of z about x",
    "aggregate_gap": "the mixture has gaps between its posteriors: more examples would lower this",
    "total_correlation": "the mixture has gaps between its posteriors: more examples would lower this",
}


@dataclass
class AggregateLogDensities:
    """Log-densities of one latent z of each of N examples, (N,), nats; ``None`` where undefined.

    Attributes:
        posterior: log q(z|x), under the posterior z was drawn from.
        aggregate: log q(z), under the mixture of all N posteriors.
        marginals: log ∏ q(z_j), under the product of that mixture's marginals.
        prior: log p(z).
        has_factorized_prior: whether p(z) is the product of its marginals.
    """

    posterior: Tensor
    aggregate: Tensor
    marginals: Tensor | None
    prior: Tensor | None
    has_factorized_prior: bool


@suite("aggregate_posterior", "how the latents of all examples together fill the prior")
@torch.no_grad()
def metrics(context: EvalContext) -> dict[str, Metric]:
    r"""Measure mutual information, aggregate gap, total correlation and dimension gap of the aggregate posterior.

    .. math:: q(z) = \frac1N \sum_n q(z \mid x_n),
        \quad \mathrm{KL}(q(z \mid x) \Vert p(z)) = I_q(x; z) + \mathrm{KL}(q(z) \Vert p(z))
    .. math:: \mathrm{KL}(q(z) \Vert p(z)) = \mathrm{TC} + \sum_j \mathrm{KL}(q(z_j) \Vert p(z_j))

    Hoffman & Johnson 2016, "ELBO surgery"; Chen et al. 2018, arXiv 1802.04942, without their minibatches: every latent
    is scored under the posteriors of all N examples. The last equation is for priors that factorise.
    """
    reason, latents = _draw_latents(context)
    if reason:
        return {name: Metric(None, "nats", "", note=reason) for name in FORMULAS}
    logs = _discrete_log_densities(latents) if context.model.is_quantized else _continuous_log_densities(latents)
    factorized_prior = logs.prior if logs.has_factorized_prior else None
    differences = {
        "mutual_information": (logs.posterior, logs.aggregate, ""),
        "aggregate_gap": (logs.aggregate, logs.prior, "this model has no prior"),
        "total_correlation": (logs.aggregate, logs.marginals, "the posterior does not factorise over the dimensions"),
        "dimension_gap": (logs.marginals, factorized_prior, "the prior does not factorise"),
    }
    n = len(logs.posterior)
    is_coarse = (logs.posterior - logs.aggregate).mean().item() > 0.9 * math.log(n)
    results = {}
    for name, (above, below, undefined) in differences.items():
        if above is None or below is None:
            results[name] = Metric(None, "nats", "", note=undefined)
        else:
            how = f"{FORMULAS[name]}; q(z) mixes the posteriors of {n:,} examples"
            note = COARSE_NOTES.get(name, "").format(ceiling=math.log(n)) if is_coarse else ""
            results[name] = mean_metric(above - below, "nats", how, samples=1, note=note or None)
    return results


def _draw_latents(context: EvalContext) -> tuple[str, list[Latent]]:
    """Return why q(z) is undefined for this model (empty if it is defined), and the latent of each batch."""
    model = context.model
    examples = min(MAX_EXAMPLES, int(math.sqrt(MAX_PAIR_NUMBERS / max(1, math.prod(model.latent_shape)))))
    latents = []
    for batch in random_batches(context.eval_split, examples, context.seed, batch_size=context.batch_size):
        with noise.keyed_noise(context.seed, batch.index):
            draw = model.draw(batch.x, batch.y)
        latent = draw.latents[-1]
        if not likelihood.has_single_latent(draw):
            return "several latents: the posterior of one depends on another, so there is no q(z) to mix", []
        if reason := no_density_reason(latent.q):
            return reason, []
        if isinstance(latent.q, HamiltonianPosterior):
            return "a Hamiltonian posterior scores its own draws alone", []
        if latent.prior is not None and latent.prior.batch_shape:
            return "the model is conditional: every label has a prior and an aggregate of its own", []
        latents.append(latent)
    return "", latents


def _continuous_log_densities(latents: list[Latent]) -> AggregateLogDensities:
    z = torch.cat([latent.z[0] for latent in latents])
    posterior = torch.cat([latent.log_qz[0] for latent in latents])
    prior = latents[0].prior
    log_prior = None if prior is None else torch.cat([latent.log_pz[0] for latent in latents])
    if all(isinstance(latent.q, Normal) for latent in latents):
        aggregate, marginals = _normal_mixture_log_densities([latent.q for latent in latents], z)
        return AggregateLogDensities(posterior, aggregate, marginals, log_prior, isinstance(prior, Normal))
    chunks = torch.split(z, max(1, CHUNK_NUMBERS // z.numel()))
    logs = [torch.cat([latent.q.log_prob(chunk[:, None]) for latent in latents], 1) for chunk in chunks]
    aggregate = torch.cat([log.logsumexp(1) for log in logs]) - math.log(len(z))
    return AggregateLogDensities(posterior, aggregate, None, log_prior, isinstance(prior, Normal))


def _normal_mixture_log_densities(posteriors: list[Distribution], z: Tensor) -> tuple[Tensor, Tensor]:
    """Return log q(z) and log ∏ q(z_j) of latents z (N, *latent), (N,) each."""
    # Examples are the last dimension, which the sums are over.
    loc = torch.cat([q.mean for q in posteriors]).flatten(1).T
    variance = torch.cat([q.variance for q in posteriors]).flatten(1).T
    scale, constant = -0.5 / variance, -0.5 * (2 * math.pi * variance).log()
    aggregate, marginals = [], []
    for chunk in torch.split(z.flatten(1), max(1, CHUNK_NUMBERS // loc.numel())):
        logs = (chunk[..., None] - loc).square_().mul_(scale).add_(constant)
        aggregate.append(logs.sum(1).logsumexp(-1))
        marginals.append(logs.logsumexp(-1).double().sum(1))
    dims, n = loc.shape
    return torch.cat(aggregate) - math.log(n), torch.cat(marginals) - dims * math.log(n)


def _discrete_log_densities(latents: list[Latent]) -> AggregateLogDensities:
    """Return the log-probabilities of quantized latents: q(z|x) is 1, and q(z) is the frequency of z."""
    indices = torch.cat([latent.q.indices for latent in latents])  # type: ignore[attr-defined]
    n = len(indices)
    _, inverse, counts = torch.unique(indices, dim=0, return_inverse=True, return_counts=True)
    aggregate = (counts[inverse] / n).double().log()
    frequencies = [column.bincount()[column] / n for column in indices.flatten(1).T]
    marginals = torch.stack(frequencies).double().log().sum(0)
    prior = latents[0].prior
    factorized = isinstance(prior, CodeCategorical)
    log_prior = torch.cat([latent.log_pz[0] for latent in latents]) if prior is not None else None
    return AggregateLogDensities(torch.zeros_like(aggregate), aggregate, marginals, log_prior, factorized)
