"""The score of the beta-VAE: a linear classifier of the factor that pairs of examples share."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from elbowroom.evaluation.disentanglement.groups import GROUP_SIZE, N_FIT, N_TEST, FactorGroups
from elbowroom.evaluation.disentanglement.information import as_arrays
from elbowroom.evaluation.disentanglement.registry import score


@score(
    "beta_vae_score",
    f"accuracy of logistic regression from the mean distance of {GROUP_SIZE} pairs; {N_TEST:,} groups",
    ("beta_vae_score",),
    needs_interventions=True,
)
def beta_vae_score(z: Any, factors: Any, seed: int = 0, n_fit: int = N_FIT, n_test: int = N_TEST) -> float:
    r"""Return the accuracy with which a linear classifier tells which factor pairs of examples share.

    Its input is the mean of :math:`|z - z'|` over 64 pairs whose factor k has the same value, one value for each pair.
    Higgins et al. 2017, openreview Sy2fzU9gl. 1 is the best, 1/F is chance; it is 1 for some latents that mix factors,
    too (Kim & Mnih 2018). Pairs are drawn from the examples there are, 10,000 groups to fit to and 5,000 to test on,
    and the classifier is logistic regression, as in disentanglement_lib.

    Args:
        z: latents, (N, D).
        factors: (N, F), numbers or the indices of their values; independent.
        seed: of the pairs.
        n_fit: groups of pairs that the classifier is fitted to.
        n_test: groups that it is tested on.

    Raises:
        ValueError: arrays that do not fit together, a factor that never varies, or a single factor.

    >>> v = np.random.default_rng(0).integers(4, size=(1000, 2))
    >>> beta_vae_score(v, v, n_fit=500, n_test=500)
    1.0
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    z, indices = as_arrays(z, factors)
    if indices.shape[1] < 2:
        raise ValueError("the score tells factors apart, and there is one: give more")
    groups = FactorGroups(indices, np.random.default_rng(seed))
    (x, y), (x_test, y_test) = (_distances(z, groups, n) for n in (n_fit, n_test))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return float(LogisticRegression().fit(x, y).score(x_test, y_test))


def _distances(z: np.ndarray, groups: FactorGroups, n_groups: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean distance of pairs in each latent, (G, D), and the factor that they share, (G,)."""
    parts = [
        (abs(z[pairs[..., 0]] - z[pairs[..., 1]]).mean(1), factor)
        for factor, pairs in groups.draw(n_groups, GROUP_SIZE, 2)
    ]
    distances, factors = zip(*parts, strict=True)
    return np.concatenate(distances), np.concatenate(factors)
