"""Captions say what was done: what is shown is a mean or a draw, at latents of the prior, a posterior, or given."""

import numpy as np
import pytest
import torch
from PIL import Image

from elbowroom.plotting import PLOTS, captions, reconstruction_grid, sample_grid
from elbowroom.plotting.image_grid import MARGIN_PX
from elbowroom.recipes import RECIPES
from elbowroom.workbench.monitoring.sample_images import SampleImages

SETTINGS = {"vq_vae": {"codes": 8, "dim": 3}, "factor_vae": {"critic": (8,)}, "vamp_vae": {"components": 5}}


@pytest.mark.parametrize(
    ("recipe", "mean", "draw"),
    [
        ("vae", "z the mean of q(z|x)", "z ~ q(z|x)"),
        ("autoencoder", "z as encoded", "z as encoded"),
        ("avb", "z as encoded", "z ~ q(z|x)"),
        ("vq_vae", "z the nearest codes", "z the nearest codes"),
    ],
)
def test_latents_are_called_what_they_are(recipe, mean, draw):
    model, _ = RECIPES[recipe]((1, 8, 8), **SETTINGS.get(recipe, {}))
    assert [captions.posterior_words(model, is_drawn=is_drawn) for is_drawn in (False, True)] == [mean, draw]


def test_a_grid_has_the_caption_that_it_is_given_and_no_other():
    """Real data stood under "means of p(x|z)"."""
    x = torch.rand(4, 1, 8, 8)
    caption = "means of p(x|z)"
    grids = (sample_grid(x), sample_grid(x, caption)), (reconstruction_grid(x, x), reconstruction_grid(x, x, caption))
    for grid, captioned in grids:
        below = grid.height - MARGIN_PX  # the images end there, where there is no caption
        assert captioned.height > grid.height
        assert (np.asarray(grid.convert("L"))[below:] == 255).all()
        assert not (np.asarray(captioned.convert("L"))[below:] == 255).all()


def test_pictures_of_an_epoch_say_what_they_show(views):
    view = views("vae")
    with torch.no_grad():
        batch = view.data.validation.first(SampleImages().n)
        title = "means of p(x|z), z the mean of q(z|x) · epoch 2, digits validation"
        expected = reconstruction_grid(batch.x, view.model.reconstruct(batch.x), title)
    with Image.open(view.run.images / "reconstructions-0002.png") as saved:
        assert saved.size == expected.size
        band = (np.asarray(image.convert("L"))[-24:] for image in (saved, expected))
        np.testing.assert_array_equal(*band)


@pytest.mark.parametrize(
    ("name", "words"), [("vae", "Means of p(x|z), z ~ p(z)"), ("table", "Draws from p(x|z), z ~ p(z)")]
)
def test_figures_of_samples_say_whether_they_are_draws(views, name, words):
    assert PLOTS["samples"].build_spec(views(name)).caption.startswith(words)
    assert words.lower() in PLOTS["nearest"].build_spec(views(name)).caption.lower()


@pytest.mark.parametrize(("name", "words"), [("vae", "z the mean of q(z|x)"), ("autoencoder", "z as encoded")])
def test_figures_of_reconstructions_say_how_latents_were_chosen(views, name, words):
    spec = PLOTS["reconstructions"].build_spec(views(name))
    assert f"means of p(x|z), {words}" in spec.protocol


def test_samples_of_a_view_are_those_of_its_model(views):
    for name, is_drawn in (("vae", False), ("table", True)):
        view = views(name)
        torch.manual_seed(view.seed)
        torch.testing.assert_close(view.samples(5), view.model.sample(5, draw=is_drawn))
