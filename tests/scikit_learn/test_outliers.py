"""The outlier detector: its threshold, its signs, its reasons."""

import pickle

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import clone

import elbowroom as er
from elbowroom.sklearn import OutlierDetector
from tests.scikit_learn.estimators import SMALL


@pytest.fixture(scope="module")
def frame():
    rng = np.random.default_rng(0)
    size = rng.normal(size=200)
    return pd.DataFrame(
        {"size": size, "weight": 3 * size + rng.normal(0, 0.1, 200), "kind": rng.choice(["a", "b"], 200)}
    )


@pytest.fixture(scope="module")
def detector(frame):
    return OutlierDetector(samples=2, **SMALL | {"epochs": 20}).fit(frame)


def test_the_threshold_is_conformal_on_rows_set_aside(detector, frame):
    assert len(detector.calibration_scores_) == 50
    expected = er.Detector(torch.from_numpy(detector.calibration_scores_))
    assert -detector.offset_ == expected.threshold(0.05)
    scores = -detector.score_samples(frame)
    assert np.array_equal(detector.p_values(frame), expected.p_values(torch.from_numpy(scores)))
    assert np.array_equal(detector.predict(frame) == -1, expected.flags(torch.from_numpy(scores), 0.05).numpy())


def test_contamination_is_the_share_that_is_flagged(frame):
    detector = OutlierDetector(samples=2, contamination=0.1, **SMALL).fit(frame)
    assert (detector.fit_predict(frame) == -1).sum() == 20


def test_far_and_unseen_values_are_outliers_and_are_named(detector):
    strange = pd.DataFrame({"size": [0.0, 50.0], "weight": [0.0, 0.0], "kind": ["a", "a"]})
    assert detector.predict(strange).tolist() == [1, -1]
    explanation = detector.explain(strange)
    assert explanation.columns == ("size", "weight", "kind")
    assert explanation.reasons(1)[1].startswith("size = 50")
    unseen = strange[:1].assign(kind="never")
    with pytest.warns(UserWarning, match="never saw"):
        assert detector.score_samples(unseen) < detector.score_samples(strange[:1])
    with pytest.warns(UserWarning, match="never saw"):
        assert "kind = a category never seen (expected" in detector.explain(unseen).reasons(1)[0]


@pytest.mark.parametrize("method", ["reconstruction", "typicality"])
def test_other_scores_live_without_their_data(method, detector, frame, tmp_path):
    other = clone(detector).set_params(method=method).fit(frame)
    scores = other.score_samples(frame)
    other.save(tmp_path / "saved")
    for again in (er.load(tmp_path / "saved"), pickle.loads(pickle.dumps(other))):
        assert np.array_equal(again.score_samples(frame), scores)
        assert again.offset_ == other.offset_
    assert not np.allclose(scores, detector.score_samples(frame))


def test_an_unknown_score_is_named(frame):
    with pytest.raises(ValueError, match="typicality"):
        OutlierDetector(method="typicalty", **SMALL).fit(frame)
