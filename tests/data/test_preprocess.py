"""Binarization, dequantization and augmentation of splits."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils.data import TensorDataset

from elbowroom.data import BufferedSplit, freeze, load_data, raw, transforms
from tests.data.sources import FORMATS, WHOLE, cyclic_labels, noise, numbered_images


def test_dynamic_binarisation_draws_train_anew_and_the_others_once():
    grey = torch.full((60, 8, 8), 128, dtype=torch.uint8)
    data = load_data(grey, binarize="dynamic")
    assert data.binary
    assert data.discrete
    for name, split in data.splits.items():
        one, two = split.first(5).x, split.first(5).x
        assert set(one.unique().tolist()) == {0.0, 1.0}
        assert torch.equal(one, two) == (name != "train")
        assert 0.35 < float(one.mean()) < 0.65
        assert split.x.dtype == torch.uint8
    assert data.protocol["seed"] == 0
    assert "drawn as Bernoulli: anew" in data.protocol["preprocessing"]
    again, other = load_data(grey, binarize="dynamic"), load_data(grey, binarize="dynamic", seed=1)
    assert torch.equal(again.test.x, data.test.x)
    assert not torch.equal(other.test.x, data.test.x)


def test_the_size_of_validation_does_not_change_the_draw_of_test():
    grey = torch.full((20, 4, 4), 128, dtype=torch.uint8)
    small, large = (load_data(grey, test=grey, validation=v, binarize="dynamic") for v in (2, 8))
    assert torch.equal(small.test.x, large.test.x)


def test_threshold():
    x = np.array([[0.0, 0.5, 0.51, 1.0]], dtype=np.float32)
    data = load_data(np.repeat(x, 10, 0), binarize="threshold")
    assert data.test.first(1).x.tolist() == [[0, 0, 1, 1]]
    assert data.binary
    pixels = np.tile(np.array([[[0, 127, 128, 255]]], dtype=np.uint8), (10, 1, 1))
    assert load_data(pixels, binarize="threshold").train.first(1).x.flatten().tolist() == [0, 0, 1, 1]


def test_only_probabilities_can_be_binarised():
    x = np.zeros((10, 4), dtype=np.float32)
    x[3, 1] = 7
    with pytest.raises(
        ValueError, match=r"needs values in \[0, 1\], and row 3 of the source \(train split\) has 7: rescale"
    ):
        load_data(x, binarize="dynamic", validation=0, test=0)
    with pytest.raises(ValueError, match="needs arrays, and test is a stream"):
        load_data(TensorDataset(numbered_images()), binarize="dynamic")


@pytest.mark.parametrize("form", ["npy", "tar"])
def test_bits_are_drawn_anew_in_training_and_once_elsewhere(tmp_path, form):
    grey = np.full((400, 6, 5), 64, dtype=np.uint8)
    FORMATS[form](tmp_path, grey, cyclic_labels(400))
    data = load_data(tmp_path, buffer=100, binarize="dynamic")
    assert data.binary
    assert data.discrete
    for name, split in data.splits.items():
        one, two = split.first(40).x, split.first(40).x
        assert set(one.unique().tolist()) == {0.0, 1.0}
        assert torch.equal(one, two) == (name != "train")
        mean, error = float(one.mean()), (64 / 255 * (1 - 64 / 255) / one.numel()) ** 0.5
        assert abs(mean - 64 / 255) < 4.5 * error
    other = load_data(tmp_path, buffer=100, binarize="dynamic", seed=1).test
    assert not torch.equal(other.first(40).x, data.test.first(40).x)
    # a function of the row alone: whatever the company and the order
    test = data.test
    assert torch.equal(test.gather(torch.tensor([7, 3])).x[1], test.first(5).x[3])
    fixed = freeze(data.train, 5)
    assert torch.equal(fixed.first(9).x, freeze(data.train, 5).first(9).x)
    assert not torch.equal(fixed.first(9).x, freeze(data.train, 6).first(9).x)
    assert "drawn as Bernoulli: anew" in data.protocol["preprocessing"]


def test_drawn_bits_have_the_probabilities_of_their_pixels(tmp_path):
    np.save(tmp_path / "x.npy", np.tile(np.arange(256, dtype=np.uint8), (3000, 1)))
    split = freeze(load_data(tmp_path / "x.npy", buffer=3000, binarize="dynamic", **WHOLE).train, 0)
    p = torch.arange(256) / 255
    error = (p * (1 - p) / 3000).sqrt().clamp(min=1e-9)
    assert ((split.first(3000).x.mean(0) - p).abs() / error).max() < 4.5
    assert split.first(3000).x[:, 0].max() == 0
    assert split.first(3000).x[:, 255].min() == 1


def test_training_images_are_mirrored_at_random_and_others_never():
    x = noise(0, (400, 3, 4, 6))
    data = load_data(x, flip=True)
    rows = data.train.x.float() / 255
    one, two = data.train.first(400).x, data.train.first(400).x
    mirrored = (one == rows.flip(-1)).flatten(1).all(1)
    assert (mirrored | (one == rows).flatten(1).all(1)).all()
    assert abs(mirrored.float().mean() - 0.5) < 4.5 * 0.5 / len(mirrored) ** 0.5
    assert not torch.equal(one, two)
    for split in (freeze(data.train, 7), data.validation, data.test):
        assert torch.equal(split.first(400).x, split.x.float() / 255)
    assert "in training mirrored at random" in data.protocol["preprocessing"]
    assert data.discrete


@settings(deadline=None)
@given(st.integers(0, 3), st.integers(1, 7), st.integers(4, 6), st.integers(0, 99))
def test_a_shift_moves_the_whole_image_and_repeats_the_edge(most, n, side, seed):
    x = torch.from_numpy(noise(seed, (n, 2, side, side + 1))).float()
    torch.manual_seed(seed)
    moved = transforms.random_shift(x, torch.arange(n), None, max_pixels=most)
    ways = range(-most, most + 1)
    for before, after in zip(x, moved, strict=True):
        wide = np.pad(before.numpy(), ((0, 0), (most, most), (most, most)), "edge")
        cuts = [wide[:, most + a :, most + b :][:, :side, : side + 1] for a in ways for b in ways]
        assert any(np.array_equal(cut, after.numpy()) for cut in cuts)
    assert torch.equal(transforms.random_shift(x, torch.arange(n), 0, max_pixels=most), x)


def test_every_shift_comes_as_often():
    x = torch.zeros(4000, 1, 5, 5)
    x[:, 0, 2, 2] = 1
    torch.manual_seed(0)
    counts = transforms.random_shift(x, torch.arange(4000), None, max_pixels=2).sum((0, 1))
    assert (counts.sum(), counts.min() > 100, counts.max() < 230) == (4000, True, True)


def test_dequantised_pixels_fill_their_levels():
    x = np.tile(np.arange(256, dtype=np.uint8), (400, 1)).reshape(400, 1, 16, 16)
    data = load_data(x, dequantize=True)
    assert not data.discrete
    for name, split in data.splits.items():
        one, two = split.first(400).x, split.first(400).x
        assert torch.equal((one * 256).floor().flatten(1), torch.arange(256.0).expand(len(split), 256))
        assert (one.min() >= 0, one.max() < 1) == (True, True)
        assert torch.equal(one, two) == (name != "train")
        rest = (one * 256).frac().double().flatten()
        assert abs(rest.mean() - 0.5) < 4.5 * (1 / 12 / len(rest)) ** 0.5
        assert abs(rest.var() - 1 / 12) < 4.5 * (1 / 180 / len(rest)) ** 0.5
    assert torch.equal(freeze(data.train, 3).first(9).x, freeze(data.train, 3).first(9).x)
    assert torch.equal(data.test.gather(torch.tensor([7, 3])).x[1], data.test.first(5).x[3])
    assert not torch.equal(load_data(x, dequantize=True, seed=1).test.first(5).x, data.test.first(5).x)
    assert data.find_out_of_range(0, 1) is None
    assert "(level + u) / 256, anew at every use in training, once with seed 0" in data.protocol["preprocessing"]
    assert "divided by 255" not in data.protocol["preprocessing"]


def test_the_top_of_the_highest_level_stays_below_one():
    x = torch.ones(1, 1, 1, 4)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch, "rand_like", lambda x: torch.full_like(x, 1 - 2**-24))
        assert transforms.dequantize(x, torch.tensor([0]), None).max() < 1


def test_by_row_it_is_the_same_in_memory_and_mapped(tmp_path, monkeypatch):
    np.save(tmp_path / "x.npy", noise(0, (90, 6, 5)))
    memory = load_data(tmp_path / "x.npy", dequantize=True, seed=2)
    monkeypatch.setattr(raw, "ALWAYS_IN_MEMORY_BYTES", 0)
    monkeypatch.setattr(raw, "available_memory", lambda: 0)
    mapped = load_data(tmp_path / "x.npy", dequantize=True, seed=2)
    assert isinstance(mapped.train, BufferedSplit)
    assert mapped.protocol["fingerprint"] == memory.protocol["fingerprint"]
    for name in ("validation", "test"):
        assert torch.equal(mapped.splits[name].first(9).x, memory.splits[name].first(9).x)
    torch.manual_seed(0)
    first = mapped.train.first(50).x
    torch.manual_seed(0)
    assert torch.equal(memory.train.first(50).x, first)


@pytest.mark.parametrize("way", [{"flip": True}, {"shift": 1}, {"dequantize": True}])
@pytest.mark.parametrize("source", ["table", "stream"])
def test_what_is_no_image_is_not_changed(source, way):
    given = {"table": np.zeros((20, 5)), "stream": [(torch.zeros(20, 1, 4, 4), torch.zeros(20))]}[source]
    words = "needs arrays, and train is a stream" if source == "stream" else "is for images|holds bits|shape"
    with pytest.raises(ValueError, match=words):
        load_data(given, **WHOLE, **way)
