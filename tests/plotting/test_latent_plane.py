"""Planes of the latent space: the same in figures, report, explorer and studio, with the prior in true size."""

import numpy as np
import pytest
import torch

import elbowroom as er
from elbowroom.exporting.explorer_data import latent_data
from elbowroom.exporting.exported_run import ExportedRun
from elbowroom.latent import principal_components
from elbowroom.plotting import latent
from elbowroom.plotting.latent_plane import dimension_plane, informative_pair, principal_plane, prior_on_plane
from elbowroom.plotting.latent_ranking import ranked_dimensions
from elbowroom.reporting.scatter import scatter_data
from elbowroom.runs.run_view import RunView
from elbowroom.studio.services.latent_map import project_split
from elbowroom.studio.services.loaded_model import LoadedModel


@pytest.fixture(scope="module")
def run(digits, tmp_path_factory):
    path = tmp_path_factory.mktemp("plane") / "run"
    return er.fit(*er.recipes.vae(digits.shape, latent=6), digits, epochs=2, out=path, device="cpu", report=False)


@pytest.fixture
def view(run):
    return ExportedRun(run)


def test_report_explorer_and_studio_have_the_same_axes_in_the_same_order(run, view):
    """The horizontal axis is the dimension that tells most, the vertical one the next; PCA names its shares."""
    order, *_ = ranked_dimensions(view)
    figures = [latent.latent_figure(view), latent.pca_figure(view)]
    report = [projection["axes"] for projection in scatter_data(view, figures)["views"]]
    explorer = [list(plane["labels"]) for plane in latent_data(view)["planes"]]
    loaded = LoadedModel(run, view.model, "1", lambda run: view.data)
    studio = [list(project_split(loaded, name, None, view.max_examples).labels) for name in ("dims", "pca")]
    assert report == explorer == studio
    unit = "standard deviations of the prior"
    assert report[0] == [f"z{'₁₂₃₄₅₆'[dim]}, {unit}" for dim in order[:2]]
    assert report[1][0].startswith("principal axis 1, ")
    assert report[1][0].endswith(f" of the variance, {unit}")


def test_points_are_the_same_in_report_and_explorer(view):
    scatter = scatter_data(view, [latent.latent_figure(view), latent.pca_figure(view)])
    for projection, plane in zip(scatter["views"], latent_data(view)["planes"], strict=True):
        assert [projection["x"], projection["y"]] == plane["points"]
        assert projection["prior"] == plane["prior"]


PLANES = {
    "dimensions": lambda view: dimension_plane(view, informative_pair(view), view.latents),
    "PCA": lambda view: principal_plane(view, view.latents),
}


@pytest.mark.parametrize("make", PLANES.values(), ids=PLANES)
def test_the_rings_are_the_standard_deviations_of_draws_from_the_prior(view, make):
    """Oracle: draws of z ~ N(0, 1), projected, have the rings' center as mean, and one as standard deviation."""
    plane = make(view)
    z = torch.randn(20_000, 6, generator=torch.Generator().manual_seed(0))
    points = plane.project(z)
    prior = prior_on_plane(view, plane)
    assert (points.mean(0) - prior.center).abs().max() < 0.03
    assert (points.std(0) - 1).abs().max() < 0.03
    within = [(points - prior.center).norm(dim=1).le(radius).float().mean() for radius in (1, 2)]
    np.testing.assert_allclose(within, [1 - np.exp(-0.5), 1 - np.exp(-2)], atol=0.02)


def test_a_principal_plane_is_that_of_the_components(view):
    components = principal_components(view.latents)
    torch.testing.assert_close(principal_plane(view, view.latents).project(view.latents), components.points)


@pytest.mark.parametrize(("recipe", "words", "kind"), [
    ("vae", "Rings: 1 and 2 standard deviations of the prior N(0, 1) about its mean.", "center"),
    ("vamp_vae", "Crosses: 300 draws from the prior.", "draws"),
    ("vq_vae", "Latents are codes of a quantizer: the prior has no density on this plane.", None),
    ("autoencoder", "The model has no prior to show.", None),
])  # fmt: skip
def test_what_is_shown_of_a_prior(digits, tmp_path, recipe, words, kind):
    small = {"vq_vae": {"codes": 8, "dim": 3}}.get(recipe, {})
    parts = er.recipes.RECIPES[recipe](digits.shape, latent=4, **small)
    view = RunView(er.fit(*parts, digits, steps=2, out=tmp_path / "run", device="cpu", report=False), examples=20)
    prior = prior_on_plane(view, principal_plane(view, view.latents))
    assert prior.words == words
    assert [name for name in ("center", "draws") if getattr(prior, name) is not None] == ([kind] if kind else [])
    assert prior.draws is None or prior.draws.shape == (300, 2)


def test_a_plane_on_which_nothing_varies_says_so(view):
    """Both axes must be collapsed; the words name them and the bound of their variance."""
    z = torch.randn(200, 6)
    a, b = informative_pair(view)
    plane = dimension_plane(view, (a, b), z)
    assert plane.describe_collapse(z) == ""
    z[:, a] *= 0.01
    assert plane.describe_collapse(z) == ""
    z[:, b] *= 0.01
    names = " and ".join(f"z{'₁₂₃₄₅₆'[dim]}" for dim in (a, b))
    assert plane.describe_collapse(z).startswith(
        f"{names} are collapsed: along them the posterior means have a variance"
    )
