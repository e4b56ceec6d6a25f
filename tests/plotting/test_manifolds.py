"""Figures of latents on a manifold: the whole of it, its geodesics, and its prior."""

import pytest
import torch

import elbowroom as er
from elbowroom.plotting.latent_plane import principal_plane, prior_on_plane
from elbowroom.plotting.traversals import interpolations_figure, plane_figure, traversals_figure
from elbowroom.runs.run_view import RunView


@pytest.fixture(scope="module")
def view(digits, tmp_path_factory):
    parts = er.recipes.hyperspherical_vae(digits.shape, latent=2, hidden=(16,))
    out = tmp_path_factory.mktemp("sphere") / "run"
    return RunView(er.fit(*parts, digits, steps=2, out=out, device="cpu", report=False, sampler="none"), examples=20)


def test_the_plane_is_all_of_the_sphere(view):
    figure = plane_figure(view, 4)
    (grid,) = figure.marks
    assert grid.column_axis == "longitude, degrees"
    assert grid.column_titles == ["−135.00", "−45.00", "45.00", "135.00"]
    assert grid.row_titles == ["0.75", "0.25", "−0.25", "−0.75"]
    radius, angle = (1 - 0.75**2) ** 0.5, torch.tensor(-0.75 * torch.pi)
    z = torch.stack((radius * angle.cos(), radius * angle.sin(), torch.tensor(0.75)))
    torch.testing.assert_close(grid.images[0, 0], view.model.sample(z=z[None])[0], atol=1e-5, rtol=1e-5)


def test_paths_are_geodesics(view):
    (grid,) = interpolations_figure(view, 2).marks
    assert grid.row_titles == ["geodesic", "geodesic"]
    (grid,) = traversals_figure(view).marks
    for row in grid.images:  # the offset 0 is the latent itself
        torch.testing.assert_close(row[row.shape[0] // 2], grid.images[0, row.shape[0] // 2])


def test_the_prior_is_drawn(view):
    prior = prior_on_plane(view, principal_plane(view, view.latents))
    assert prior.words == "Crosses: 300 draws from the prior."
