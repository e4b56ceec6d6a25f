"""Metrics of bags of items: perplexity, and how well hidden items are ranked."""

from __future__ import annotations

import torch
from torch import Tensor

from elbowroom import noise
from elbowroom.distributions.tokens import count_ends_before
from elbowroom.evaluation.metric import Metric, mean_metric
from elbowroom.evaluation.registry import EvalContext, suite
from elbowroom.evaluation.suites.likelihood import estimate_bounds
from elbowroom.families import Multinomial, Tokens
from elbowroom.models.base import GenerativeModel

#: Share of an example's distinct items that are hidden from the encoder, as in Liang et al. 2018.
HIDDEN_SHARE = 0.2
#: Ranks up to which hidden items count.
RECALL_RANKS = (20, 50)
NDCG_RANK = 100


@suite("perplexity", "how well a bag of words is predicted, by the word")
def perplexity_metrics(context: EvalContext) -> dict[str, Metric]:
    r"""Measure the perplexity, of the ELBO per word, as Miao et al. 2016, arXiv 1511.06038, define it.

    .. math:: \exp\Big( -\frac1D \sum_d \frac{1}{N_d} \mathrm{ELBO}'(x_d) \Big)

    over the D examples that have words. ELBO' is that of the words in their order, which lacks the number of orders of
    a bag; it is a bound, so the perplexity is at most this. Of a text (tokens) the end counts as a word.
    """
    if not isinstance(context.model.decoder.family, Multinomial | Tokens):
        note = "the likelihood is none of words: train text_vae on texts, or with --likelihood multinomial"
        return {"perplexity": Metric(None, "words", "", note=note)}
    nats = [
        _nats_per_word(context, batch.x, estimate_bounds(context.model, batch, context.samples, context.seed))
        for batch in context.eval_split.batches(context.batch_size)
    ]
    mean = mean_metric(torch.cat(nats), "words", "exp of the mean over examples of −ELBO per word; lower is better")
    value, error = mean.value, mean.standard_error
    assert isinstance(value, float)
    perplexity = torch.tensor(value).exp().item()
    return {
        "perplexity": Metric(
            perplexity, "words", mean.estimator, error and perplexity * error, context.samples, mean.examples
        )
    }


def _nats_per_word(context: EvalContext, x: Tensor, bounds: dict[str, Tensor]) -> Tensor:
    """Return −ELBO per word of the examples that have any, without the number of orders of their words."""
    if isinstance(context.model.decoder.family, Tokens):
        return -bounds["elbo"] / (count_ends_before(x) == 0).sum(-1)
    counts = x.flatten(1).double()
    totals = counts.sum(1)
    n_orders = torch.lgamma(totals + 1) - torch.lgamma(counts + 1).sum(1)
    return ((n_orders - bounds["elbo"]) / totals)[totals > 0]


@suite("ranking", "how highly items are ranked that were hidden: recall and NDCG, for recommendation")
@torch.no_grad()
def ranking_metrics(context: EvalContext) -> dict[str, Metric]:
    r"""Measure recall@k and NDCG@100 of a fifth of each example's items, ranked by the mean given the others.

    .. math:: \mathrm{recall}@k = \frac{|\text{hidden} \cap \text{top } k|}{\min(k, |\text{hidden}|)}, \quad
        \mathrm{NDCG}@k = \sum_{r \le k} \frac{[r \text{ hidden}]}{\log_2(r + 1)} \Big/
        \sum_{r \le \min(k, |\text{hidden}|)} \frac{1}{\log_2(r + 1)}

    as Liang et al. 2018, arXiv 1802.05814. Items that the encoder sees are not ranked; examples of fewer than five
    items count if one of them is hidden.
    """
    if not context.model.decoder.family.is_count:
        note = "the likelihood is none of counts: train with --likelihood multinomial"
        return {"ndcg@100": Metric(None, "share", "", note=note)}
    parts: dict[str, list[Tensor]] = {}
    for batch in context.eval_split.batches(context.batch_size):
        with noise.keyed_noise(context.seed, batch.index):
            hidden = _hide_items(batch.x)
        for name, values in rank_metrics(context.model, batch.x, batch.y, hidden).items():
            parts.setdefault(name, []).append(values)
    estimator = "of a fifth of the items, ranked by the mean given the others; higher is better"
    return {name: mean_metric(torch.cat(values), "share", estimator) for name, values in parts.items()}


def _hide_items(x: Tensor) -> Tensor:
    """Return which items are hidden, (B, D): a fifth of the distinct ones of each example, rounded."""
    items = x.flatten(1) > 0
    normals = noise.standard_normal(torch.Size((1, *items.shape)), x.float())[0]  # a draw of each example
    keys = normals.masked_fill(~items, torch.inf)
    ranks = keys.argsort(-1).argsort(-1)
    return ranks < (HIDDEN_SHARE * items.sum(-1, keepdim=True)).round()


def rank_metrics(model: GenerativeModel, x: Tensor, y: Tensor | None, hidden: Tensor) -> dict[str, Tensor]:
    """Return the metrics of each example that has hidden items."""
    seen = x.masked_fill(hidden.reshape(x.shape), 0)
    scores = model.reconstruct(seen, y).flatten(1).masked_fill(seen.flatten(1) > 0, -torch.inf)
    order = scores.topk(min(NDCG_RANK, scores.shape[1]), -1).indices
    hits, n_hidden = hidden.gather(1, order).double(), hidden.sum(1)
    gains = 1 / torch.arange(2, hits.shape[1] + 2, dtype=hits.dtype, device=hits.device).log2()
    best = gains.cumsum(0)[n_hidden.clamp(1, len(gains)) - 1]
    values = {f"recall@{k}": hits[:, :k].sum(1) / n_hidden.clamp(1, k) for k in RECALL_RANKS}
    values["ndcg@100"] = (hits * gains).sum(1) / best
    return {name: value[n_hidden > 0] for name, value in values.items()}
