"""Pairs of training examples: what they share, and data without any."""

import pytest
import torch

import elbowroom as er
from elbowroom.data.catalog.shapes import factor_grid
from elbowroom.data.pairs import pair_training_examples
from tests.tiny_recipes import make_tiny

SMALL = {"resize": 16, "examples": 200}


@pytest.mark.parametrize("name", ["shapes", "color-shapes"])
@pytest.mark.parametrize("pairs", [None, "1"])
def test_partners_of_shapes_come_from_the_grid(name, pairs, monkeypatch):
    data = er.load_data(name, pairs=pairs, **SMALL)
    grid, split = factor_grid(data), pair_training_examples(data)
    drawn = []
    change = type(grid).change_factors

    def change_and_keep(self, rows, n_changed, generator):
        partners = change(self, rows, n_changed, generator)
        drawn.append((grid.indices(rows) != grid.indices(partners)).sum(1))
        return partners

    monkeypatch.setattr(type(grid), "change_factors", change_and_keep)
    batch = split.first(200)
    assert batch.x.shape == (200, 2, *data.shape)
    assert torch.equal(batch.x[:, 0], data.train.first(200).x)
    n_factors = len(grid.sizes)
    assert set(drawn[-1]) == ({1} if pairs else set(range(1, n_factors)))


def test_partners_are_drawn_anew_and_the_same_from_the_same_seed():
    split = pair_training_examples(er.load_data("shapes", **SMALL))
    torch.manual_seed(0)
    first, second = split.first(50).x, split.first(50).x
    torch.manual_seed(0)
    assert torch.equal(split.first(50).x, first)
    assert torch.equal(first[:, 0], second[:, 0])
    assert not torch.equal(first[:, 1], second[:, 1])


def test_partners_of_classes_are_of_the_same_class_and_unknown_ones_their_own():
    x = torch.arange(60, dtype=torch.float32)[:, None].expand(60, 2) / 60
    data = er.load_data((x.numpy(), torch.arange(60) % 3), validation=0, test=0, labeled=30)
    batch = pair_training_examples(data).first(60)
    number = (batch.x[..., 0] * 60).round().long()
    known = batch.y >= 0
    assert torch.equal(number[known][:, 0] % 3, number[known][:, 1] % 3)
    assert torch.equal(number[~known][:, 0], number[~known][:, 1])


@pytest.mark.parametrize(
    ("source", "options", "message"),
    [
        (torch.rand(50, 1, 8, 8), {}, "has neither factors nor classes to pair them by: take --data shapes"),
        ("digits", {"pairs": "2"}, "pairs=2 is for data that is drawn by factors, and digits is not: leave it out"),
        ("shapes", {"pairs": "5", **SMALL}, "from 1 to 4, or random"),
        ("shapes", {"pairs": "some", **SMALL}, "pairs=some: expected how many of the 5 factors"),
        ("shapes", {"flip": True, **SMALL}, "coded otherwise than partners are drawn"),
    ],
)
def test_advice_before_anything_is_written(source, options, message, tmp_path):
    data = er.load_data(source, **options)
    with pytest.raises(ValueError, match=message):
        er.fit(*make_tiny("ada_gvae", data.shape), data, steps=1, out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_training_on_pairs_resumes_as_if_it_had_not_stopped(tmp_path):
    data = er.load_data("digits")
    options = {"batch_size": 64, "device": "cpu", "report": False, "lr": 1e-2}
    whole = er.fit(*make_tiny("ada_gvae", data.shape), data, steps=6, out=tmp_path / "whole", **options)
    er.fit(*make_tiny("ada_gvae", data.shape), data, steps=3, out=tmp_path / "halves", **options)
    halves = er.resume(tmp_path / "halves", steps=6)
    for one, other in zip(er.load(whole).parameters(), er.load(halves).parameters(), strict=True):
        assert torch.equal(one, other)
