"""KL divergence per latent dimension, active units and codebook usage."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor
from torch.distributions import Distribution

from elbowroom import noise
from elbowroom.distributions import Normal, no_density_reason
from elbowroom.evaluation.metric import Metric
from elbowroom.evaluation.registry import EvalContext, suite
from elbowroom.models.code_usage import CodeUsage
from elbowroom.models.draw import Latent

#: A dimension is active if the variance of its posterior mean over the data exceeds this (Burda et al. 2016), for a
#: prior of variance one.
ACTIVE_VARIANCE = 0.01
#: Samples of the latents above, or of the steps before, over which the metrics of a latent are averaged.
ANCESTOR_SAMPLES = 16


@suite("latent", "what each latent dimension carries", is_default=True)
@torch.no_grad()
def metrics(context: EvalContext) -> dict[str, Metric]:
    """Measure KL per dimension and active units of every latent; of a quantized one, the number of codes in use."""
    statistics: list[_LatentStatistics] = []
    model, split = context.model, context.eval_split
    first = next(split.batches(1))
    with noise.zero_noise():
        k = ANCESTOR_SAMPLES if _depends_on_draws(model.draw(first.x, first.y).latents) else 1
    for batch in split.batches(context.batch_size):
        with noise.keyed_noise(context.seed, batch.index):
            latents = model.draw(batch.x, batch.y, k).latents
        statistics = statistics or [_LatentStatistics() for _ in latents]
        for running, latent in zip(statistics, latents, strict=True):
            running.add(latent)
    suffixes = [""] if len(statistics) == 1 else [f"_z{i}" for i in range(1, len(statistics) + 1)]
    return {
        key + suffix: replace(m, samples=k)
        for running, suffix in zip(statistics, suffixes, strict=True)
        for key, m in running.metrics().items()
    }


def _depends_on_draws(latents: Sequence[Latent]) -> bool:
    """Return whether a posterior is given other draws: those of latents above, or of the steps before."""
    return len(latents) > 1 or any(len(latent.q.batch_shape) > 1 for latent in latents)


def active_variance(prior: Distribution | None) -> Tensor:
    """Return the variance of posterior means above which a dimension is active, () or (\\*latent), float64.

    That of Burda et al. 2016, 0.01, is for a standard normal. Here it is 1 % of the prior's variance, as the shares of
    a Dirichlet, which sum to one, vary less than that altogether; 0.01 where the prior has no variance that all share.
    """
    one = torch.tensor(1.0, dtype=torch.float64)
    if prior is None or prior.batch_shape:
        return ACTIVE_VARIANCE * one
    try:
        variance = prior.variance.detach().double()
    except NotImplementedError:
        return ACTIVE_VARIANCE * one
    return ACTIVE_VARIANCE * variance.where(variance.isfinite(), one.to(variance.device))


def describe_active(threshold: Tensor) -> str:
    """Return in words what the variance of a posterior mean must be above.

    >>> describe_active(active_variance(None))
    '0.01'
    """
    is_usual = torch.allclose(threshold, torch.full_like(threshold, ACTIVE_VARIANCE))
    return f"{ACTIVE_VARIANCE}" if is_usual else "1 % of the prior's"


def _undefined_reason(latent: Latent) -> str:
    """Return why a latent without a KL of single dimensions has none."""
    if latent.prior is None:
        return "there is no prior"
    if reason := no_density_reason(latent.q):
        return reason
    if isinstance(latent.prior, Normal):
        return "the posterior does not factorise over the dimensions"
    return "the prior does not factorise over the dimensions"


class _LatentStatistics:
    """Running sums over examples, for one latent."""

    def __init__(self) -> None:
        self._n_examples = 0
        self._kl_sum: Tensor | None = None
        self._undefined_reason = ""
        self._kl_square_sum: Tensor | float = 0.0
        self._mean_sum = self._mean_square_sum = torch.zeros(())
        self._code_counts: Tensor | None = None
        self._is_quantized = False
        self._threshold = active_variance(None)

    def add(self, latent: Latent) -> None:
        mean = latent.q.mean.double()
        self._threshold = active_variance(latent.prior)
        elements = latent.kl_elements
        if elements is None:
            self._undefined_reason = _undefined_reason(latent)
        if len(latent.q.batch_shape) > 1:
            # A lower latent has one posterior for each sample of the latents above, a step one for each of the steps
            # before. Products of the means of different samples estimate the squared expectation without bias from the
            # variance over samples.
            k = len(mean)
            square = (mean.sum(0) ** 2 - (mean**2).sum(0)) / (k * (k - 1))
            mean = mean.mean(0)
        else:
            square = mean**2
        self._n_examples += len(mean)
        if elements is not None:
            total = elements.double().sum(0)
            self._kl_sum = total if self._kl_sum is None else self._kl_sum + total
            self._kl_square_sum = self._kl_square_sum + elements.double().square().sum(0)
        if latent.code_counts is not None:
            counts = latent.code_counts.double()
            self._code_counts = counts if self._code_counts is None else self._code_counts + counts
        self._is_quantized = bool(latent.index_counts)
        self._mean_sum = self._mean_sum.to(mean.device) + mean.sum(0)
        self._mean_square_sum = self._mean_square_sum.to(mean.device) + square.sum(0)

    def metrics(self) -> dict[str, Metric]:
        if self._is_quantized:
            return {"kl_per_dimension": self._kl_metric(), "codes_in_use": self._codebook_metric(self._code_counts)}
        return {"kl_per_dimension": self._kl_metric(), "active_units": self._active_units_metric()}

    def _kl_metric(self) -> Metric:
        n = self._n_examples
        if self._kl_sum is None:
            return Metric(None, "nats", "", note=self._undefined_reason, examples=n)
        mean = self._kl_sum / n
        variance_of_mean = (self._kl_square_sum / n - mean**2).clamp_min(0) / max(1, n - 1)
        how = "mean over examples; ± of the dimension where it is largest"
        return Metric(mean.flatten().tolist(), "nats", how, variance_of_mean.max().sqrt().item(), examples=n)

    def _codebook_metric(self, counts: Tensor | None) -> Metric:
        if counts is None:
            note = "there are more codes than can be counted: --metrics code_usage says how the sub-indices are used"
            return Metric(None, "codes", "", note=note, examples=self._n_examples)
        how = f"of {len(counts)}; perplexity of their use {CodeUsage(counts).perplexity.item():.1f}"
        return Metric(float((counts > 0).sum()), "codes", how, examples=self._n_examples)

    def _active_units_metric(self) -> Metric:
        n = self._n_examples
        variance = self._mean_square_sum / n - (self._mean_sum / n) ** 2
        threshold = self._threshold.to(variance.device)
        how = f"of {variance.numel()}; variance of the mean over the data > {describe_active(threshold)}"
        # For other examples a dimension counts with this probability, by the normal error of its variance.
        error = (variance * math.sqrt(2 / max(1, n - 1))).clamp_min(1e-12)
        p = torch.special.ndtr((variance - threshold) / error)
        count_error = (p * (1 - p)).sum().sqrt().item()
        return Metric(float((variance > threshold).sum()), "dimensions", how, count_error, examples=n)
