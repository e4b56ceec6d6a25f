"""Modularity: whether a latent tells of one factor only."""

from __future__ import annotations

from typing import Any

import numpy as np

from elbowroom.evaluation.disentanglement.information import N_BINS, mutual_information
from elbowroom.evaluation.disentanglement.registry import score


@score("modularity", f"from the squared mutual information of latents in {N_BINS} bins with factors", ("modularity",))
def modularity(z: Any, factors: Any, seed: int = 0) -> float:
    r"""Return modularity, the mean over latents of how far each is from telling of one factor only.

    .. math:: \frac1D \sum_j \left( 1 - \frac{\sum_{k \ne k(j)} I(z_j; v_k)^2}{(F - 1)\, \max_k I(z_j; v_k)^2} \right)

    Ridgeway & Mozer 2018, arXiv 1802.05312. From 0 to 1; latents that tell equally little of all factors count as much
    as others, and those that tell nothing at all as 0, as in disentanglement_lib.

    Args:
        z: latents, (N, D).
        factors: (N, F), numbers or the indices of their values.
        seed: of no use; scores share these arguments.

    Raises:
        ValueError: arrays that do not fit together, or a single factor.

    >>> v = np.random.default_rng(0).integers(4, size=(1000, 2))
    >>> round(modularity(v, v), 2), round(modularity((v[:, :1] + 4 * v[:, 1:]), v), 2)
    (1.0, 0.0)
    """
    return modularity_of(mutual_information(z, factors))


def modularity_of(information: np.ndarray) -> float:
    """Return modularity from mutual informations (D, F).

    >>> modularity_of(np.array([[2.0, 0.0, 1.0]]))
    0.875
    """
    if information.shape[1] < 2:
        raise ValueError("modularity compares factors with others, and there is one: give more")
    squares = information**2
    largest = squares.max(1)
    others = (squares.sum(1) - largest) / np.where(largest > 0, largest, 1) / (squares.shape[1] - 1)
    return float(np.where(largest > 0, 1 - others, 0).mean())
