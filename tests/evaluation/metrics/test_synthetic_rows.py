"""Metrics of synthetic rows: what perfect, shuffled and copied rows score."""

import numpy as np
import pytest

from elbowroom.evaluation.metrics.synthetic_rows import column_shape, fidelity, privacy, transfer_auroc

LEVELS = (None, None, 2)


def make_rows(n, seed):
    rng = np.random.default_rng(seed)
    a = rng.normal(size=n)
    return np.column_stack([a, a + rng.normal(size=n), a > 0]).astype(float)


def test_rows_are_perfectly_like_themselves_and_nearly_like_others_of_the_kind():
    assert fidelity(make_rows(500, 0), make_rows(500, 0), LEVELS)["quality"] == 1
    assert fidelity(make_rows(2000, 0), make_rows(2000, 1), LEVELS)["quality"] > 0.95


def test_rounding_of_values_that_many_rows_have_is_no_difference():
    values = np.repeat([0.0, 1.0, 10.0], [80, 10, 10])
    rounded = values + np.float32(0.1).item() - 0.1
    assert column_shape(values, rounded, None) == column_shape(rounded, values, None) == 1
    assert column_shape(values, np.repeat([0.0, 1.0, 10.0], [70, 20, 10]), None) == pytest.approx(0.9)


def test_shuffled_columns_keep_their_shape_and_lose_their_trends_and_use():
    real, rng = make_rows(2000, 0), np.random.default_rng(1)
    shuffled = np.column_stack([rng.permutation(column) for column in real.T])
    result = fidelity(real, shuffled, LEVELS)
    assert result["column_shapes"] == 1
    assert result["pair_trends"] < 0.75
    test = make_rows(1000, 2)
    assert transfer_auroc(real, test, 2) > 0.99
    assert abs(transfer_auroc(shuffled, test, 2) - 0.5) < 0.15


def test_copies_give_training_rows_away_and_fresh_rows_do_not():
    train, held_out = make_rows(500, 0), make_rows(500, 1)
    copied, fresh = privacy(train, held_out, train, LEVELS), privacy(train, held_out, make_rows(500, 2), LEVELS)
    assert copied == {"nearer_train": 1.0, "membership_auroc": 1.0}
    assert all(abs(value - 0.5) < 0.08 for value in fresh.values())


def test_a_target_of_one_class_has_no_auroc():
    rows = make_rows(50, 0)
    rows[:, 2] = 0
    assert transfer_auroc(rows, make_rows(50, 1), 2) is None
