"""The aggregate posterior: what the codes of all examples together look like, beside the prior."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.distributions import Distribution

from elbowroom import noise
from elbowroom.data.splits.memory import random_batches
from elbowroom.distributions import CodebookCategorical, Normal, Quantized, has_density
from elbowroom.evaluation.metric import Metric, mean_metric
from elbowroom.evaluation.registry import EvalContext, suite
from elbowroom.evaluation.suites import likelihood
from elbowroom.models.draw import Latent

#: Examples whose posteriors are mixed, at most; the work grows with their square,
MAX_EXAMPLES = 10_000
#: and with the size of the code: numbers that all pairs of them may hold.
MAX_PAIR_NUMBERS = 2e9
#: Numbers held at a time.
CHUNK_NUMBERS = 2_000_000

FORMULAS = {
    "mutual_information": "E[log q(z|x) − log q(z)]",
    "aggregate_gap": "KL(q(z) ‖ p(z))",
    "total_correlation": "KL(q(z) ‖ ∏ q(z_j))",
    "dimension_gap": "Σ KL(q(z_j) ‖ p(z_j))",
}

#: What must be known where the posteriors hardly overlap, so that an example can be told from its code.
COARSE_NOTES = {
    "mutual_information": "near its ceiling, log N = {most:.2f}: a floor for what the code holds of x",
    "aggregate_gap": "the mixture has gaps between its posteriors: more examples would lower this",
    "total_correlation": "the mixture has gaps between its posteriors: more examples would lower this",
}


@dataclass
class AggregateLogDensities:
    """Log-densities of one code z for each of N examples, (N,), nats; ``None`` what is not defined.

    Attributes:
        posterior: log q(z|x), of the posterior it was drawn from.
        aggregate: log q(z), of the mixture of all N.
        marginals: log of the product of that mixture's marginals.
        prior: log p(z).
        has_factorized_prior: whether p(z) is the product of its marginals.
    """

    posterior: Tensor
    aggregate: Tensor
    marginals: Tensor | None
    prior: Tensor | None
    has_factorized_prior: bool


@suite("aggregate", "how the codes of all examples together fill the prior")
@torch.no_grad()
def metrics(context: EvalContext) -> dict[str, Metric]:
    r"""``mutual_information aggregate_gap total_correlation dimension_gap``, by the mixture of all posteriors.

    .. math:: q(z) = \frac1N \sum_n q(z \mid x_n),
        \quad \mathrm{KL}(q(z \mid x) \Vert p(z)) = I_q(x; z) + \mathrm{KL}(q(z) \Vert p(z))
    .. math:: \mathrm{KL}(q(z) \Vert p(z)) = \mathrm{TC} + \sum_j \mathrm{KL}(q(z_j) \Vert p(z_j))

    Hoffman & Johnson 2016, "ELBO surgery"; Chen et al. 2018, arXiv 1802.04942, without their minibatches: every code is
    scored under the posteriors of all N examples. The last equation is for priors that factorise.
    """
    why, latents = _draw_latents(context)
    if why:
        return {name: Metric(None, "nats", "", note=why) for name in FORMULAS}
    logs = (
        _discrete_log_densities(latents) if isinstance(latents[0].q, Quantized) else _continuous_log_densities(latents)
    )
    differences = {
        "mutual_information": (logs.posterior, logs.aggregate, ""),
        "aggregate_gap": (logs.aggregate, logs.prior, "this model has no prior"),
        "total_correlation": (logs.aggregate, logs.marginals, "the posterior does not factorise over the dimensions"),
        "dimension_gap": (
            logs.marginals,
            logs.prior if logs.has_factorized_prior else None,
            "the prior does not factorise",
        ),
    }
    n = len(logs.posterior)
    coarse = (logs.posterior - logs.aggregate).mean().item() > 0.9 * math.log(n)
    found = {}
    for name, (above, below, otherwise) in differences.items():
        if above is None or below is None:
            found[name] = Metric(None, "nats", "", note=otherwise)
        else:
            how = f"{FORMULAS[name]}; q(z) mixes the posteriors of {n:,} examples"
            note = COARSE_NOTES.get(name, "").format(most=math.log(n)) if coarse else ""
            found[name] = mean_metric(above - below, "nats", how, samples=1, note=note or None)
    return found


def _draw_latents(context: EvalContext) -> tuple[str, list[Latent]]:
    """The latent of each batch, or why there is none to mix."""
    model = context.model
    examples = min(MAX_EXAMPLES, int(math.sqrt(MAX_PAIR_NUMBERS / max(1, math.prod(model.latent_shape)))))
    found = []
    for batch in random_batches(context.eval_split, examples, context.seed, batch_size=context.batch_size):
        with noise.keyed_noise(context.seed, batch.index):
            draw = model.draw(batch.x, batch.y)
        latent = draw.latents[-1]
        if not likelihood.has_single_latent(draw):
            return "several latents: the posterior of one depends on another, so there is no q(z) to mix", []
        if not has_density(latent.q):
            return "a point posterior has no density", []
        if latent.prior is not None and latent.prior.batch_shape:
            return "the model is conditional: every label has a prior and an aggregate of its own", []
        found.append(latent)
    return "", found


def _continuous_log_densities(latents: list[Latent]) -> AggregateLogDensities:
    z = torch.cat([latent.z[0] for latent in latents])
    own = torch.cat([latent.log_qz[0] for latent in latents])
    prior = latents[0].prior
    log_prior = None if prior is None else torch.cat([latent.log_pz[0] for latent in latents])
    if all(isinstance(latent.q, Normal) for latent in latents):
        mixed, product = _normal_mixture_log_densities([latent.q for latent in latents], z)
        return AggregateLogDensities(own, mixed, product, log_prior, isinstance(prior, Normal))
    rows = max(1, CHUNK_NUMBERS // z.numel())
    parts = [torch.cat([latent.q.log_prob(part[:, None]) for latent in latents], 1) for part in z.split(rows)]
    mixed = torch.cat([part.logsumexp(1) for part in parts]) - math.log(len(z))
    return AggregateLogDensities(own, mixed, None, log_prior, isinstance(prior, Normal))


def _normal_mixture_log_densities(posteriors: list[Distribution], z: Tensor) -> tuple[Tensor, Tensor]:
    """log q(z) and log of the product of its marginals for the codes z, (N, *latent): two of (N,)."""
    # Examples last, since it is over them that densities are added up.
    loc = torch.cat([q.mean for q in posteriors]).flatten(1).T
    variance = torch.cat([q.variance for q in posteriors]).flatten(1).T
    scale, constant = -0.5 / variance, -0.5 * (2 * math.pi * variance).log()
    mixed, product = [], []
    for part in z.flatten(1).split(max(1, CHUNK_NUMBERS // loc.numel())):
        logs = (part[..., None] - loc).square_().mul_(scale).add_(constant)
        mixed.append(logs.sum(1).logsumexp(-1))
        product.append(logs.logsumexp(-1).double().sum(1))
    count, size = loc.shape[1], loc.shape[0]
    return torch.cat(mixed) - math.log(count), torch.cat(product) - size * math.log(count)


def _discrete_log_densities(latents: list[Latent]) -> AggregateLogDensities:
    """A quantised code is what it is with probability one, so the mixture counts how often each occurs."""
    indices = torch.cat([latent.q.indices for latent in latents])  # type: ignore[attr-defined]
    n = len(indices)
    _, which, counts = indices.unique(dim=0, return_inverse=True, return_counts=True)
    mixed = (counts[which] / n).double().log()
    by_position = [column.bincount()[column] / n for column in indices.T]
    product = torch.stack(by_position).double().log().sum(0)
    prior = latents[0].prior
    factorises = isinstance(prior, CodebookCategorical)
    log_prior = torch.cat([latent.log_pz[0] for latent in latents]) if prior is not None else None
    return AggregateLogDensities(torch.zeros_like(mixed), mixed, product, log_prior, factorises)
