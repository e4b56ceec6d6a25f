"""Exact PCA, angles between subspaces and principal axes, against numpy and scipy."""

import numpy as np
import pytest
import torch
from scipy.linalg import subspace_angles as reference_angles

import elbowroom as er
from elbowroom.latent.exact_pca import exact_pca, principal_axes, subspace_angles


def test_components_are_the_eigenvectors_of_the_covariance(digits):
    found = exact_pca(digits)
    x = digits.train.first(2000).x.double().flatten(1).numpy()
    expected = np.linalg.eigvalsh(np.cov(x.T, bias=True))[::-1]
    np.testing.assert_allclose(found.variances, expected, atol=1e-9)
    assert found.residual(5) == pytest.approx(expected[5:].sum() / 64)
    np.testing.assert_allclose(found.covariance @ found.directions, found.directions * found.variances, atol=1e-9)


@pytest.mark.parametrize("sizes", [(3, 3), (2, 5), (5, 2), (1, 1)])
@pytest.mark.parametrize("noise", [0.0, 1e-6, 0.1, 3.0])
def test_angles_are_scipys(sizes, noise):
    torch.manual_seed(0)
    common = torch.randn(8, max(sizes), dtype=torch.float64)
    a, b = (common[:, :n] + noise * torch.randn(8, n, dtype=torch.float64) for n in sizes)
    expected = np.sort(np.degrees(reference_angles(a.numpy(), b.numpy())))
    np.testing.assert_allclose(subspace_angles(a, b), expected, atol=1e-5)


def test_principal_axes_do_not_depend_on_the_basis():
    torch.manual_seed(0)
    x = torch.randn(500, 6, dtype=torch.float64) * torch.tensor([5, 3, 2, 1, 1, 1])
    covariance = x.T @ x / len(x)
    directions = torch.randn(6, 3, dtype=torch.float64)
    axes = [principal_axes(directions @ mix, covariance) for mix in (torch.eye(3).double(), torch.randn(3, 3).double())]
    torch.testing.assert_close(axes[0].abs(), axes[1].abs())
    torch.testing.assert_close(axes[0].T @ axes[0], torch.eye(3, dtype=torch.float64))
    spread = (axes[0].T @ covariance @ axes[0]).diagonal()
    assert (spread.diff() < 0).all()


def test_images_that_are_too_large_are_refused():
    with pytest.raises(ValueError, match="PCA is exact up to 4,096 numbers in an example, and here are 5,000"):
        exact_pca(er.load_data(np.zeros((20, 5000), np.float32)))
