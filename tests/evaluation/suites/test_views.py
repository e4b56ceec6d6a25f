"""Coherence and conditional likelihood of views, against models whose values are known."""

import math

import numpy as np
import pytest
import torch

import elbowroom as er
from elbowroom.view_shape import ViewShape


@pytest.fixture(scope="module")
def data():
    """Two views of as many numbers, each the class one-hot, so that a linear classifier tells it."""
    y = np.arange(400) % 4
    one_hot = np.eye(4, dtype=np.float32)[y]
    return er.load_data({"a": one_hot, "b": 2 * one_hot, "y": y}, validation=0, test=0.25)


class Copies(torch.nn.Module):
    """A decoder to both views from z, which is the class one-hot: b is twice z, or as wrong as ``shift`` says."""

    def __init__(self, shift: int) -> None:
        super().__init__()
        self.shift, self.none = shift, torch.nn.Parameter(torch.zeros(()))

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        return torch.cat([z, 2 * z.roll(self.shift, -1)], -1) + self.none


class ReadClass(torch.nn.Module):
    """An encoder to the class one-hot, by whichever view is observed, with little variance."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        a, b = x[..., :4], x[..., 4:] / 2
        z = torch.where(a.isnan(), b, a).nan_to_num(0.0)
        return torch.cat([z, torch.full_like(z, -20.0)], -1)


def make_model(shape: ViewShape, shift: int = 0) -> er.Model:
    fixed = ViewShape([view._replace(likelihood="gaussian:1") for view in shape.views])
    decoder = er.Conditional(Copies(shift), er.Views(fixed))
    return er.Model(er.Conditional(ReadClass(), er.DiagonalNormal(4)), decoder, er.StandardNormal(4))


def test_a_model_that_copies_is_coherent_and_one_that_is_wrong_is_not(data):
    metrics = er.evaluate(make_model(data.shape), data, samples=3, metrics="views")
    assert metrics["a_to_b"].value == metrics["b_to_a"].value == 1
    assert metrics["joint_coherence"].value == 1
    wrong = er.evaluate(make_model(data.shape, shift=1), data, samples=3, metrics="views")
    assert wrong["a_to_b"].value == 0
    assert wrong["joint_coherence"].value < 0.1


def test_the_likelihood_of_a_view_given_the_other_is_that_of_its_decoder(data):
    metrics = er.evaluate(make_model(data.shape), data, samples=3, metrics="views")
    expected = -0.5 * 4 * math.log(2 * math.pi)  # four numbers of variance 1, at their means
    assert metrics["a_given_others"].value == pytest.approx(expected, abs=1e-3)
    assert metrics["b_given_others"].value == pytest.approx(expected, abs=1e-3)


def test_of_one_view_it_is_undefined():
    digits = er.load_data("digits")
    model, _ = er.recipes.vae(digits.shape, latent=2, hidden=(8,))
    metric = er.evaluate(model, digits, metrics="views")["joint_coherence"]
    assert metric.value is None
    assert "an example is one view" in metric.note
