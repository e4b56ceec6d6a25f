"""Samples of what was asked for: --label of sample, for classes and attributes."""

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


def drawn(runs, recipe, *arguments):
    out = runs / "x.npz"
    code = main(["sample", str(runs / recipe), *arguments, "--out", str(out)])
    return np.load(out)["x"] if code == 0 else None


def test_a_class_asked_for_is_the_class_that_is_decoded(runs):
    model = er.load(runs / "cvae")
    x = drawn(runs, "cvae", "--z", "0,0; 1,1", "--label", "7")
    expected = model.sample(z=torch.tensor([[0.0, 0.0], [1.0, 1.0]]), c=torch.tensor([7, 7]))
    np.testing.assert_allclose(x, expected.numpy(), atol=1e-6)


def test_several_classes_take_turns(runs):
    three, both = (drawn(runs, "cvae", "-n", "4", "--label", label) for label in ("3", "3,8"))
    np.testing.assert_allclose(three[[0, 2]], both[[0, 2]], atol=1e-6)
    assert np.abs(three[1] - both[1]).max() > 1e-4


def test_without_a_label_the_training_examples_lend_theirs(runs):
    assert drawn(runs, "cvae", "-n", "5").shape == (5, 1, 8, 8)
    assert drawn(runs, "m2", "-n", "5", "--label", "2").shape == (5, 1, 8, 8)


@pytest.mark.parametrize(
    ("recipe", "label", "words"),
    [
        ("cvae", "12", "unknown class '12'"),
        ("cvae", "Smiling=1", "unknown attribute 'Smiling'"),
        ("vae", "3", "this model is not conditional; train cvae, or leave it out"),
    ],
)
def test_a_label_that_cannot_be_is_one_line(runs, capsys, recipe, label, words):
    assert drawn(runs, recipe, "--label", label) is None
    err = capsys.readouterr().err
    assert words in err
    assert err.count("\n") == 1
