"""The score of FactorVAE: a majority vote for the latent that varies least while a factor is held fixed."""

from __future__ import annotations

from typing import Any

import numpy as np

from elbowroom.evaluation.disentanglement.groups import GROUP_SIZE, N_FIT, N_TEST, FactorGroups
from elbowroom.evaluation.disentanglement.information import as_arrays
from elbowroom.evaluation.disentanglement.registry import score

#: Standard deviation below which a latent counts as collapsed, and has no vote; as in disentanglement_lib.
MIN_SPREAD = 0.05


@score(
    "factor_vae_score",
    f"accuracy of a majority vote for the latent of least variance; groups of {GROUP_SIZE}, {N_TEST:,} votes",
    ("factor_vae_score",),
    needs_interventions=True,
)
def factor_vae_score(z: Any, factors: Any, seed: int = 0, n_fit: int = N_FIT, n_test: int = N_TEST) -> float:
    r"""Return the accuracy with which the latent that varies least tells which factor is held fixed.

    In a group of 64 examples that share the value of a factor k, the latent
    :math:`\arg\min_j \operatorname{Var}_\text{group}[z_j] / \operatorname{Var}[z_j]` votes for k; the classifier is the
    majority of the votes of each latent. Kim & Mnih 2018, arXiv 1802.05983. 1 is the best, 1/F is chance. Groups are
    drawn from the examples there are, 10,000 to fit to and 5,000 to test on, as in disentanglement_lib; latents with a
    standard deviation below 0.05 have no vote, and without any the score is 0.

    Args:
        z: latents, (N, D).
        factors: (N, F), numbers or the indices of their values; independent.
        seed: of the groups.
        n_fit: votes that the majority is of.
        n_test: votes that are counted right or wrong.

    Raises:
        ValueError: arrays that do not fit together, a factor that never varies, or a single factor.

    >>> v = np.random.default_rng(0).integers(4, size=(1000, 2))
    >>> factor_vae_score(v, v, n_fit=500, n_test=500)
    1.0
    """
    z, indices = as_arrays(z, factors)
    if indices.shape[1] < 2:
        raise ValueError("the score of FactorVAE tells factors apart, and there is one: give more")
    active = z[:, z.std(0) >= MIN_SPREAD]
    if not active.size:
        return 0.0
    groups = FactorGroups(indices, np.random.default_rng(seed))
    votes = [_count_votes(active / active.std(0), groups, n) for n in (n_fit, n_test)]
    majority = votes[0].argmax(0)
    return float(votes[1][majority, np.arange(active.shape[1])].sum() / n_test)


def _count_votes(z: np.ndarray, groups: FactorGroups, n_votes: int) -> np.ndarray:
    """Return how often each latent varied least, by the factor that was fixed, (F, D)."""
    votes = np.zeros((groups.shape[1], z.shape[1]), dtype=np.int64)
    for factor, examples in groups.draw(n_votes, 1, GROUP_SIZE):
        np.add.at(votes, (factor, z[examples[:, 0]].var(1).argmin(1)), 1)
    return votes
