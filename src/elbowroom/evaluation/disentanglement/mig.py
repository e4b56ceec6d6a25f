"""Mutual information gap."""

from __future__ import annotations

from typing import Any

from elbowroom.evaluation.disentanglement.information import (
    N_BINS,
    as_arrays,
    entropies,
    gap_of_top_two,
    mutual_information,
)
from elbowroom.evaluation.disentanglement.registry import score


@score("mig", f"mutual information gap over the factor's entropy; latents in {N_BINS} bins", ("mig",))
def mig(z: Any, factors: Any, seed: int = 0, n_bins: int = N_BINS) -> float:
    r"""Return the mutual information gap: how much more the best latent of a factor tells of it than the next.

    .. math:: \frac1F \sum_k \frac{1}{H(v_k)} \left( I(z_{j(k)}; v_k) - \max_{j \ne j(k)} I(z_j; v_k) \right),
        \quad j(k) = \arg\max_j I(z_j; v_k)

    Chen, Li, Grosse & Duvenaud 2018, arXiv 1802.04942. From 0 to 1: 1 where each factor is known from one latent, and
    the other latents tell nothing of it; 0 where two latents tell the same, as after a rotation by 45°. As in
    disentanglement_lib, a latent is the posterior mean in 20 bins of equal width, where the paper integrates over q.

    Args:
        z: latents, (N, D).
        factors: (N, F), numbers or the indices of their values.
        seed: of no use; scores share these arguments.
        n_bins: of a latent.

    Raises:
        ValueError: arrays that do not fit together, or a factor that never varies.

    >>> import numpy as np
    >>> v = np.random.default_rng(0).integers(4, size=(1000, 2))
    >>> round(mig(v, v), 2), round(mig(np.column_stack([v, v]), v), 2)
    (1.0, 0.0)
    """
    _, indices = as_arrays(z, factors)
    return float((gap_of_top_two(mutual_information(z, factors, n_bins)) / entropies(indices)).mean())
