"""Names of latent dimensions by the factors they tell of."""

from types import SimpleNamespace

import pytest
import torch

import elbowroom as er
from elbowroom.data.catalog import shapes
from elbowroom.plotting import PLOTS
from elbowroom.plotting.latent_factors import dimension_factors, sort_by_factor
from elbowroom.runs.run_view import RunView
from tests.plotting.grids import get_grid
from tests.tiny_recipes import make_tiny

FACTORS = ("shape", "x", "y")


@pytest.fixture
def view():
    """What is seen of a run whose dimensions are: noise, x and noise, y, x, and y without spread."""
    torch.manual_seed(0)
    y = torch.randint(4, (2000, 3)) / 3
    noise = torch.randn(2000, 2)
    z = torch.stack([noise[:, 0], y[:, 1] + 0.5 * noise[:, 1], y[:, 2], y[:, 1], 1e-3 * y[:, 2]], 1)
    return SimpleNamespace(
        missing_data_reason="",
        attributes=FACTORS,
        model=SimpleNamespace(is_quantized=False),
        batch=SimpleNamespace(y=y),
        latents=z,
        get_or_compute=lambda key, compute: compute(),
    )


def test_dimensions_are_named_after_the_factor_they_tell_most_of(view):
    factors = dimension_factors(view)
    assert {dim: factor.name for dim, factor in factors.items()} == {1: "x", 2: "y", 3: "x"}
    assert factors[3].share == pytest.approx(1)
    assert 0.1 < factors[1].share < 0.6


def test_dimensions_stand_in_the_order_of_factors_and_the_others_as_they_were(view):
    assert sort_by_factor(view, [4, 2, 0, 1, 3]) == [3, 1, 2, 4, 0]


def test_a_factor_that_does_not_vary_names_nothing(view):
    view.batch.y[:, 1] = 0
    assert {factor.name for factor in dimension_factors(view).values()} == {"y"}


def test_without_several_factors_there_are_no_names(view):
    view.attributes = ()
    assert dimension_factors(view) == {}
    assert sort_by_factor(view, [2, 0]) == [2, 0]


def test_traversals_of_a_run_on_shapes(tmp_path, monkeypatch):
    monkeypatch.setattr(shapes, "N_HELD_OUT", {"validation": 10, "test": 200})
    data = er.load_data("shapes", resize=16, examples=64)
    run = er.fit(
        *make_tiny("vae", data.shape), data, steps=1, batch_size=64, sampler="none", out=tmp_path / "run", report=False
    )
    view = RunView.of_trained(run.path)
    titles = get_grid(PLOTS["traversals"].build_spec(view)).row_titles
    for dim, factor in dimension_factors(view).items():
        assert any(f"{factor.name} {factor.share:.0%}" in title for title in titles), dim
