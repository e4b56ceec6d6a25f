"""AUROC and average precision against scikit-learn, and their standard errors."""

import math

import numpy as np
import pytest
import torch
from sklearn.metrics import average_precision_score, roc_auc_score

from elbowroom.evaluation.metrics.roc import auprc, auroc


def draw_scores(size, shift=0.0, ties=False, seed=0):
    x = np.random.default_rng(seed).normal(size=size) + shift
    return torch.from_numpy(np.round(x, 1) if ties else x)


@pytest.mark.parametrize("ties", [False, True])
def test_auroc_and_auprc_are_those_of_scikit_learn(ties):
    low, high = draw_scores(200, ties=ties), draw_scores(90, 0.8, ties, seed=1)
    truth, values = [0] * 200 + [1] * 90, torch.cat([low, high])
    assert auroc(low, high).value == pytest.approx(roc_auc_score(truth, values))
    assert auprc(low, high).value == pytest.approx(average_precision_score(truth, values))
    assert auroc(low, low).value == pytest.approx(0.5)


def test_the_standard_error_of_the_auroc_is_that_of_delong():
    """The variances of the placements, written out as in the paper."""
    low, high = draw_scores(40, ties=True), draw_scores(30, 0.5, True, seed=1)
    psi = (high[:, None] > low).double() + 0.5 * (high[:, None] == low).double()
    expected = (psi.mean(1).var() / 30 + psi.mean(0).var() / 40).sqrt()
    assert auroc(low, high).standard_error == pytest.approx(expected.item())


@pytest.mark.parametrize("metric", [auroc, auprc])
def test_standard_errors_are_standard_deviations_over_other_examples(metric):
    estimates = [metric(draw_scores(150, seed=s), draw_scores(100, 1, seed=1000 + s)) for s in range(30)]
    std, estimated = np.std([m.value for m in estimates]), np.mean([m.standard_error for m in estimates])
    assert estimated == pytest.approx(std, rel=0.35)


#: Scores of normal examples and of anomalies, with AUROC and its error, average precision and its error by the
#: definitions: the share of pairs, DeLong's placements, and precision summed over the distinct thresholds.
CASES = [
    ([1.0, 2.0, 3.0], [2.0, 4.0], 0.75, 0.2886751, 0.75, 0.2051986),
    ([1.0, 1.0, 1.0], [1.0, 1.0], 0.5, 0.0, 0.4, 0.0),
    ([0.0, 1.0], [2.0, 3.0], 1.0, 0.0, 1.0, 0.0),
    ([2.0, 3.0], [0.0, 1.0], 0.0, 0.0, 0.4166667, 0.0418430),
    ([-math.inf, 0.0, 0.5], [0.5, math.inf, math.inf], 0.9444444, 0.0785674, 0.9166667, 0.1081955),
]


@pytest.mark.parametrize(("low", "high", "area", "area_error", "precision", "precision_error"), CASES)
def test_values_and_errors_with_ties_and_infinite_scores(low, high, area, area_error, precision, precision_error):
    low, high = torch.tensor(low), torch.tensor(high)
    for metric, value, error in ((auroc, area, area_error), (auprc, precision, precision_error)):
        measured = metric(low, high)
        assert measured.value == pytest.approx(value)
        assert measured.standard_error == pytest.approx(error, abs=1e-6)
