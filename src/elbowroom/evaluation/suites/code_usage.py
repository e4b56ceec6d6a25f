"""Usage of the codes of a quantized latent: share, perplexity, and nats per example under the prior."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from elbowroom import noise
from elbowroom.evaluation.metric import Metric, mean_metric
from elbowroom.evaluation.registry import EvalContext, suite
from elbowroom.models.code_usage import CodeUsage
from elbowroom.models.draw import Latent

#: The metrics of each quantized latent.
NAMES = ("code_usage", "code_perplexity", "index_usage", "index_perplexity", "code_nats")


@suite("code_usage", "how a quantized latent uses its codes, and what they cost")
@torch.no_grad()
def metrics(context: EvalContext) -> dict[str, Metric]:
    r"""Measure usage and perplexity of codes and of their sub-indices, and the code length under the prior.

    .. math:: \text{usage} = \frac{|\{i : n_i > 0\}|}{C}, \quad
        \text{perplexity} = \exp\Big( -\sum_i \tfrac{n_i}{N} \log \tfrac{n_i}{N} \Big)

    over the choices of all positions of all examples. ``code_nats`` is :math:`-\log p(\text{indices})` per example
    under the prior: the KL of a quantized posterior.
    """
    statistics: list[_CodeStatistics] = []
    for batch in context.eval_split.batches(context.batch_size):
        with noise.keyed_noise(context.seed, batch.index):
            latents = context.model.draw(batch.x, batch.y).latents
        statistics = statistics or [_CodeStatistics() for _ in latents]
        for running, latent in zip(statistics, latents, strict=True):
            running.add(latent)
    suffixes = [""] if len(statistics) == 1 else [f"_z{i}" for i in range(1, len(statistics) + 1)]
    return {
        key + suffix: metric
        for running, suffix in zip(statistics, suffixes, strict=True)
        for key, metric in running.metrics().items()
    }


class _CodeStatistics:
    """Running counts over examples, for one latent."""

    def __init__(self) -> None:
        self._counts: Tensor | None = None
        self._index_counts: list[Tensor] = []
        self._nats: list[Tensor] = []
        self._n_examples = 0

    def add(self, latent: Latent) -> None:
        self._n_examples += latent.z.shape[1]
        if latent.code_counts is not None:
            self._counts = latent.code_counts + (0 if self._counts is None else self._counts)
        self._index_counts = [
            counts + (self._index_counts[h] if self._index_counts else 0)
            for h, counts in enumerate(latent.index_counts)
        ]
        if latent.is_probabilistic:
            self._nats.append(latent.kl)

    def metrics(self) -> dict[str, Metric]:
        if not self._index_counts:
            note = "the latent is not quantized"
            return {name: Metric(None, "", "", note=note, examples=self._n_examples) for name in NAMES}
        usage = [CodeUsage(counts) for counts in self._index_counts]
        shares, perplexities = [one.share.item() for one in usage], [one.perplexity.item() for one in usage]
        sizes = "x".join(str(len(counts)) for counts in self._index_counts)
        found = {
            **self._joint_metrics(),
            "index_usage": Metric(shares, "share", f"of each sub-index, of {sizes} values; at all positions"),
            "index_perplexity": Metric(perplexities, "codes", f"of each sub-index, of {sizes} values"),
        }
        return {name: replace(metric, examples=self._n_examples) for name, metric in found.items()} | self._code_nats()

    def _joint_metrics(self) -> dict[str, Metric]:
        if self._counts is None:
            note = "there are more codes than can be counted: see the sub-indices"
            return {
                name: Metric(None, unit, "", note=note) for name, unit in zip(NAMES, ("share", "codes"), strict=False)
            }
        usage, n, choices = CodeUsage(self._counts), len(self._counts), int(self._counts.sum())
        return {
            "code_usage": Metric(usage.share.item(), "share", f"of {n:,} codes; {choices:,} choices"),
            "code_perplexity": Metric(usage.perplexity.item(), "codes", f"of {n:,} codes; {choices:,} choices"),
        }

    def _code_nats(self) -> dict[str, Metric]:
        if not self._nats:
            return {"code_nats": Metric(None, "nats", "", note="this model has no prior of its codes")}
        return {"code_nats": mean_metric(torch.cat(self._nats), "nats", "-log p(indices) under the prior", samples=1)}
