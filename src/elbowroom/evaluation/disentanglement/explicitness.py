"""Explicitness: whether the values of factors are found by a linear classifier."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from elbowroom.evaluation.disentanglement.information import as_arrays, fit_and_test
from elbowroom.evaluation.disentanglement.registry import score

#: Steps of the logistic regression, at most.
MAX_ITERATIONS = 100


@score(
    "explicitness", "area under the ROC curve of logistic regression, mean over values and factors", ("explicitness",)
)
def explicitness(z: Any, factors: Any, seed: int = 0) -> float:
    """Return explicitness: the area under the ROC curve of each factor's values, one against the others.

    Logistic regression from all latents, standardised; the mean over values, then factors, on held-out examples.
    Ridgeway & Mozer 2018, arXiv 1802.05312. 1 where every value is found, 0.5 where nothing is told of them. It says
    how much a linear classifier finds, and nothing of how latents divide it among them: a rotation does not change it.

    Args:
        z: latents, (N, D).
        factors: (N, F), numbers or the indices of their values.
        seed: of the third of the examples that is held out.

    Raises:
        ValueError: arrays that do not fit together, or a factor that never varies, in a part of few examples either.

    >>> v = np.random.default_rng(0).integers(2, size=(1000, 2))
    >>> explicitness(v, v)
    1.0
    """
    z, indices = as_arrays(z, factors)
    fit, test = fit_and_test(indices, seed)
    spread = z[fit].std(0)
    standard = (z - z[fit].mean(0)) / np.where(spread > 0, spread, 1)
    return float(np.mean([_mean_auroc(standard, values, fit, test) for values in indices.T]))


def _mean_auroc(z: np.ndarray, values: np.ndarray, fit: np.ndarray, test: np.ndarray) -> float:
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import roc_auc_score

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        classifier = LogisticRegression(max_iter=MAX_ITERATIONS).fit(z[fit], values[fit])
    probabilities = classifier.predict_proba(z[test])
    truth = values[test][:, None] == classifier.classes_
    is_seen = truth.any(0) & ~truth.all(0)
    return float(roc_auc_score(truth[:, is_seen], probabilities[:, is_seen]))
