"""Data that does not suit a likelihood: the refusal names what brings it in."""

import warnings

import numpy as np
import pytest
import torch

import elbowroom as er
from elbowroom.evaluation import check_compatible, warn_of_scale
from elbowroom.evaluation.compatibility import describe_likelihood
from elbowroom.view_shape import View, ViewShape

UNIT = np.random.default_rng(0).random((40, 8, 8)).astype(np.float32)


def check(x, likelihood="bernoulli", **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        data = er.load_data(x, **options)
    model, _ = er.recipes.vae(data.shape, latent=2, hidden=(4,), likelihood=likelihood)
    check_compatible(model, data)


@pytest.mark.parametrize(
    ("x", "options", "advised"),
    [
        (2 * UNIT - 1, {}, (-1, 1)),
        (100 * UNIT, {}, (0, 255)),
        (255 * UNIT, {"value_range": "as-is"}, (0, 255)),
        (4000 * UNIT - 1000, {}, (-1000, 3000)),
        (100 * UNIT[:, 0], {}, (0, 100)),
    ],
)
def test_the_refusal_names_the_range_that_brings_the_values_in(x, options, advised):
    with pytest.raises(
        ValueError, match=r"outside \[0, 1\], the range of Bernoulli: load it with value_range="
    ) as error:
        check(x, **options)
    low, high = advised
    assert f"--value-range={low:g},{high:g}, which brings it to [0, 1]" in str(error.value)
    assert ("or standardise it" in str(error.value)) == (x.ndim == 2)
    check(x, value_range=advised)


@pytest.mark.parametrize("x", [1000 * UNIT, UNIT[:, 0] * 500 - 100, UNIT / 100])
def test_numbers_far_from_a_scale_of_one_are_said(x):
    data = er.load_data(x, value_range="as-is")
    model, _ = er.recipes.vae(data.shape, latent=2, hidden=(4,), likelihood="gaussian")
    check_compatible(model, data)  # scoring and evaluation do not speak of training
    with pytest.warns(UserWarning, match="far from a scale of 1, and training may learn no more than their mean"):
        warn_of_scale(model, data)


@pytest.mark.parametrize("x", [UNIT, 2 * UNIT - 1, UNIT[:, 0] * 5])
def test_nothing_is_said_of_numbers_on_that_scale(x):
    warn_of_scale(er.recipes.vae(er.load_data(x).shape, latent=2, likelihood="gaussian")[0], er.load_data(x))


GREY = "image in grey: a cross-entropy, not a likelihood; compare with the same protocol only"


@pytest.mark.parametrize(
    ("image", "values", "words"),
    [
        (
            "bernoulli",
            torch.rand,
            GREY,
        ),
        ("bernoulli", lambda *shape: torch.rand(*shape).round(), "log-probability"),
        ("laplace:0.1", torch.rand, "log-density"),
    ],
)
def test_the_likelihood_of_views_names_each(image, values, words):
    shape = ViewShape([View("image", (1, 4, 4), image), View("digit", (1,), "columns:10")])
    x = shape.join({"image": values(30, 1, 4, 4), "digit": torch.randint(10, (30, 1)).float()})
    data = er.load_data(x, validation=0, test=5)
    model, _ = er.recipes.mvae(shape, latent=2, hidden=(4,))
    assert describe_likelihood(model, data) == f"Views (image {image}, digit columns:10), {words}"


def test_a_trained_model_is_not_told_of_options_of_its_training(tmp_path):
    model, objective = er.recipes.vae((1, 8, 8), latent=2, hidden=(4,))
    run = er.fit(model, objective, UNIT, steps=1, out=tmp_path / "run", report=False, sampler="none")
    with pytest.raises(ValueError, match=r"outside \[0, 1\].*: bring the values to the scale of the training data"):
        er.evaluate(run, 2 * UNIT - 1)
