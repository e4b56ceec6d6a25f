"""Metrics of bags of items, against their values by hand."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

import elbowroom as er
from elbowroom.evaluation.suites.counts import rank_metrics


def test_a_uniform_model_has_the_perplexity_of_its_vocabulary():
    counts = np.random.default_rng(0).integers(0, 3, (40, 12))
    data = er.load_data(counts, test=0.5)
    model, _ = er.recipes.vae(data.shape, latent=2, hidden=(4,), likelihood="multinomial")
    for parameter in model.parameters():  # the posterior is the prior, and all words are equally probable
        parameter.data.zero_()
    assert er.evaluate(model, data, metrics="perplexity")["perplexity"].value == pytest.approx(12)


def test_recall_and_ndcg_are_those_by_hand():
    """Items are ranked by their number: 0 and 3 are seen, 1, 4 and 23 hidden, in the ranks 1, 3 and 22 of the rest."""
    x, hidden = torch.zeros(2, 30), torch.zeros(2, 30, dtype=torch.bool)
    x[0, [0, 1, 3, 4, 23]] = 1
    hidden[0, [1, 4, 23]] = True
    x[1, 5] = 1  # with nothing hidden it does not count
    scores = -torch.arange(30.0).expand(2, -1)
    model = SimpleNamespace(reconstruct=lambda seen, y: scores)
    values = rank_metrics(model, x, None, hidden)
    assert values["recall@20"].tolist() == pytest.approx([2 / 3])
    assert values["recall@50"].tolist() == [1]
    gains = [1 / np.log2(rank + 1) for rank in (1, 3, 22)]
    best = sum(1 / np.log2(rank + 1) for rank in (1, 2, 3))
    assert values["ndcg@100"].tolist() == pytest.approx([sum(gains) / best])
