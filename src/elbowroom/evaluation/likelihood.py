"""Bounds on log p(x), over a split, with any number of samples in bounded memory."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from elbowroom import noise
from elbowroom.data import Batch, Split
from elbowroom.evaluation.metric import Metric, mean
from elbowroom.model import Generative

#: Numbers that the widest tensor of one pass may hold: 8 million singles are 32 MB, and a pass makes a few of them.
CHUNK = 8_000_000


def width(model: Generative) -> int:
    """How many numbers one sample of one example takes at the widest place of a pass."""
    layers = [parameter.shape[0] for parameter in model.decoder.parameters() if parameter.dim() > 1]
    prior = getattr(getattr(model, "prior", None), "width", 1)
    return max(math.prod(model.shape), model.decoder.family.size, prior, *layers)


def figures(
    model: Generative, split: Split, samples: int, batch_size: int, seed: int, discrete: bool
) -> dict[str, Metric]:
    """ELBO and its terms, importance bound and effective sample size, bits per dimension."""
    scores = [score(model, batch, samples, seed) for batch in split.batches(batch_size)]
    column = {name: torch.cat([s[name] for s in scores]) for name in scores[0]}
    k = {"samples": samples}
    found = {"reconstruction": mean(column["reconstruction"], "nats", "−E_q log p(x|z)", **k)}
    if "kl" not in column:
        note = "a point posterior or no prior: KL, ELBO and bounds are undefined"
        return {"elbo": Metric(None, "nats", "", note=note), **found}
    found = {
        "elbo": mean(column["elbo"], "nats", f"{samples} draws; higher is better", **k),
        **found,
        "kl": mean(column["kl"], "nats", "KL(q(z|x) ‖ p(z))", **k),
    }
    bound, size = column["importance_bound"], column["effective_sample_size"]
    found["importance_bound"] = mean(bound, "nats", f"log mean of {samples} weights; higher is better", **k)
    found["effective_sample_size"] = mean(size, "samples", f"(Σw)²/Σw², of {samples}", **k)
    if discrete:
        scale = -1 / (math.log(2) * math.prod(model.shape))
        found["bits_per_dim"] = mean(bound * scale, "bits", "of the bound above; lower is better", **k)
    return found


@torch.no_grad()
def score(model: Generative, batch: Batch, samples: int, seed: int) -> dict[str, Tensor]:
    """One value per example of a batch: ``reconstruction``, and if defined ``kl elbo importance_bound ess``.

    The samples are drawn in chunks; what is kept between them is a running sum per example.
    """
    chunk = max(1, CHUNK // (len(batch.x) * width(model)))
    log_px = kl = torch.zeros(len(batch.x), dtype=torch.float64, device=batch.x.device)
    log_w = log_w2 = torch.full_like(log_px, -math.inf)
    probabilistic = True
    for first in range(0, samples, chunk):
        k = min(chunk, samples - first)
        with noise.keyed(seed, batch.index, first):
            draw = model.draw(batch.x, batch.y, k)
        log_px = log_px + draw.log_px.double().sum(0)
        if probabilistic := draw.probabilistic:
            kl = kl + draw.kl.double() * k
            w = draw.log_w.double()
            log_w = torch.logaddexp(log_w, w.logsumexp(0))
            log_w2 = torch.logaddexp(log_w2, (2 * w).logsumexp(0))
    log_px, kl = log_px / samples, kl / samples
    if not probabilistic:
        return {"reconstruction": -log_px}
    return {
        "reconstruction": -log_px,
        "kl": kl,
        "elbo": log_px - kl,
        "importance_bound": log_w - math.log(samples),
        "effective_sample_size": (2 * log_w - log_w2).exp(),
    }
