"""Conditional samples on the command line: --label with classes and attributes."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch

import elbowroom as er
from elbowroom.cli import main
from elbowroom.exporting.description import describe_run
from elbowroom.runs.run_view import RunView
from elbowroom.runs.shared_data import SharedData
from elbowroom.studio.services.loaded_model import LoadedModel


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("conditional")
    train = ["--data", "digits", "--latent", "2", "--hidden", "16", "--steps", "10", "--device", "cpu"]
    train += ["--no-report", "--sampler", "none", "--out"]
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


@pytest.fixture(scope="module")
def moved_runs(tmp_path_factory):
    """Runs on arrays with named classes and with attributes, whose files have been moved since."""
    folder = tmp_path_factory.mktemp("moved")
    x = np.random.default_rng(0).integers(0, 256, (60, 4, 4), dtype=np.uint8)
    np.savez(folder / "classes.npz", x=x, y=np.array(["cat", "dog"] * 30))
    np.savez(folder / "numbers.npz", x=x, y=np.array([0, 1] * 30))
    for name in ("classes", "numbers"):
        train = ["--data", str(folder / f"{name}.npz"), "--labels", "2", "--latent", "2", "--hidden", "8"]
        more = ["--batch-size", "16", "--steps", "2", "--device", "cpu", "--no-report", "--sampler", "none"]
        assert main(["train", "cvae", *train, *more, "--out", str(folder / name)]) == 0
        (folder / f"{name}.npz").unlink()
    return folder


@pytest.mark.parametrize(("run", "label"), [("classes", "dog"), ("classes", "1"), ("numbers", "1")])
def test_a_label_needs_no_data(moved_runs, run, label):
    x = sample(moved_runs, run, "--z", "0,0", "--label", label)
    expected = er.load(moved_runs / run).sample(z=[[0, 0]], c=[1])
    np.testing.assert_allclose(x, expected.numpy(), atol=1e-6)


def test_without_label_and_data_the_classes_take_turns(moved_runs):
    assert sample(moved_runs, "classes", "-n", "3").shape == (3, 1, 4, 4)


def test_the_names_of_the_record_are_those_of_every_surface(moved_runs, capsys):
    assert sample(moved_runs, "classes", "--label", "owl") is None
    assert "unknown class 'owl'. Known: cat, dog" in capsys.readouterr().err
    view = RunView(moved_runs / "classes")
    assert (view.classes, view.attributes) == (("cat", "dog"), ())
    assert describe_run(view)["classes"] == ["cat", "dog"]
    loaded = LoadedModel(view.run, view.run.model(), "1", SharedData().load)
    assert loaded.condition_spec.names == ("cat", "dog")


def test_a_run_without_names_in_its_record_takes_numbers(moved_runs, tmp_path):
    shutil.copytree(moved_runs / "classes", tmp_path / "old")
    record = json.loads((tmp_path / "old" / "recipe.json").read_text())
    for key in ("classes", "shape"):
        del record["data"][key]
    (tmp_path / "old" / "recipe.json").write_text(json.dumps(record))
    assert sample(tmp_path, "old", "-n", "2", "--label", "1").shape == (2, 1, 4, 4)
    assert sample(tmp_path, "old", "-n", "2", "--label", "dog") is None


def test_attributes_that_are_left_out_are_said(tmp_path, capsys, monkeypatch):
    """They are those of training examples, so that the caption is no whole condition."""
    data = er.load_data({"x": np.random.default_rng(0).random((60, 1, 4, 4)), "y": np.eye(2, dtype="f4").repeat(30, 0)})
    data = replace(data, attributes=("Smiling", "Male"))
    monkeypatch.setattr(RunView, "data", data)
    monkeypatch.setattr(RunView, "attributes", data.attributes)
    model = er.recipes.cvae(data.shape, labels=2, latent=2, hidden=(8,))
    er.fit(*model, data, steps=2, batch_size=8, device="cpu", out=tmp_path / "run", report=False)
    for label, is_partial in (("Smiling=1", True), ("Smiling=1,Male=0", False)):
        capsys.readouterr()
        assert sample(tmp_path, "run", "-n", "2", "--label", label) is not None
        assert (f"label {label}, other attributes of training examples" in capsys.readouterr().out) == is_partial
