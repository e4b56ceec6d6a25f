"""Coherence and conditional likelihood of views, against models whose values are known."""

import dataclasses
import math

import numpy as np
import pytest
import torch

import elbowroom as er
from elbowroom.data.splits.memory import InMemorySplit
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


def test_examples_whose_class_is_not_known_are_left_out(data):
    x, y = data.test.x, data.test.y.clone()
    y[::2] = -1
    some = dataclasses.replace(data, test=InMemorySplit(x, y))
    metrics = er.evaluate(make_model(data.shape), some, samples=3, metrics="views")
    assert (metrics["a_to_b"].value, metrics["a_to_b"].examples) == (1, len(y) // 2)


@pytest.mark.parametrize("hide", ["labels", "views"])
def test_without_an_example_to_judge_by_it_is_undefined(data, hide):
    x, y = data.test.x.clone(), data.test.y.clone()
    if hide == "labels":
        y[:] = -1
    else:
        x[:, :4] = torch.nan
    metrics = er.evaluate(
        make_model(data.shape), dataclasses.replace(data, test=InMemorySplit(x, y)), samples=3, metrics="views"
    )
    words = {"labels": "no label is known", "views": "no example of known label has the given view"}[hide]
    assert (metrics["a_to_b"].value, metrics["a_to_b"].note) == (None, words)


class ReadDigit(torch.nn.Module):
    """An encoder to the class one-hot, by the last number of an example alone, which is the view of the class."""

    def __init__(self) -> None:
        super().__init__()
        self.none = torch.nn.Parameter(torch.zeros(()))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        z = (x[..., -1:] == torch.arange(4.0)).float() + self.none
        return torch.cat([z, torch.full_like(z, -20.0)], -1)


def make_reader(shape: ViewShape) -> er.ClusteringModel:
    """Make a model whose latents and clusters are the class that it reads in the view of it."""
    decoder = er.recipes.vae(shape, latent=4)[0].decoder
    encoder = er.Conditional(ReadDigit(), er.DiagonalNormal(4))
    model = er.ClusteringModel(encoder, decoder, er.Mixture(4, 4), pretraining=0)
    model.prior.loc.data.copy_(torch.eye(4))
    return model


@pytest.mark.parametrize("has_labels", [False, True])
def test_the_class_is_not_looked_for_in_latents_of_itself(has_labels):
    """Where a view is the label, whether or not it is given as ``y`` too; another view of classes is evidence."""
    y = np.arange(400) % 4
    views = {"a": np.random.default_rng(0).normal(size=(400, 3)).astype(np.float32), "digit": y}
    data = er.load_data(views | ({"y": y} if has_labels else {}), validation=0, test=0.25)
    metrics = er.evaluate(make_reader(data.shape), data, metrics="probes,clusters")
    for name in ("linear_probe_accuracy", "clustering_accuracy", "cluster_accuracy"):
        assert metrics[name].value < 0.5
        assert "; examples without the view digit, which is the class" in metrics[name].estimator
    halves = er.load_data(views | {"y": y // 2}, validation=0, test=0.25)
    of_others = er.evaluate(make_reader(halves.shape), halves, metrics="probes")["linear_probe_accuracy"]
    assert of_others.value == 1
    assert "without the view" not in of_others.estimator


@pytest.mark.parametrize(("share", "reason"), [(2, None), (1, "no example of known class has another view")])
def test_examples_of_the_class_alone_are_not_probed(share, reason):
    """One in so many has no other view: without that of the class nothing of it is encoded."""
    y, a = np.arange(400) % 4, np.random.default_rng(0).normal(size=(400, 3)).astype(np.float32)
    a[::share] = np.nan
    held_out, train = {"a": a[:200], "digit": y[:200], "y": y[:200]}, {"a": a[200:], "digit": y[200:], "y": y[200:]}
    data = er.load_data(train, test=held_out, validation=0)
    metrics = er.evaluate(make_reader(data.shape), data, metrics="probes,clusters")
    for name in ("linear_probe_accuracy", "clustering_accuracy", "cluster_accuracy"):
        assert metrics[name].examples == (None if reason else 100)
        assert not reason or metrics[name].note == reason
    if not reason:
        assert "fitted to 100 training latents" in metrics["linear_probe_accuracy"].estimator
