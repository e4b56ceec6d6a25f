"""What the losses of training and of held-out examples are of, where labels are hidden in training alone."""

import pytest
import torch
from torch.utils.data import DataLoader, TensorDataset

import elbowroom as er
from elbowroom.cli import main
from elbowroom.plotting.curves import curves_figure
from elbowroom.training.validate import describe_held_out_bound
from tests.tiny_recipes import make_tiny

NOTE = "bounds log p(x, y), as labels are known there"


@pytest.mark.parametrize("recipe", ["m2", "m1_m2", "ccvae"])
def test_bounds_with_and_without_a_label_are_told_apart(recipe):
    model = make_tiny(recipe)[0]
    few = er.load_data("digits", labeled=100)
    note = describe_held_out_bound(model, few, ("validation", "test"))
    assert note.startswith(f"the loss of validation and test {NOTE}, and that of training log p(x) of the 92.1% of")
    assert describe_held_out_bound(model, few, ()) is None
    assert describe_held_out_bound(model, er.load_data("digits"), ("validation", "test")) is None
    assert describe_held_out_bound(make_tiny("vae")[0], few, ("validation", "test")) is None
    assert describe_held_out_bound(model, er.load_data("digits", labeled=100, validation=0, test=0), ("test",)) is None


def test_of_a_loader_it_is_not_known_which_labels_are_hidden():
    x, y = torch.rand(64, 1, 8, 8), torch.arange(64) % 10
    data = er.load_data(DataLoader(TensorDataset(x, y), batch_size=16), validation=(x, y), test=0)
    assert describe_held_out_bound(make_tiny("m2")[0], data, ("validation",)) is None


def test_the_progress_and_the_curves_say_so(tmp_path, capsys):
    words = ["train", "m2", "--data", "digits", "--labeled", "100", "--steps", "3", "--no-report", "--device", "cpu"]
    assert main([*words, "--out", str(tmp_path / "run")]) == 0
    assert NOTE in " ".join(capsys.readouterr().err.split())
    assert NOTE in curves_figure(er.Run(tmp_path / "run")).caption
