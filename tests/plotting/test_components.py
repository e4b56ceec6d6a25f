"""Components of a linear autoencoder beside those of PCA."""

import numpy as np
import pytest
import torch

import elbowroom as er
from elbowroom.comparing import pca
from elbowroom.plotting import PLOTS
from elbowroom.plotting.figure import Bars, Chart, ImageGrid
from elbowroom.runs.run_view import RunView


@pytest.fixture(scope="module")
def run(digits, tmp_path_factory):
    torch.manual_seed(0)
    model, objective = er.recipes.autoencoder(digits.shape, latent=3, linear=True)
    settings = {"steps": 200, "device": "cpu", "watch": (), "report": False}
    return er.fit(model, objective, digits, out=tmp_path_factory.mktemp("runs") / "run", **settings)


def components(view, **options):
    return PLOTS["components"].build_spec(view, **options)


def angles(view):
    (bars,) = PLOTS["component-angles"].build_spec(view).marks
    assert isinstance(bars, Bars)
    return bars.heights


def test_components_are_those_of_pca_where_the_model_is_pca(run, digits):
    """Whatever basis of its span the decoder has."""
    exact = pca(digits, 3)
    mixed = torch.linalg.qr(torch.randn(3, 3, generator=torch.Generator().manual_seed(0)))[0]
    with torch.no_grad():
        weight = exact.decoder.net.layers[-1].weight
        weight.copy_(weight @ (mixed * torch.tensor([1.0, 5.0, 0.2])))
    spec = components(RunView(run, digits, exact))
    (grid,) = spec.marks
    assert grid.images.shape == (2, 3, 1, 8, 8)
    torch.testing.assert_close(grid.images[0], grid.images[1], atol=1e-3, rtol=0)
    assert grid.captions[0] == ["1.000"] * 3
    assert not grid.has_grey_scale  # zero is gray
    assert max(angles(RunView(run, digits, exact))) < 0.1
    assert "largest angle between the subspaces 0.0°" in spec.protocol


def test_components_of_a_trained_autoencoder(run, digits):
    (grid,) = components(RunView(run, digits)).marks
    assert isinstance(grid, ImageGrid)
    assert grid.images.min() >= 0
    assert grid.images.max() <= 1
    heights = angles(RunView(run, digits))
    assert len(heights) == 3
    assert heights == sorted(heights)
    assert heights[-1] < 30
    for kind in ("components", "component-angles"):
        assert all(axes.get_ylabel() for axes in PLOTS[kind](RunView(run, digits)).axes)
    assert components(RunView(run, digits), n=2).marks[0].images.shape[1] == 2


def test_components_of_rows_are_lines(tmp_path):
    rows = np.random.default_rng(0).normal(size=(100, 4)).astype(np.float32) * [3, 2, 1, 0.1]
    data = er.load_data(rows.astype(np.float32))
    model, objective = er.recipes.autoencoder(data.shape, latent=2, linear=True)
    run = er.fit(model, objective, data, steps=50, out=tmp_path / "run", watch=(), report=False, device="cpu")
    first, second = components(RunView(run, data)).marks
    assert isinstance(first, Chart)
    assert [line.label for line in second.lines] == ["the model", "PCA"]
    assert len(angles(RunView(run, data))) == 2


def test_other_decoders_have_no_components(digits, tmp_path):
    model, objective = er.recipes.vae(digits.shape, latent=2, hidden=(8,))
    run = er.fit(model, objective, digits, steps=2, out=tmp_path / "run", watch=(), report=False, device="cpu")
    with pytest.raises(ValueError, match="not affine, so it has no components: train autoencoder --linear"):
        components(RunView(run, digits))


@pytest.mark.report
@pytest.mark.parametrize("is_linear", [True, False])
def test_only_the_report_of_a_linear_autoencoder_has_components(is_linear, digits, tmp_path):
    arguments = {"linear": True} if is_linear else {"hidden": (8,)}
    model, objective = er.recipes.autoencoder(digits.shape, latent=2, **arguments)
    run = er.fit(model, objective, digits, steps=5, out=tmp_path / "run", watch=(), device="cpu")
    page = (run.path / "report.html").read_text(encoding="utf-8")
    assert ("Subspace angles" in page) is is_linear
    assert ("Components" in page) is is_linear
    assert "not affine" not in page
