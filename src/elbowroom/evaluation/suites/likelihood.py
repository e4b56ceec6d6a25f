"""Bounds on log p(x), over a split, with any number of samples in bounded memory."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn

from elbowroom import noise
from elbowroom.data import Batch
from elbowroom.evaluation.compatibility import is_probability
from elbowroom.evaluation.metric import Metric, mean_metric
from elbowroom.evaluation.registry import EvalContext, suite
from elbowroom.models.base import GenerativeModel
from elbowroom.models.draw import Draw, Latent

#: Numbers that the widest tensor of a pass may hold,
MAX_TENSOR_NUMBERS = 1_500_000
#: and one of the decoder's, when it decodes what was drawn: 2.4 MB, about what the cache next to a core holds.
MAX_DECODED_NUMBERS = 600_000
#: How many times as much elsewhere than on a CPU.
ACCELERATOR_FACTOR = 64


@suite("likelihood", "how probable the data is under the model", default=True)
def metrics(context: EvalContext) -> dict[str, Metric]:
    """ELBO and its terms, importance bound and effective sample size, bits per dimension."""
    model, samples = context.model, context.samples
    scores = [
        estimate_bounds(model, batch, samples, context.seed) for batch in context.eval_split.batches(context.batch_size)
    ]
    column = {name: torch.cat([s[name] for s in scores]) for name in scores[0]}
    k = {"samples": samples}
    found = {"reconstruction": mean_metric(column["reconstruction"], "nats", "−E_q log p(x|z)", **k)}
    if "kl" not in column:
        note = "a point posterior or no prior: KL, ELBO and bounds are undefined"
        return {"elbo": Metric(None, "nats", "", note=note), **found}
    found = {
        "elbo": mean_metric(column["elbo"], "nats", f"{samples} draws; higher is better", **k),
        **found,
        "kl": mean_metric(column["kl"], "nats", "KL(q(z|x) ‖ p(z))", **k),
    }
    bound, size = column["importance_bound"], column["effective_sample_size"]
    found["importance_bound"] = mean_metric(bound, "nats", f"log mean of {samples} weights; higher is better", **k)
    found["effective_sample_size"] = mean_metric(size, "samples", f"(Σw)²/Σw², of {samples}", **k)
    if is_probability(model, context.data):
        scale = -1 / (math.log(2) * math.prod(model.shape))
        found["bits_per_dim"] = mean_metric(bound * scale, "bits", "of the bound above; lower is better", **k)
    return found


@torch.no_grad()
def estimate_bounds(model: GenerativeModel, batch: Batch, samples: int, seed: int) -> dict[str, Tensor]:
    """One value per example of a batch: ``reconstruction``, and if defined ``kl elbo importance_bound ess``."""
    latent, decoder = count_activations(model, batch)
    scale = 1 if batch.x.device.type == "cpu" else ACCELERATOR_FACTOR
    few = max(1, scale * MAX_TENSOR_NUMBERS // max(samples * latent, decoder))
    x, index = batch.x.split(few), batch.index.split(few)
    y = [None] * len(x) if batch.y is None else batch.y.split(few)
    parts = [Batch(*part) for part in zip(x, y, index, strict=True)]
    rooms = _SampleLimits(
        *(
            max(1, scale * room // few)
            for room in (MAX_TENSOR_NUMBERS // latent, MAX_DECODED_NUMBERS // decoder, MAX_TENSOR_NUMBERS // decoder)
        )
    )
    scores = [_estimate_bounds(model, part, samples, rooms, seed) for part in parts]
    return {name: torch.cat([s[name] for s in scores]) for name in scores[0]}


class _SampleLimits(NamedTuple):
    """For how many samples of each example there is room: when they are drawn, decoded, or both at once."""

    draw_limit: int
    decode_limit: int
    joint_limit: int


def count_activations(model: GenerativeModel, batch: Batch) -> tuple[int, int]:
    """How many numbers a sample takes at most, where it is drawn and where it is decoded."""
    sizes = [math.prod(model.shape)]

    def note(module: nn.Module, given: object, out: object) -> None:
        if isinstance(out, Tensor):
            sizes.append(out.numel())

    # One example is decoded, to see; a model that sums over classes decodes it for each.
    hooks = [module.register_forward_hook(note) for module in model.decoder.modules()]
    try:
        with noise.zero_noise():
            draw = model.draw(batch.x[:1], None if batch.y is None else batch.y[:1])
    finally:
        for hook in hooks:
            hook.remove()
    # A prior of many components encodes or expands them all whenever codes are drawn, so it may take more room.
    prior = getattr(getattr(model, "prior", None), "numbers_per_latent", 1) // 4
    return max(prior, *(latent.z.numel() for latent in draw.latents)), max(sizes)


@torch.inference_mode()
def _estimate_bounds(
    model: GenerativeModel, batch: Batch, samples: int, limits: _SampleLimits, seed: int
) -> dict[str, Tensor]:
    """What is kept between the passes is a running sum per example."""
    with noise.zero_noise():
        peek = model.draw(batch.x, batch.y)
    log_px = kl = torch.zeros(len(batch.x), dtype=torch.float64, device=batch.x.device)
    log_w = log_w2 = torch.full_like(log_px, -math.inf)
    step = limits.draw_limit if has_single_latent(peek) else min(limits.draw_limit, limits.joint_limit)
    for first in range(0, samples, step):
        k = min(step, samples - first)
        with noise.keyed_noise(seed, batch.index, first):
            draw = (
                _sample_and_decode(model, peek, k, limits.decode_limit)
                if has_single_latent(peek)
                else model.draw(batch.x, batch.y, k)
            )
        log_px = log_px + draw.log_px.double().sum(0)
        if draw.is_probabilistic:
            kl = kl + draw.kl.double() * k
            w = draw.log_w.double()
            log_w = torch.logaddexp(log_w, w.logsumexp(0))
            log_w2 = torch.logaddexp(log_w2, (2 * w).logsumexp(0))
    log_px, kl = log_px / samples, kl / samples
    if not peek.is_probabilistic:
        return {"reconstruction": -log_px}
    return {
        "reconstruction": -log_px,
        "kl": kl,
        "elbo": log_px - kl,
        "importance_bound": log_w - math.log(samples),
        "effective_sample_size": (2 * log_w - log_w2).exp(),
    }


def has_single_latent(draw: Draw) -> bool:
    """Whether the draw is z from q(z|x) and p(x|z), with nothing else drawn or summed over on the way."""
    return type(draw) is Draw and len(draw.latents) == 1


def _sample_and_decode(model: GenerativeModel, encoded: Draw, k: int, block_size: int) -> Draw:
    """As ``model.draw``, encoded before; decoded in blocks that are scored before they leave the cache."""
    latent = Latent(encoded.q.rsample(torch.Size((k,))), encoded.q, encoded.prior)
    draw = Draw(encoded.x, encoded.p, latent, c=encoded.c)
    draw.log_px = torch.cat([model.decode(z, encoded.c).log_prob(encoded.x) for z in latent.z.split(block_size)])
    return draw
