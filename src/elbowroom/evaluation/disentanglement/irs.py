"""Interventional robustness score."""

from __future__ import annotations

from typing import Any

import numpy as np

from elbowroom.evaluation.disentanglement.information import as_arrays
from elbowroom.evaluation.disentanglement.registry import score

#: Quantile of the deviations of a group that stands for the largest, as in disentanglement_lib; the paper's is 1.
QUANTILE = 0.99


@score("irs", "1 - largest deviation of a latent while one factor is held fixed", ("irs",), needs_interventions=True)
def irs(z: Any, factors: Any, seed: int = 0, quantile: float = QUANTILE) -> float:
    r"""Return the interventional robustness score: how little a latent moves while the one factor it follows is fixed.

    .. math:: \frac{\sum_j m_j\, s_j}{\sum_j m_j}, \quad s_j = \max_k \left( 1 - \frac1{m_j}
        \operatorname{mean}_v \max_{n: v_{nk} = v} \left| z_{nj} - \mathrm{E}[z_j \mid v_k = v] \right| \right)

    with :math:`m_j = \max_n |z_{nj} - \mathrm{E}[z_j]|`. Suter, Miladinović, Schölkopf & Bauer 2019, arXiv 1811.00007,
    for factors that are independent. From 0 to 1; a single value of each group stands for all, so it is unsteady, and
    latents that are nearly constant score as any others, by their weight.

    Args:
        z: latents, (N, D).
        factors: (N, F), numbers or the indices of their values; independent.
        seed: of no use; scores share these arguments.
        quantile: of the deviations in a group, in place of the largest.

    Raises:
        ValueError: arrays that do not fit together, or a factor that never varies.

    >>> v = np.random.default_rng(0).integers(4, size=(1000, 2))
    >>> irs(v, v)
    1.0
    """
    z, indices = as_arrays(z, factors)
    z = z[:, np.ptp(z, axis=0) > 0]  # a mean of equal numbers may differ from them by rounding
    if not z.size:
        return 0.0
    largest = abs(z - z.mean(0)).max(0)
    deviations = np.stack([_mean_deviation(z, values, quantile) for values in indices.T], -1)
    robustness = 1 - deviations / largest[:, None]
    return float(np.average(robustness.max(1), weights=largest))


def _mean_deviation(z: np.ndarray, values: np.ndarray, quantile: float) -> np.ndarray:
    """Return the mean over a factor's values of the largest deviation within each, (D,)."""
    groups = [z[values == value] for value in np.unique(values)]
    mean: np.ndarray = np.mean([np.quantile(abs(group - group.mean(0)), quantile, axis=0) for group in groups], 0)
    return mean
