"""Separated attribute predictability."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from elbowroom.evaluation.disentanglement.information import as_arrays, fit_and_test, gap_of_top_two
from elbowroom.evaluation.disentanglement.registry import score

#: Penalty of the linear classifier, as in disentanglement_lib.
SVM_C = 0.01


@score("sap", "gap between the two latents that predict a factor best, by linear classifiers of one latent", ("sap",))
def sap(z: Any, factors: Any, seed: int = 0) -> float:
    r"""Return separated attribute predictability: how much better the best latent predicts a factor than the next.

    .. math:: \frac1F \sum_k \left( S_{j(k)\,k} - \max_{j \ne j(k)} S_{jk} \right), \quad j(k) = \arg\max_j S_{jk}

    with :math:`S_{jk}` the accuracy of a linear classifier of factor k from latent j alone, on held-out examples.
    Kumar, Sattigeri & Balakrishnan 2018, arXiv 1711.00848. As in disentanglement_lib, all factors are taken as classes
    (linear support vector machine, C = 0.01, classes balanced); the paper takes the squared correlation for factors
    that are numbers. The middle ones of many ordered values are hard for it: z = factors scores well below 1.

    Args:
        z: latents, (N, D).
        factors: (N, F), numbers or the indices of their values.
        seed: of the third of the examples that is held out.

    Raises:
        ValueError: arrays that do not fit together, or a factor that never varies, in a part of few examples either.

    >>> v = np.random.default_rng(0).integers(2, size=(1000, 2))
    >>> 0.4 < sap(v, v) < 0.6, abs(sap(np.column_stack([v, v]), v)) < 0.01
    (True, True)
    """
    return float(gap_of_top_two(predictability(z, factors, seed)).mean())


def predictability(z: Any, factors: Any, seed: int = 0) -> np.ndarray:
    """Return the accuracy of each factor from each latent alone, (D, F), on a third of the examples."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.svm import LinearSVC

    z, indices = as_arrays(z, factors)
    fit, test = fit_and_test(indices, seed)

    def accuracy(latent: np.ndarray, values: np.ndarray) -> float:
        classifier = LinearSVC(C=SVM_C, class_weight="balanced", random_state=seed)
        classifier.fit(latent[fit], values[fit])
        return float(classifier.score(latent[test], values[test]))

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return np.array([[accuracy(latent[:, None], values) for values in indices.T] for latent in z.T])
