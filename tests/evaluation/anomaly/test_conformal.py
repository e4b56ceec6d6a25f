"""Detectors calibrated by split-conformal p-values."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

import elbowroom as er


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.integers(-5, 5), min_size=1, max_size=40),
    st.lists(st.integers(-6, 6), min_size=1, max_size=10),
    st.sampled_from([0.02, 0.05, 0.1, 0.25, 0.5, 0.9]),
)
def test_p_values_and_flags_are_counts(calibration, new, level):
    detector, scores = er.Detector(torch.tensor(calibration).double()), torch.tensor(new).double()
    expected = [(1 + sum(c >= s for c in calibration)) / (len(calibration) + 1) for s in new]
    assert detector.p_values(scores).tolist() == pytest.approx(expected)
    if level * (len(calibration) + 1) < 1:
        with pytest.raises(ValueError, match="normal examples to calibrate on"):
            detector.threshold(level)
    else:
        assert detector.flags(scores, level).tolist() == [p <= level + 1e-9 for p in expected]


@pytest.mark.parametrize(("n", "m", "level"), [(199, 300, 0.05), (99, 50, 0.1), (1000, 1000, 0.01)])
def test_the_false_positive_rate_is_nominal_and_beta_binomial(n, m, level):
    """Scores of a skewed distribution with heavy tails, which a threshold by mean and std would miss."""
    rng = np.random.default_rng(0)
    rates = []
    for _ in range(600):
        scores = torch.from_numpy(rng.standard_t(2, size=n + m) ** 3)
        rates.append(er.Detector(scores[:n]).flags(scores[n:], level).double().mean().item())
    mean, std = er.Detector(torch.arange(float(n))).expected_rate(level, m)
    k = math.floor(level * (n + 1) + 1e-9)
    exact = stats.betabinom(m, k, n + 1 - k)
    assert (mean, std) == pytest.approx((exact.mean() / m, exact.std() / m))
    assert abs(np.mean(rates) - mean) < 4 * std / math.sqrt(600)
    assert np.std(rates) == pytest.approx(std, rel=0.15)
    assert mean <= level + 1e-12


def test_detector_errors():
    with pytest.raises(ValueError, match="needs at least 99 normal examples"):
        er.Detector(torch.zeros(20)).threshold(0.01)
    with pytest.raises(ValueError, match="expected a false-positive rate between 0 and 1"):
        er.Detector(torch.zeros(20)).threshold(5)
    with pytest.raises(ValueError, match="not finite"):
        er.Detector(torch.tensor([0.0, math.nan]))
    with pytest.raises(ValueError, match="row of finite scores"):
        er.Detector(torch.zeros(0))
