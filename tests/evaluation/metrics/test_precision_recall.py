"""Precision, recall, density and coverage against their definitions; neighbours against scikit-learn."""

import math

import numpy as np
import pytest
import torch
from sklearn.neighbors import NearestNeighbors

from elbowroom.evaluation.metrics import precision_recall


def test_nearest_neighbors_are_those_of_scikit_learn(monkeypatch):
    monkeypatch.setattr(precision_recall, "CHUNK_DISTANCES", 500)
    x, y = torch.randn(70, 5, dtype=torch.float64), torch.randn(90, 5, dtype=torch.float64)
    to_y = NearestNeighbors(n_neighbors=1).fit(y.numpy()).kneighbors(x.numpy())[0][:, 0]
    np.testing.assert_allclose(precision_recall.nearest_distance(x, y.split(40)).numpy(), to_y)
    among = NearestNeighbors(n_neighbors=4).fit(x.numpy()).kneighbors(x.numpy())[0][:, 1:]
    np.testing.assert_allclose(precision_recall.nearest_squared_distances(x, 3).sqrt().numpy(), among)


def test_precision_recall_density_and_coverage_are_their_definitions(monkeypatch):
    monkeypatch.setattr(precision_recall, "CHUNK_DISTANCES", 300)
    torch.manual_seed(1)
    real, fake = torch.randn(60, 2, dtype=torch.float64), 0.7 * torch.randn(50, 2, dtype=torch.float64)
    d, among_real, among_fake = torch.cdist(real, fake), torch.cdist(real, real), torch.cdist(fake, fake)
    ball = {k: among_real.sort(1).values[:, k] for k in (3, 5)}
    fake_ball = among_fake.sort(1).values[:, 3]
    values = {name: v.mean().item() for name, v in precision_recall.prdc(real, fake).items()}
    assert values["precision"] == pytest.approx((d <= ball[3][:, None]).any(0).double().mean().item())
    assert values["recall"] == pytest.approx((d <= fake_ball).any(1).double().mean().item())
    assert values["density"] == pytest.approx((d <= ball[5][:, None]).sum().item() / (5 * 50))
    assert values["coverage"] == pytest.approx((d <= ball[5][:, None]).any(1).double().mean().item())
    with pytest.raises(ValueError, match="the 5 nearest others need 6"):
        precision_recall.prdc(real[:5], fake)


def test_density_and_coverage_of_one_distribution_have_their_expectation():
    """Naeem et al.: density 1 on average; a ball of k neighbours among N misses M fakes as often as ranks say."""
    torch.manual_seed(0)
    n, m, k = 120, 80, 5
    values = [precision_recall.prdc(*torch.randn(n + m, 3, dtype=torch.float64).split([n, m])) for _ in range(150)]
    density = np.array([f["density"].mean() for f in values])
    coverage = np.array([f["coverage"].mean() for f in values])
    expected = 1 - math.prod((n - i) / (n + m - i) for i in range(1, k + 1))
    assert abs(density.mean() - 1) < 4 * density.std() / math.sqrt(150)
    assert abs(coverage.mean() - expected) < 4 * coverage.std() / math.sqrt(150)


def test_no_tensor_of_a_search_outgrows_the_limit(monkeypatch):
    monkeypatch.setattr(precision_recall, "CHUNK_DISTANCES", 2_000)
    largest = 0

    class RecordLargest(torch.utils._python_dispatch.TorchDispatchMode):
        def __torch_dispatch__(self, function, types, args=(), kwargs=None):
            nonlocal largest
            out = function(*args, **(kwargs or {}))
            tensors = out if isinstance(out, tuple | list) else [out]
            largest = max([largest, *(t.untyped_storage().nbytes() // 8 for t in tensors if torch.is_tensor(t))])
            return out

    x, y = torch.randn(400, 2, dtype=torch.float64), torch.randn(300, 2, dtype=torch.float64)
    with RecordLargest():
        precision_recall.prdc(x, y)
        precision_recall.nearest_distance(x, y.split(50))
    assert largest <= 400 * 6  # the five nearest of each, itself and one more; a full matrix has 120,000
