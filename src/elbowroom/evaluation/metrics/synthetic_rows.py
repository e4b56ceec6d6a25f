"""Fidelity, usefulness and privacy of synthetic rows of a table, against real ones; all on encoded rows (N, D)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np

#: Bins of a number where it meets a category in :func:`pair_trend`.
TREND_BINS = 10
#: Numbers nearer than this share of their standard deviation are the same: a value that many rows have is drawn as the
#: center of its bin, which rounding moves.
TOLERANCE = 1e-5
#: Rows that distances are taken from and to, at most.
MOST_DISTANCE_ROWS = 2000


def column_shape(real: np.ndarray, synthetic: np.ndarray, levels: int | None) -> float:
    r"""Return how alike two columns are distributed, 0 to 1; missing values are left out.

    1 minus the total variation :math:`\frac12 \sum_k |p_k - q_k|` of categories, or the Kolmogorov–Smirnov distance
    :math:`\max_x |F(x) - G(x)|` of numbers.

    >>> column_shape(np.array([0, 0, 1, 1]), np.array([0, 0, 0, 1]), levels=2)
    0.75
    """
    real, synthetic = real[~np.isnan(real)], synthetic[~np.isnan(synthetic)]
    if not len(real) or not len(synthetic):
        return float(len(real) == len(synthetic))
    if levels is not None:
        return 1 - _total_variation(real, synthetic)
    points = np.concatenate([real, synthetic]) + TOLERANCE * real.std()
    cdfs = [np.searchsorted(np.sort(values), points, side="right") / len(values) for values in (real, synthetic)]
    return float(1 - np.abs(cdfs[0] - cdfs[1]).max())


def _total_variation(real: np.ndarray, synthetic: np.ndarray) -> float:
    """Return half the sum of the differences of the shares of each value."""
    values, index = np.unique(np.concatenate([real, synthetic]), return_inverse=True)
    shares = [np.bincount(part, minlength=len(values)) / len(part) for part in np.split(index, [len(real)])]
    return float(np.abs(shares[0] - shares[1]).sum() / 2)


def pair_trend(real: np.ndarray, synthetic: np.ndarray, levels: Sequence[int | None]) -> float:
    """Return how alike the dependence of two columns (N, 2) is, 0 to 1, in the rows that have both.

    Of two numbers 1 minus half the difference of their correlations, else 1 minus the total variation of both columns
    together, a number in ten bins of the real ones' range.

    >>> a = np.array([[0.0, 0.0], [1.0, 1.0]])
    >>> pair_trend(a, a[:, ::-1], (None, None)), pair_trend(a, np.array([[0.0, 1.0], [1.0, 0.0]]), (2, 2))
    (1.0, 0.0)
    """
    real, synthetic = (rows[~np.isnan(rows).any(1)] for rows in (real, synthetic))
    if len(real) < 2 or len(synthetic) < 2:
        return 0.0
    if levels[0] is None and levels[1] is None:
        return 1 - abs(_correlation(real) - _correlation(synthetic)) / 2
    joint = [np.zeros(len(rows)) for rows in (real, synthetic)]
    for column, own in enumerate(levels):
        low, high = real[:, column].min(), real[:, column].max()
        edges = np.linspace(low, high, TREND_BINS + 1)[1:-1] - TOLERANCE * real[:, column].std()
        edges = edges if own is None else np.arange(own) + 0.5
        joint = [
            10_000 * code + np.digitize(rows[:, column], edges)
            for code, rows in zip(joint, (real, synthetic), strict=True)
        ]
    return 1 - _total_variation(*joint)


def _correlation(rows: np.ndarray) -> float:
    """Return the correlation of two columns; 0 where one of them has a single value."""
    return float(np.corrcoef(rows.T)[0, 1]) if (rows.std(0) > 0).all() else 0.0


def fidelity(real: np.ndarray, synthetic: np.ndarray, levels: Sequence[int | None]) -> dict[str, float]:
    """Return the mean of :func:`column_shape` over columns, of :func:`pair_trend` over pairs, and the mean of both.

    The definitions are those of sdmetrics' quality report, which cuts numbers at other places.
    """
    n_columns = range(len(levels))
    shapes = [column_shape(real[:, i], synthetic[:, i], levels[i]) for i in n_columns]
    trends = [
        pair_trend(real[:, list(pair)], synthetic[:, list(pair)], [levels[i] for i in pair])
        for pair in combinations(n_columns, 2)
    ]
    parts = {"column_shapes": float(np.mean(shapes))} | ({"pair_trends": float(np.mean(trends))} if trends else {})
    return {"quality": float(np.mean(list(parts.values()))), **parts}


def transfer_auroc(train: np.ndarray, test: np.ndarray, target: int, seed: int = 0) -> float | None:
    """Return the AUROC on ``test`` of gradient boosting that learns a column of categories from ``train``.

    Trained on synthetic rows and tested on real ones it is TSTR, the other way round TRTS (Esteban, Hyland & Rätsch
    2017, arXiv 1706.02633). Of more than two categories the mean over each against the rest; None where one of the two
    has a single one.
    """
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.metrics import roc_auc_score

    train, test = (rows[~np.isnan(rows[:, target])] for rows in (train, test))
    if len(np.unique(train[:, target])) < 2:
        return None
    model = HistGradientBoostingClassifier(random_state=seed, early_stopping=False)
    model.fit(np.delete(train, target, 1), train[:, target])
    scores = model.predict_proba(np.delete(test, target, 1))
    truths = [test[:, target] == name for name in model.classes_]
    pairs = [(t, s) for t, s in zip(truths, scores.T, strict=True) if 0 < t.sum() < len(t)]
    return float(np.mean([roc_auc_score(t, s) for t, s in pairs])) if pairs else None


def privacy(
    train: np.ndarray, held_out: np.ndarray, synthetic: np.ndarray, levels: Sequence[int | None], seed: int = 0
) -> dict[str, float]:
    """Return what synthetic rows give away of training rows, against as many held-out rows.

    Rows are at the distance of their nearest one: a category that differs counts 1, a number by its difference in
    standard deviations, at most 1; a missing value is one of its own.

    Returns:
        nearer_train: the share of synthetic rows nearer to a training row than to any held-out one, 0.5 for no leak;
            a tie counts half. membership_auroc: how well the distance to the nearest synthetic row tells training rows
            from held-out ones, 0.5 for not at all.
    """
    from sklearn.metrics import roc_auc_score

    rng = np.random.default_rng(seed)
    n = min(len(train), len(held_out), MOST_DISTANCE_ROWS)
    train, held_out = (rows[rng.permutation(len(rows))[:n]] for rows in (train, held_out))
    synthetic = synthetic[rng.permutation(len(synthetic))[:MOST_DISTANCE_ROWS]]
    to_train, to_held_out = (_distances(synthetic, rows, levels) for rows in (train, held_out))
    nearer = np.sign(to_held_out.min(1) - to_train.min(1))
    distances = np.concatenate([to_train.min(0), to_held_out.min(0)])
    auroc = roc_auc_score(np.repeat([1, 0], n), -distances)
    return {"nearer_train": float((1 + nearer).mean() / 2), "membership_auroc": float(auroc)}


def _distances(a: np.ndarray, b: np.ndarray, levels: Sequence[int | None]) -> np.ndarray:
    """Return the distances of each row of a from each of b, (A, B)."""
    total = np.zeros((len(a), len(b)), dtype=np.float32)
    for column, own in enumerate(levels):
        x, y = a[:, None, column].astype(np.float32), b[None, :, column].astype(np.float32)
        far = np.minimum(np.abs(x - y), 1) if own is None else (x != y).astype(np.float32)
        total += np.where(np.isnan(x) | np.isnan(y), (np.isnan(x) != np.isnan(y)).astype(np.float32), far)
    return total
