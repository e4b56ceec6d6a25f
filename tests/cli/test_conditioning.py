"""Conditional samples on the command line: --label with classes and attributes."""

import numpy as np
import pytest
import torch

import elbowroom as er
from elbowroom.cli import main


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("conditional")
    train = ["--data", "digits", "--latent", "2", "--hidden", "16", "--steps", "10", "--device", "cpu", "--out"]
    for recipe in ("cvae", "m2", "vae"):
        assert main(["train", recipe, *train, str(folder / recipe)]) == 0
    return folder


def sample(runs, recipe, *arguments):
    out = runs / "x.npz"
    code = main(["sample", str(runs / recipe), *arguments, "--out", str(out)])
    return np.load(out)["x"] if code == 0 else None


def test_the_given_class_is_the_class_that_is_decoded(runs):
    model = er.load(runs / "cvae")
    x = sample(runs, "cvae", "--z", "0,0; 1,1", "--label", "7")
    expected = model.sample(z=torch.tensor([[0.0, 0.0], [1.0, 1.0]]), c=torch.tensor([7, 7]))
    np.testing.assert_allclose(x, expected.numpy(), atol=1e-6)


def test_several_classes_take_turns(runs):
    three, both = (sample(runs, "cvae", "-n", "4", "--label", label) for label in ("3", "3,8"))
    np.testing.assert_allclose(three[[0, 2]], both[[0, 2]], atol=1e-6)
    assert np.abs(three[1] - both[1]).max() > 1e-4


def test_without_a_label_those_of_training_examples_are_used(runs):
    assert sample(runs, "cvae", "-n", "5").shape == (5, 1, 8, 8)
    assert sample(runs, "m2", "-n", "5", "--label", "2").shape == (5, 1, 8, 8)


@pytest.mark.parametrize(
    ("recipe", "label", "words"),
    [
        ("cvae", "12", "unknown class '12'"),
        ("cvae", "Smiling=1", "unknown attribute 'Smiling'"),
        ("vae", "3", "this model is not conditional; train cvae, or leave it out"),
    ],
)
def test_an_invalid_label_is_a_one_line_error(runs, capsys, recipe, label, words):
    assert sample(runs, recipe, "--label", label) is None
    err = capsys.readouterr().err
    assert words in err
    assert err.count("\n") == 1
