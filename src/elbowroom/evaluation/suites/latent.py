"""What the code carries."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from elbowroom import noise
from elbowroom.distributions import CodebookCategorical, Quantized, kl_elements
from elbowroom.evaluation.metric import Metric
from elbowroom.evaluation.registry import EvalContext, suite
from elbowroom.models.draw import Latent

#: Variance over the data of a dimension's posterior mean, above which it counts as used (Burda et al. 2016).
ACTIVE_VARIANCE = 0.01
#: Samples of the latents above, over which the figures of a lower latent are averaged.
ANCESTOR_SAMPLES = 16


@suite("latent", "what each dimension of the code carries", default=True)
@torch.no_grad()
def metrics(context: EvalContext) -> dict[str, Metric]:
    """KL per dimension and active units of every latent; for a codebook, how many codes are in use."""
    tallies: list[_LatentStatistics] = []
    model, split = context.model, context.eval_split
    first = next(split.batches(1))
    with noise.zero_noise():
        k = 1 if len(model.draw(first.x, first.y).latents) == 1 else ANCESTOR_SAMPLES
    for batch in split.batches(context.batch_size):
        with noise.keyed_noise(context.seed, batch.index):
            latents = model.draw(batch.x, batch.y, k).latents
        tallies = tallies or [_LatentStatistics() for _ in latents]
        for tally, latent in zip(tallies, latents, strict=True):
            tally.add(latent)
    names = [""] if len(tallies) == 1 else [f"_z{i}" for i in range(1, len(tallies) + 1)]
    return {
        key + name: replace(m, samples=k)
        for tally, name in zip(tallies, names, strict=True)
        for key, m in tally.metrics().items()
    }


class _LatentStatistics:
    """Running sums over the examples of one latent."""

    def __init__(self) -> None:
        self._n_examples = 0
        self._kl_sum: Tensor | None = None
        self._kl_square_sum: Tensor | float = 0.0
        self._mean_sum = self._mean_square_sum = torch.zeros(())
        self._code_counts: Tensor | None = None

    def add(self, latent: Latent) -> None:
        mean = latent.q.mean.double()
        elements = None if latent.prior is None else kl_elements(latent.q, latent.prior)
        if len(latent.q.batch_shape) > 1:
            # A latent below another has a posterior for each sample of those above. Products of means of different
            # samples estimate the square of their expectation without the samples' own variance.
            k = len(mean)
            square = (mean.sum(0) ** 2 - (mean**2).sum(0)) / (k * (k - 1))
            mean, elements = mean.mean(0), None if elements is None else elements.mean(0)
        else:
            square = mean**2
        self._n_examples += len(mean)
        if elements is not None:
            total = elements.double().sum(0)
            self._kl_sum = total if self._kl_sum is None else self._kl_sum + total
            self._kl_square_sum = self._kl_square_sum + elements.double().square().sum(0)
        if isinstance(latent.q, Quantized) and isinstance(latent.prior, CodebookCategorical):
            used = latent.q.indices.flatten().bincount(minlength=latent.prior.codebook.shape[0]).double()
            self._code_counts = used if self._code_counts is None else self._code_counts + used
        self._mean_sum = self._mean_sum.to(mean.device) + mean.sum(0)
        self._mean_square_sum = self._mean_square_sum.to(mean.device) + square.sum(0)

    def metrics(self) -> dict[str, Metric]:
        n: dict[str, Any] = {"examples": self._n_examples}
        found = {}
        if self._kl_sum is None:
            note = "the prior does not factorise over the dimensions, or there is none"
            found["kl_per_dimension"] = Metric(None, "nats", "", note=note, **n)
        else:
            mean = self._kl_sum / self._n_examples
            spread = (self._kl_square_sum / self._n_examples - mean**2).clamp_min(0) / max(1, self._n_examples - 1)
            how = "mean over examples; ± of the dimension where it is largest"
            found["kl_per_dimension"] = Metric(mean.flatten().tolist(), "nats", how, spread.max().sqrt().item(), **n)
        if self._code_counts is not None:
            share = self._code_counts / self._code_counts.sum()
            perplexity = (-(share * share.clamp_min(1e-30).log()).sum()).exp().item()
            how = f"of {len(share)}; perplexity of their use {perplexity:.1f}"
            found["codes_in_use"] = Metric(float((share > 0).sum()), "codes", how, **n)
            return found
        variance = self._mean_square_sum / self._n_examples - (self._mean_sum / self._n_examples) ** 2
        how = f"of {variance.numel()}; variance of the mean over the data > {ACTIVE_VARIANCE}"
        # Whether a dimension would count for other examples is a coin, by the normal error of its variance.
        error = (variance * math.sqrt(2 / max(1, self._n_examples - 1))).clamp_min(1e-12)
        counts = torch.special.ndtr((variance - ACTIVE_VARIANCE) / error)
        doubt = (counts * (1 - counts)).sum().sqrt().item()
        found["active_units"] = Metric(float((variance > ACTIVE_VARIANCE).sum()), "dimensions", how, doubt, **n)
        return found
