"""Fréchet and kernel distance against closed forms, and their standard errors."""

import math

import numpy as np
import pytest
import torch
from scipy import linalg, stats

from elbowroom.evaluation.metrics import fid_kid


def random_covariance(rng, size):
    root = rng.normal(size=(size, size))
    return root @ root.T + 0.1 * np.eye(size)


def test_the_frechet_distance_of_normals_is_the_closed_form():
    rng = np.random.default_rng(0)
    for size in (1, 4, 9):
        means, covs = rng.normal(size=(2, size)), [random_covariance(rng, size) for _ in range(2)]
        root = linalg.sqrtm(covs[0] @ covs[1]).real
        expected = ((means[0] - means[1]) ** 2).sum() + np.trace(covs[0] + covs[1] - 2 * root)
        normals = [(torch.from_numpy(m), torch.from_numpy(c)) for m, c in zip(means, covs, strict=True)]
        assert fid_kid.frechet_from_moments(*normals) == pytest.approx(expected, rel=1e-8)
        assert fid_kid.frechet_from_moments(normals[0], normals[0]) == pytest.approx(0, abs=1e-6)


def test_the_frechet_distance_of_samples_approaches_that_of_their_distributions():
    """Two normals of unit covariance two apart: 4; and of twice the standard deviation: D."""
    torch.manual_seed(0)
    x, y = torch.randn(2, 4000, 3, dtype=torch.float64)
    shifted, error = fid_kid.frechet_distance(x, y + torch.tensor([2.0, 0, 0]))
    assert shifted == pytest.approx(4, abs=4 * error + 0.01)
    wider, error = fid_kid.frechet_distance(x, 2 * y)
    assert wider == pytest.approx(3, abs=4 * error + 0.01)
    assert fid_kid.frechet_distance(x, x)[0] == pytest.approx(0, abs=1e-9)


def test_the_frechet_distance_of_features_without_variance():
    x = torch.randn(100, 5, dtype=torch.float64)
    x[:, 2:] = 0
    assert fid_kid.frechet_distance(x, x)[0] == pytest.approx(0, abs=1e-6)
    assert fid_kid.frechet_distance(x, x + 1)[0] == pytest.approx(5)


def test_the_standard_error_of_the_frechet_distance_is_the_standard_deviation_over_samples():
    torch.manual_seed(0)
    values = [
        fid_kid.frechet_distance(torch.randn(400, 2).double(), 1 + torch.randn(400, 2).double()) for _ in range(40)
    ]
    std, estimated = np.std([value for value, _ in values]), np.mean([error for _, error in values])
    assert estimated == pytest.approx(std, rel=0.4)


def test_the_kernel_distance_is_the_double_sum():
    x, y = torch.randn(2, 6, 3, dtype=torch.float64)
    k = lambda a, b: (float(a @ b) / 3 + 1) ** 3  # noqa: E731
    within = sum(k(s[i], s[j]) for s in (x, y) for i in range(6) for j in range(6) if i != j) / 30
    between = sum(k(a, b) for a in x for b in y) / 36
    assert fid_kid._mmd2(x, y).item() == pytest.approx(within - 2 * between)


def test_the_kernel_distance_is_unbiased():
    """Small sets of one distribution: zero on average, and below it about as often as above."""
    torch.manual_seed(0)
    values = np.array([fid_kid.kernel_distance(*torch.randn(2, 40, 4, dtype=torch.float64))[0] for _ in range(300)])
    assert abs(values.mean()) < 3.5 * values.std() / math.sqrt(300)
    assert 0.3 < (values < 0).mean() < 0.75


def test_the_standard_error_of_the_kernel_distance_is_the_standard_deviation_over_samples():
    torch.manual_seed(0)
    values = [
        fid_kid.kernel_distance(torch.randn(300, 2).double(), 0.5 + torch.randn(300, 2).double()) for _ in range(60)
    ]
    std, estimated = np.std([value for value, _ in values]), np.mean([error for _, error in values])
    assert estimated == pytest.approx(std, rel=0.3)
    with pytest.raises(ValueError, match="at least four vectors"):
        fid_kid.kernel_distance(torch.zeros(3, 2), torch.zeros(9, 2))


@pytest.mark.slow
def test_blocks_of_the_kernel_distance_agree_with_a_permutation_test():
    """At the size of an evaluation: z-scores of equal distributions are standard normal."""
    torch.manual_seed(0)
    z = []
    for _ in range(60):
        value, error = fid_kid.kernel_distance(*torch.randn(2, 2000, 8, dtype=torch.float64))
        z.append(value / error)
    assert stats.kstest(z, stats.t(9).cdf).pvalue > 0.001
