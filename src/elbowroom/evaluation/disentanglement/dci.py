"""Disentanglement, completeness and informativeness, from the importance of latents for predicting factors."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from elbowroom.evaluation.disentanglement.information import as_arrays, fit_and_test
from elbowroom.evaluation.disentanglement.registry import score

#: Trees of a forest.
N_TREES = 20
#: Share of the examples that a leaf holds at least: trees down to single examples split by chance on any latent.
MIN_LEAF_SHARE = 0.01


class DCI(NamedTuple):
    """Disentanglement, completeness and informativeness, each from 0 to 1.

    Attributes:
        disentanglement: whether a latent is important for one factor only.
        completeness: whether one latent only is important for a factor.
        informativeness: share of the values of factors that are predicted right, of held-out examples.
    """

    disentanglement: float
    completeness: float
    informativeness: float


@score(
    "dci",
    f"from the importances of {N_TREES} trees a factor, leaves of {MIN_LEAF_SHARE:.0%} of the examples",
    ("dci_disentanglement", "dci_completeness", "dci_informativeness"),
)
def dci(z: Any, factors: Any, seed: int = 0) -> DCI:
    r"""Return disentanglement, completeness and informativeness.

    With :math:`R_{jk}` the importance of latent j in predicting factor k, which sum to one for each factor,

    .. math:: D = \sum_j \rho_j \left( 1 - H_F(R_{j\cdot} / \textstyle\sum_k R_{jk}) \right),
        \quad C = \frac1F \sum_k \left( 1 - H_D(R_{\cdot k}) \right)

    where :math:`\rho_j` is the latent's share of all importance, and :math:`H_n` the entropy to the base n. Eastwood &
    Williams 2018, openreview By-7dz-AZ. The predictor is a random forest, one of the two of the paper; each split is
    the best of all latents, and leaves hold one example in a hundred. disentanglement_lib takes gradient boosting,
    which fits a hundred trees for each value of a factor. Informativeness is the accuracy, as there; the paper gives
    the error.

    Args:
        z: latents, (N, D).
        factors: (N, F), numbers or the indices of their values.
        seed: of the forest, and of the third of the examples that accuracy is measured on.

    Raises:
        ValueError: arrays that do not fit together, or fewer than two latents or factors.

    >>> v = np.random.default_rng(0).integers(4, size=(1000, 2))
    >>> [round(value, 2) for value in dci(v, v)]
    [1.0, 1.0, 1.0]
    """
    z, indices = as_arrays(z, factors)
    if min(z.shape[1], indices.shape[1]) < 2:
        raise ValueError(
            f"DCI compares latents and factors with others, and there are {z.shape[1]} and {indices.shape[1]}: give "
            "more of both"
        )
    importance, accuracy = forest_importance(z, indices, seed)
    return DCI(*disentanglement_and_completeness(importance), float(np.mean(accuracy)))


def forest_importance(z: np.ndarray, indices: np.ndarray, seed: int) -> tuple[np.ndarray, list[float]]:
    """Return the importance of each latent for each factor, (D, F), and the accuracy for each factor."""
    from sklearn.ensemble import RandomForestClassifier

    fit, test = fit_and_test(indices, seed)
    importances, accuracy = [], []
    for values in indices.T:
        forest = RandomForestClassifier(N_TREES, max_features=None, min_samples_leaf=MIN_LEAF_SHARE, random_state=seed)
        forest.fit(z[fit], values[fit])
        importances.append(forest.feature_importances_)
        accuracy.append(float(forest.score(z[test], values[test])))
    return np.stack(importances, -1), accuracy


def disentanglement_and_completeness(importance: np.ndarray) -> tuple[float, float]:
    """Return both from importances (D, F), not negative; 0 where nothing is important.

    >>> [round(value, 4) for value in disentanglement_and_completeness(np.array([[1.0, 0.5], [0.0, 0.5]]))]
    [0.3113, 0.5]
    """
    total = importance.sum()
    if not total:
        return 0.0, 0.0
    by_latent, by_factor = (_concentration(part) for part in (importance, importance.T))
    disentanglement = float((by_latent * importance.sum(1)).sum() / total)
    return disentanglement, float((by_factor * importance.sum(0)).sum() / total)


def _concentration(weights: np.ndarray) -> np.ndarray:
    """Return 1 minus the entropy of each row of weights (R, C), to the base C."""
    from scipy.stats import entropy

    # a row of zeros counts for nothing, whatever its entropy
    concentration: np.ndarray = 1 - entropy(
        weights + (weights.sum(1, keepdims=True) == 0), base=weights.shape[1], axis=1
    )
    return concentration
