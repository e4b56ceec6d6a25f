"""Latents and factors as arrays, in bins, and their mutual information."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

#: Bins of equal width that a latent is divided into, as in disentanglement_lib.
N_BINS = 20
#: Values of a factor above which it is divided into bins, too.
MAX_FACTOR_VALUES = 64
#: Mutual information, in nats, that rounding alone may leave of two variables that tell nothing of each other.
ROUNDING = 1e-12


def as_arrays(z: Any, factors: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return latents as (N, D) float64 and factors as (N, F) indices of their values, from tensors or arrays.

    A factor of more than :data:`MAX_FACTOR_VALUES` values is divided into :data:`N_BINS` bins of equal width.

    Raises:
        ValueError: not one row of each for every example, a value that is not finite, or a factor that never varies.
    """
    z, factors = _as_array(z), _as_array(factors)
    factors = factors[:, None] if factors.ndim == 1 else factors
    if z.ndim != 2 or factors.ndim != 2 or len(z) != len(factors) or not z.size:
        raise ValueError(
            f"latents {z.shape} and factors {factors.shape}: expected (N, D) and (N, F), a row of each for an example"
        )
    if not (np.isfinite(z).all() and np.isfinite(factors).all()):
        raise ValueError("latents or factors hold NaN or infinite values: leave these examples out")
    indices = np.stack([_value_indices(column) for column in factors.T], -1)
    if (constant := np.flatnonzero(indices.max(0) == 0)).size:
        raise ValueError(f"factor {constant[0]} has one value in all examples: leave it out, or give more examples")
    return z, indices


def _as_array(values: Any) -> np.ndarray:
    if isinstance(values, torch.Tensor):
        values = values.detach().cpu().double().numpy()
    return np.asarray(values, dtype=np.float64)


def _value_indices(column: np.ndarray) -> np.ndarray:
    values, indices = np.unique(column, return_inverse=True)
    return indices if len(values) <= MAX_FACTOR_VALUES else bin_indices(column)


def bin_indices(column: np.ndarray, n_bins: int = N_BINS) -> np.ndarray:
    """Return the bin of each value (N,), of bins of equal width from the smallest to the largest.

    >>> bin_indices(np.array([0.0, 0.4, 0.6, 1.0]), 2).tolist()
    [0, 0, 1, 1]
    """
    low, span = column.min(), np.ptp(column)
    if not span:
        return np.zeros(len(column), dtype=np.int64)
    bins: np.ndarray = np.minimum((n_bins * (column - low) / span).astype(np.int64), n_bins - 1)
    return bins


def mutual_information(z: Any, factors: Any, n_bins: int = N_BINS) -> np.ndarray:
    r"""Return the mutual information of each latent with each factor, (D, F), nats.

    .. math:: I(z_j; v_k) = \sum_{b, v} p(b, v) \log \frac{p(b, v)}{p(b)\, p(v)}

    with the latent in bins of equal width, and shares of the examples for probabilities.

    Args:
        z: latents, (N, D).
        factors: (N, F).
        n_bins: of a latent.

    >>> v = np.arange(8).reshape(-1, 1) % 2
    >>> mutual_information(v, v).round(4).tolist()
    [[0.6931]]
    """
    z, factors = as_arrays(z, factors)
    bins = [bin_indices(column, n_bins) for column in z.T]
    return np.array([[_information(one, other) for other in factors.T] for one in bins])


def entropies(factors: np.ndarray) -> np.ndarray:
    """Return the entropy of each factor, from the indices of its values (N, F): (F,), nats."""
    return np.array([_information(column, column) for column in factors.T])


def _information(a: np.ndarray, b: np.ndarray) -> float:
    joint = np.bincount(a * (b.max() + 1) + b, minlength=(a.max() + 1) * (b.max() + 1)) / len(a)
    joint = joint.reshape(a.max() + 1, b.max() + 1)
    independent = joint.sum(1, keepdims=True) * joint.sum(0)
    seen = joint > 0
    information = float((joint[seen] * np.log(joint[seen] / independent[seen])).sum())
    return information if information > ROUNDING else 0.0


def gap_of_top_two(scores: np.ndarray) -> np.ndarray:
    """Return how far the best latent of each factor is above the next, (D, F) to (F,); of a single latent its score."""
    ranked = np.sort(scores, 0)[::-1]
    gap: np.ndarray = ranked[0] - (ranked[1] if len(ranked) > 1 else 0)
    return gap


def fit_and_test(indices: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the positions of two thirds of the examples to fit to, at random, and of the others to test on.

    Args:
        indices: of the values of their factors, (N, F).
        seed: of the order.

    Raises:
        ValueError: a factor has one value in either part.

    >>> [len(part) for part in fit_and_test(np.arange(9).reshape(9, 1), seed=0)]
    [6, 3]
    """
    n = len(indices)
    order = np.random.default_rng(seed).permutation(n)
    fit, test = order[: 2 * n // 3], order[2 * n // 3 :]
    for part in (fit, test):
        if not part.size or (np.ptp(indices[part], axis=0) == 0).any():
            raise ValueError(
                f"{n} examples are too few: a third is held out, and a factor has one value in a part of them"
            )
    return fit, test
