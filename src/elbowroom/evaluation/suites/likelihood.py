"""ELBO and importance-weighted bound on log p(x) over a split, in bounded memory for any number of samples."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor, nn

from elbowroom import noise
from elbowroom.data import Batch
from elbowroom.distributions.latent import is_deterministic
from elbowroom.evaluation.compatibility import is_probability
from elbowroom.evaluation.metric import Metric, mean_metric
from elbowroom.evaluation.registry import EvalContext, suite
from elbowroom.models.base import GenerativeModel
from elbowroom.models.draw import Draw, Latent
from elbowroom.samplers.base import Sampler

#: Numbers in the largest tensor of a pass, at most.
MAX_TENSOR_NUMBERS = 1_500_000
#: Numbers in the decoder's largest tensor, at most: 2.4 MB, about the size of a core's cache.
MAX_DECODED_NUMBERS = 600_000
#: On a device other than the CPU, both limits are so many times as large.
ACCELERATOR_FACTOR = 64
#: Added to the seed for the draws of a sampler's log-density, which are others than those of the latents it scores.
DENSITY_SEED = 1_000_003


@suite("likelihood", "how probable the data is under the model", is_default=True)
def metrics(context: EvalContext) -> dict[str, Metric]:
    """Measure ELBO and its terms, importance bound and effective sample size, bits per dimension."""
    model, samples = context.model, context.samples
    scores = [
        estimate_bounds(model, batch, samples, context.seed) for batch in context.eval_split.batches(context.batch_size)
    ]
    values = {name: torch.cat([s[name] for s in scores]) for name in scores[0]}
    k = {"samples": samples}
    reconstruction = mean_metric(values["reconstruction"], "nats", "−E_q log p(x|z)", **k)
    if "kl" not in values:
        note = f"{_undefined_reason(context)}: KL, ELBO and bounds are undefined"
        return {"elbo": Metric(None, "nats", "", note=note), "reconstruction": reconstruction}
    bound, size = values["importance_bound"], values["effective_sample_size"]
    results = {
        "elbo": mean_metric(values["elbo"], "nats", f"{samples} draws; higher is better", **k),
        "reconstruction": reconstruction,
        "kl": mean_metric(values["kl"], "nats", "KL(q(z|x) ‖ p(z))", **k),
        "importance_bound": mean_metric(bound, "nats", f"log mean of {samples} weights; higher is better", **k),
        "effective_sample_size": mean_metric(size, "samples", f"(Σw)²/Σw², of {samples}", **k),
    }
    if is_probability(model, context.data):
        scale = -1 / (math.log(2) * math.prod(model.shape))
        results["bits_per_dim"] = mean_metric(bound * scale, "bits", "of the bound above; lower is better", **k)
    return results


@torch.no_grad()
def _undefined_reason(context: EvalContext) -> str:
    """Return why the model has no bound, in words."""
    first = context.eval_split.first(1)
    with noise.zero_noise():
        return context.model.draw(first.x, first.y).undefined_reason


@torch.no_grad()
def estimate_bounds(
    model: GenerativeModel, batch: Batch, samples: int, seed: int, samplers: Mapping[str, Sampler] | None = None
) -> dict[str, Tensor]:
    """Return one value per example, (B,), nats, of ``reconstruction`` and, if they are defined, of the bounds.

    These are ``kl``, ``elbo``, ``importance_bound`` and ``effective_sample_size``; and ``importance_bound[NAME]`` of
    the model whose prior is the sampler of this name, from the same draws.

    Args:
        model: in evaluation mode.
        batch: the examples.
        samples: K, posterior samples per example.
        seed: of the noise, with the index of each example.
        samplers: with a density over the uppermost latent, whose posterior has one too.
    """
    samplers = samplers or {}
    latent, decoder = count_activations(model, batch)
    latent = max(latent, *(sampler.numbers_per_latent // 4 for sampler in samplers.values()), 1)
    scale = 1 if batch.x.device.type == "cpu" else ACCELERATOR_FACTOR
    size = max(1, scale * MAX_TENSOR_NUMBERS // max(samples * latent, decoder))
    limits = _SampleLimits(
        draw=max(1, scale * (MAX_TENSOR_NUMBERS // latent) // size),
        decode=max(1, scale * (MAX_DECODED_NUMBERS // decoder) // size),
        joint=max(1, scale * (MAX_TENSOR_NUMBERS // decoder) // size),
    )
    scores = [_estimate_bounds(model, part, samples, limits, seed, samplers) for part in _split_batch(batch, size)]
    return {name: torch.cat([s[name] for s in scores]) for name in scores[0]}


def _split_batch(batch: Batch, size: int) -> list[Batch]:
    x, index = torch.split(batch.x, size), torch.split(batch.index, size)
    y = [None] * len(x) if batch.y is None else torch.split(batch.y, size)
    return [Batch(*part) for part in zip(x, y, index, strict=True)]


class _SampleLimits(NamedTuple):
    """How many samples of each example fit into memory: while they are drawn, decoded, or both in one call."""

    draw: int
    decode: int
    joint: int


def count_activations(model: GenerativeModel, batch: Batch) -> tuple[int, int]:
    """Return how many numbers the largest tensor has per sample: where it is drawn, and where it is decoded."""
    sizes = [math.prod(model.shape)]

    def record_size(module: nn.Module, inputs: object, output: object) -> None:
        if isinstance(output, Tensor):
            sizes.append(output.numel())

    # Measured on one example: a model that sums over classes decodes it once for each class.
    hooks = [module.register_forward_hook(record_size) for module in model.decoder.modules()]
    try:
        with noise.zero_noise():
            draw = model.draw(batch.x[:1], None if batch.y is None else batch.y[:1])
    finally:
        for hook in hooks:
            hook.remove()
    # A prior of many components encodes or expands them all for each latent, so it may need more memory.
    prior = model.prior_numbers_per_latent // 4
    return max(prior, *(latent.z.numel() for latent in draw.latents)), max(sizes)


@torch.inference_mode()
def _estimate_bounds(
    model: GenerativeModel,
    batch: Batch,
    samples: int,
    limits: _SampleLimits,
    seed: int,
    samplers: Mapping[str, Sampler],
) -> dict[str, Tensor]:
    """Estimate the bounds in passes of as many samples as fit; only running sums per example are kept between them."""
    with noise.zero_noise():
        encoded = model.draw(batch.x, batch.y)
    single = has_single_latent(encoded)
    log_px = kl = torch.zeros(len(batch.x), dtype=torch.float64, device=batch.x.device)
    log_w = log_w2 = torch.full_like(log_px, -math.inf)
    log_w_samplers = dict.fromkeys(samplers, log_w)
    condition = model.encode_condition(batch.y) if samplers else ()
    step = limits.draw if single else min(limits.draw, limits.joint)
    # Samples of a posterior that gives one value are all alike, and one of them tells what many do.
    distinct = 1 if single and is_deterministic(encoded.q) else samples
    for first in range(0, distinct, step):
        k = min(step, distinct - first)
        with noise.keyed_noise(seed, batch.index, first):
            draw = _sample_and_decode(model, encoded, k, limits.decode) if single else model.draw(batch.x, batch.y, k)
        log_px = log_px + draw.log_px.double().sum(0)
        if draw.is_probabilistic:
            kl = kl + draw.kl.double() * k
            w = draw.log_w.double()
            log_w = torch.logaddexp(log_w, w.logsumexp(0))
            log_w2 = torch.logaddexp(log_w2, (2 * w).logsumexp(0))
        for name, sampler in samplers.items():
            *below, top = draw.latents
            log_sz = log_density(sampler, condition, top, seed, batch.index, first)
            w = draw.log_px + sum((latent.log_pz for latent in below), log_sz) - draw.log_qz
            log_w_samplers[name] = torch.logaddexp(log_w_samplers[name], w.double().logsumexp(0))
    log_px, kl = log_px / distinct, kl / distinct
    sampler_bounds = {f"importance_bound[{name}]": w - math.log(distinct) for name, w in log_w_samplers.items()}
    if not encoded.is_probabilistic:
        return {"reconstruction": -log_px} | sampler_bounds
    return sampler_bounds | {
        "reconstruction": -log_px,
        "kl": kl,
        "elbo": log_px - kl,
        "importance_bound": log_w - math.log(distinct),
        "effective_sample_size": (2 * log_w - log_w2).exp() * (samples / distinct),
    }


def log_density(
    sampler: Sampler, condition: tuple[Tensor, ...], latent: Latent, seed: int, index: Tensor, first: int = 0
) -> Tensor:
    """Return the log-density of a sampler at the samples of a latent of each example, (K, B), nats.

    A density that is itself an estimate draws for one sample at a time, so that it does not depend on how many are
    scored together.

    Args:
        sampler: with a density.
        condition: of each example, encoded; or none at all.
        latent: with its samples, (K, B, *shape).
        seed: of the draws of an estimate.
        index: of each example, (B,).
        first: number of the first sample.
    """
    density = sampler(*condition)
    if sampler.has_exact_density:
        return Latent(latent.z, latent.q, density).log_pz
    rows = []
    for number, row in enumerate(latent.z, first):
        with noise.keyed_noise(seed + DENSITY_SEED + number, index):
            rows.append(density.log_prob(row))
    return torch.stack(rows)


def has_single_latent(draw: Draw) -> bool:
    """Return whether the draw has one latent z from q(z|x), and p(x|z), with nothing else drawn or summed over."""
    return type(draw) is Draw and len(draw.latents) == 1


def _sample_and_decode(model: GenerativeModel, encoded: Draw, k: int, block_size: int) -> Draw:
    """Draw as ``model.draw`` does, from an encoded batch; decode in blocks that are scored while in the cache."""
    latent = Latent(encoded.q.rsample(torch.Size((k,))), encoded.q, encoded.prior)
    draw = Draw(encoded.x, encoded.p, latent, c=encoded.c)
    c = model.as_condition(encoded.c)
    draw.log_px = torch.cat([model.decode(z, c).log_prob(encoded.x) for z in torch.split(latent.z, block_size)])
    return draw
