"""Traversals by falling KL; interpolations between examples."""

from dataclasses import replace

import torch

import elbowroom as er
from elbowroom.data import InMemorySplit
from elbowroom.formatting import latent_symbol
from elbowroom.plotting import PLOTS
from elbowroom.plotting.traversals import traversal_axes, typical_index
from tests.plotting.grids import get_grid


def test_traversals_are_sorted_by_the_kl_of_an_evaluation(views):
    view = views("beta_vae")
    grid = get_grid(PLOTS["traversals"].build_spec(view))
    data = replace(view.data, test=InMemorySplit(view.batch.x, view.batch.y))
    kl = er.evaluate(view.model, data, samples=1)["kl_per_dimension"].value
    order = sorted(range(20), key=lambda dim: -kl[dim])[:10]
    assert list(grid.row_titles) == [f"{latent_symbol(dim)}  {kl[dim]:.2f}" for dim in order]
    middle = view.model.sample(z=view.latents[[typical_index(view)]])[0]
    torch.testing.assert_close(grid.images[:, 5], middle.expand(10, 1, 8, 8), atol=1e-5, rtol=1e-4)


def test_a_map_is_moved_along_its_principal_axes(views):
    """One number of a map is of one place; along the first axis latents vary most, a standard deviation each step."""
    view = views("autoencoder_kl")
    axes = traversal_axes(view, 3)
    z = view.latents - view.latents.mean(0)
    along = z @ axes.axes.T / axes.axes.square().sum(1)
    torch.testing.assert_close(along.std(0, correction=0), torch.ones(3), atol=1e-3, rtol=0)
    assert axes.scores == sorted(axes.scores, reverse=True)
    grid = get_grid(PLOTS["traversals"].build_spec(view))
    i = typical_index(view)
    expected = view.model.sample(z=(view.latents[i] + 3 * axes.axes[0]).reshape(1, *view.model.latent_shape))[0]
    torch.testing.assert_close(grid.images[0, -1], expected, atol=1e-4, rtol=1e-4)


def test_interpolations_join_examples_of_different_labels(views):
    view = views("beta_vae")
    grid = get_grid(PLOTS["interpolations"].build_spec(view))
    assert list(grid.row_titles) == ["linear", "spherical"] * 4
    for row in grid.images:
        ends = [next(i for i, x in enumerate(view.batch.x) if torch.equal(x, row[at])) for at in (0, -1)]
        assert view.batch.y[ends[0]] != view.batch.y[ends[1]]
        torch.testing.assert_close(row[[1, -2]], view.model.sample(z=view.latents[ends]), atol=1e-5, rtol=1e-4)
