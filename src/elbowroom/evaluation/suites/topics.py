"""Metrics of topics: coherence by pointwise mutual information, diversity."""

from __future__ import annotations

import torch
from torch import Tensor

from elbowroom.evaluation.metric import Metric, mean_metric
from elbowroom.evaluation.registry import EvalContext, suite
from elbowroom.models.topics import top_items

#: Words of a topic that are compared.
WORDS = 10


@suite("topics", "whether the words of a topic belong together: coherence and diversity")
def metrics(context: EvalContext) -> dict[str, Metric]:
    r"""Measure coherence and diversity of the ten first words of each topic.

    .. math:: \mathrm{NPMI}(a, b) = \log\frac{p(a, b)}{p(a)\,p(b)} \Big/ {-\log p(a, b)}

    where p counts the training examples that have a word, or both; -1 for words that are never together, 0 for
    independent, 1 for those that are always together. ``npmi`` is the mean over the pairs of a topic, and over topics
    (Lau, Newman & Baldwin 2014); ``topic_diversity`` the share of different words among all of them.
    """
    if context.model.topics is None:
        return {"npmi": Metric(None, "", "", note="the model has no topics: train prod_lda")}
    items = top_items(context.model, WORDS).cpu()
    unique, position = torch.unique(items, return_inverse=True)
    together = count_together(context, unique)
    scores = torch.stack([mean_npmi(together[row][:, row], len(context.data.train)) for row in position])
    diversity = len(unique) / items.numel()
    return {
        "npmi": mean_metric(scores, "", f"over topics, of their {WORDS} first words in the training examples"),
        "topic_diversity": Metric(diversity, "share", f"of different words among the {WORDS} first of all topics"),
    }


def count_together(context: EvalContext, items: Tensor) -> Tensor:
    """Return in how many training examples each two of these items are, (n, n); on the diagonal each alone."""
    total = torch.zeros(len(items), len(items), dtype=torch.float64)
    for batch in context.data.train.batches(context.batch_size):
        present = (batch.x.cpu().flatten(1)[:, items] > 0).double()
        total += present.T @ present
    return total


def mean_npmi(together: Tensor, n_examples: int) -> Tensor:
    """Return the mean over pairs of the normalized pointwise mutual information, from counts (n, n).

    >>> counts = torch.tensor([[50.0, 50.0, 25.0], [50.0, 50.0, 25.0], [25.0, 25.0, 50.0]])
    >>> mean_npmi(counts, 100)  # of 1, 0 and 0
    tensor(0.3333)
    """
    p, pairs = together / n_examples, torch.triu_indices(len(together), len(together), 1)
    alone, both = p.diagonal(), p[pairs[0], pairs[1]]
    ratio = (both / (alone[pairs[0]] * alone[pairs[1]]).clamp_min(1e-12)).clamp_min(1e-300).log()
    npmi = torch.where(both >= 1, 1.0, ratio / -both.clamp(1e-12, 1 - 1e-12).log())
    return torch.where(both == 0, -1.0, npmi).mean()
