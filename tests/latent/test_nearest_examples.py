"""Nearest examples against scikit-learn."""

import numpy as np
import torch

from elbowroom.data import InMemorySplit
from elbowroom.latent import (
    find_nearest_examples,
)


def test_nearest_examples_are_those_of_scikit_learn_and_a_copy_is_at_distance_0():
    from sklearn.neighbors import NearestNeighbors

    torch.manual_seed(0)
    train, x = torch.rand(2500, 1, 8, 8), torch.rand(7, 1, 8, 8)
    x[3] = train[1700]
    nearest = find_nearest_examples(x, InMemorySplit(train), k=4)
    distance, index = NearestNeighbors(n_neighbors=4).fit(train.flatten(1)).kneighbors(x.flatten(1))
    assert (nearest.index.numpy() == index).all()
    np.testing.assert_allclose(nearest.distance, distance, atol=1e-5)
    assert nearest.distance[3, 0] == 0
    assert torch.equal(nearest.x, train[nearest.index])
    assert nearest.n_searched == 2500


def test_scale_of_columns_and_number_of_examples_searched():
    rows = torch.tensor([[0.0, 100.0], [3.0, 0.0]])
    x = torch.zeros(1, 2)
    assert find_nearest_examples(x, InMemorySplit(rows), k=1).index.item() == 1
    assert find_nearest_examples(x, InMemorySplit(rows), k=1, scale=torch.tensor([1.0, 100.0])).index.item() == 0
    assert find_nearest_examples(x, InMemorySplit(torch.rand(5000, 2)), k=9, max_examples=1000).n_searched == 1024
    assert find_nearest_examples(x, InMemorySplit(rows), k=9).x.shape == (1, 2, 2)


def test_missing_values_are_left_out_of_distances():
    """As if each pair had only the columns that both have."""
    generator = torch.Generator().manual_seed(0)
    x, rows = torch.randn(5, 4, generator=generator), torch.randn(40, 4, generator=generator)
    rows[torch.rand(40, 4, generator=generator) < 0.3] = torch.nan
    x[0, 1] = torch.nan
    nearest = find_nearest_examples(x, InMemorySplit(rows), k=3)
    differences = (x[:, None] - rows[None]).square().nan_to_num(0.0).sum(-1).sqrt()
    expected = differences.sort(dim=1, stable=True)
    assert torch.equal(nearest.index, expected.indices[:, :3])
    torch.testing.assert_close(nearest.distance, expected.values[:, :3])
