"""Reconstructions under their data; samples beside their nearest training examples."""

import torch

from elbowroom.plotting import PLOTS
from tests.plotting.grids import get_grid


def test_reconstructions_stand_under_their_data(views):
    view = views("beta_vae")
    images = get_grid(PLOTS["reconstructions"].build_spec(view)).images
    x = view.batch.x
    assert torch.equal(images[0], x[:10])
    assert torch.equal(images[2], x[10:20])
    torch.testing.assert_close(images[3], view.model.reconstruct(x)[10:20])


def test_nearest_are_training_examples_by_rising_distance(views):
    view = views("beta_vae")
    grid = get_grid(PLOTS["nearest"].build_spec(view))
    train = view.data.train.first(10_000).x
    for row, captions in zip(grid.images, grid.captions, strict=True):
        distances = (train - row[0]).flatten(1).norm(dim=1).sort().values[:5]
        assert list(captions) == ["", *(f"{d:.2f}" for d in distances)]
        assert all((train == x).flatten(1).all(1).any() for x in row[1:])
