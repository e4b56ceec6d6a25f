"""Distances of reconstructions from their images: none for a copy, a floor, and what is not defined."""

import numpy as np
import pytest
import torch

import elbowroom as er
from elbowroom.evaluation.metrics.feature_extractor import default_features

DISTANCES = ("reconstruction_frechet_distance", "reconstruction_kernel_distance")


class Copying(er.Model):
    """A model whose reconstructions are the examples, shifted by a number."""

    shift = 0.0

    def reconstruct(self, x, c=None):
        return x + self.shift


def make_copying(shift):
    torch.manual_seed(0)
    model, _ = er.recipes.vae((1, 8, 8), latent=2, hidden=(16,))
    copying = Copying(model.encoder, model.decoder, model.prior)
    copying.shift = shift
    return copying


def test_a_copy_has_no_distance_and_a_worse_reconstruction_a_larger_one(digits):
    exact, near, far = (
        er.evaluate(make_copying(shift), digits, metrics="image_reconstruction") for shift in (0.0, 0.05, 0.3)
    )
    for name in ("perceptual_distance", "reconstruction_frechet_distance"):
        assert exact[name].value == pytest.approx(0, abs=1e-4)
        assert 0 < near[name].value < far[name].value
        assert "hash" in exact["perceptual_distance"].estimator
    assert exact["ssim"].value == pytest.approx(1)
    for name in DISTANCES:
        assert exact[f"{name}_floor"].value == far[f"{name}_floor"].value
        assert exact[f"{name}_floor"].examples == exact[name].examples == len(digits.test)


def test_the_perceptual_distance_is_that_of_the_depths_of_the_default_features(digits):
    model = make_copying(0.1)
    layers = default_features(digits).layers
    expected = (layers([digits.test.first(359).x + 0.1]) - layers([digits.test.first(359).x])).square().sum(1).mean()
    measured = er.evaluate(model, digits, metrics="image_reconstruction", batch_size=50)["perceptual_distance"]
    assert measured.value == pytest.approx(expected.item(), rel=1e-5)
    assert str(layers) in measured.estimator


def test_a_model_without_a_prior_is_measured_and_training_examples_have_others_for_a_floor(digits):
    model, _ = er.recipes.autoencoder((1, 8, 8), latent=2, hidden=(16,))
    metrics = er.evaluate(model, digits, metrics="image_reconstruction", split="train")
    assert metrics["reconstruction_frechet_distance"].examples == len(digits.train) // 2
    assert "others of the split" in metrics["reconstruction_frechet_distance_floor"].estimator


def test_what_is_not_defined_says_why():
    rows = er.evaluate(
        er.recipes.vae((9,), likelihood="gaussian")[0], np.random.rand(90, 9), metrics="image_reconstruction"
    )
    assert "not images" in rows["perceptual_distance"].note
    few = er.load_data(np.random.rand(30, 1, 8, 8).astype("float32"), test=10)
    metrics = er.evaluate(er.recipes.vae((1, 8, 8), latent=2)[0], few, metrics="image_reconstruction")
    assert "needs at least" in metrics["reconstruction_frechet_distance"].note
