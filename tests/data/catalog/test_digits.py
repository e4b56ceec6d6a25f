"""The digits that come with scikit-learn, whose file is read without it."""

import numpy as np
from sklearn.datasets import load_digits

from elbowroom.data.catalog.digits import digits


def test_they_are_those_of_scikit_learn():
    bunch, train = load_digits(), digits().train
    assert np.array_equal(np.round(train.values.reshape(-1, 8, 8) / 255 * 16), bunch.images)
    assert np.array_equal(train.y, bunch.target)
