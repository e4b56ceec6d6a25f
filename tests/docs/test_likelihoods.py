"""The script that draws the page on likelihoods."""

import math

import pytest
from PIL import Image


def test_figure_has_a_row_for_each_likelihood(load_script, tmp_path, digits):
    page = load_script("docs/likelihood_figures.py")
    run = page.train_or_load("discretized-logistic", digits, 1, tmp_path / "run")
    assert page.train_or_load("discretized-logistic", digits, 1, tmp_path / "run").path == run.path
    faces, again, samples, draws = page.image_rows(run, digits)
    assert faces.shape == again.shape == (page.FACES, 1, 8, 8)
    assert page.join_images(faces).shape == (8 + 2, (8 + 1) * page.FACES)
    page.save_gray(page.draw_figure(["one", "two"], 2 * [[faces, again, samples, draws]]), tmp_path / "sheet.png")
    with Image.open(tmp_path / "sheet.png") as image:
        assert image.width > 600


def test_bits_of_a_uniform_density_are_those_of_uniform_pixels(load_script, monkeypatch):
    """A density of 1 over [0, 1] gives the 256 levels of a pixel the same probability: 8 bits."""
    page = load_script("docs/likelihood_figures.py")
    monkeypatch.setattr(page.er, "evaluate", lambda *_, **__: {"importance_bound": type("Figure", (), {"value": 0.0})})
    assert page.bits_per_pixel(type("Run", (), {"record": {"shape": [1, 28, 20]}})) == pytest.approx(math.log2(256))
