"""Layouts: which axis of an array holds channels, guessed where it is clear and said, or as asked for."""

import warnings

import numpy as np
import pytest

import elbowroom as er
from elbowroom.data import load_data, load_like

WHOLE = {"validation": 0, "test": 0}


@pytest.mark.parametrize(
    ("stored", "asked", "shape", "resolved", "is_said"),
    [
        ((28, 28), "auto", (1, 28, 28), "image", False),
        ((28, 20, 3), "auto", (3, 28, 20), "channels-last", False),
        ((3, 28, 20), "auto", (3, 28, 20), "image", False),
        ((32, 32, 8), "auto", (8, 32, 32), "channels-last", True),
        ((8, 32, 32), "auto", (8, 32, 32), "image", False),
        ((16, 16, 12), "auto", (16, 16, 12), "image", True),
        ((7, 5, 2), "auto", (7, 5, 2), "image", True),
        ((1, 24), "auto", (1, 24), "series", True),
        ((24, 1), "auto", (1, 24), "channels-last", True),
        ((6, 100), "auto", (6, 100), "series", True),
        ((100, 6), "auto", (6, 100), "channels-last", True),
        ((28, 28), "series", (28, 28), "series", False),
        ((30, 12), "series", (12, 30), "channels-last", False),
        ((12, 30), "channels-last", (30, 12), "channels-last", False),
        ((6, 100), "image", (1, 6, 100), "image", False),
        ((7, 5, 2), "channels-last", (2, 7, 5), "channels-last", False),
        ((4, 5), "rows", (20,), "rows", False),
        ((9,), "auto", (9,), "rows", False),
    ],
)
def test_the_layout_of_examples(stored, asked, shape, resolved, is_said):
    x = np.random.default_rng(0).random((12, *stored)).astype(np.float32)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        data = load_data(x, layout=asked, **WHOLE)
    assert data.shape == tuple(data.train.first(1).x.shape[1:]) == shape
    assert data.protocol["arguments"]["layout"] == resolved
    assert len(caught) == is_said
    is_plain = asked != "auto" or stored[-1] == 3 or stored[0] == 3 or len(stored) == 1
    assert ("taken as" in data.protocol["preprocessing"]) >= (is_said or not is_plain)
    moved = np.moveaxis(x, -1, 1) if resolved == "channels-last" else x
    assert np.array_equal(data.train.x.flatten(), moved.ravel())
    again = load_data(x, **data.protocol["arguments"])
    assert again.shape == shape


def test_bytes_are_images_whatever_their_size():
    assert load_data(np.zeros((5, 6, 100), dtype=np.uint8), **WHOLE).shape == (1, 6, 100)


@pytest.mark.parametrize(
    ("shape", "layout", "words"),
    [
        ((5, 9), "image", r"layout='image' for examples of shape \(9,\): expected \(H, W\)"),
        ((5, 9), "series", r"layout='series' for examples of shape \(9,\): expected \(C, L\)"),
        ((5, 3, 8, 8), "series", r"layout='series' for examples of shape \(3, 8, 8\)"),
        ((5, 9), "raws", "unknown layout 'raws': did you mean 'rows'"),
    ],
)
def test_a_layout_that_does_not_suit_is_refused(shape, layout, words):
    with pytest.raises(ValueError, match=words):
        load_data(np.zeros(shape), layout=layout)


def test_other_examples_have_the_layout_that_was_asked_for():
    x = np.random.default_rng(0).random((20, 8, 8)).astype(np.float32)
    record = load_data(x, layout="series").protocol
    assert load_like(x[:3], record).shape == (8, 8)
    images = np.random.default_rng(0).random((20, 9, 8, 3)).astype(np.float32)
    record = load_data(images).protocol
    assert load_like(images[:3].transpose(0, 3, 1, 2), record).shape == (3, 9, 8)  # channels are found where they are


def test_a_model_trains_on_series(tmp_path):
    t = np.linspace(0, 6, 40)
    phases = np.random.default_rng(0).random(120)[:, None] * 6
    waves = np.stack([np.sin(t + phases), np.cos(t + phases)], axis=1)
    data = load_data(waves, layout="series")  # as asked for, nothing is said of it
    model, objective = er.recipes.vae(data.shape, latent=2, hidden=(8,), likelihood="gaussian")
    run = er.fit(model, objective, data, steps=3, batch_size=30, out=tmp_path / "run", progress=False)
    loaded = er.load(run.path)
    assert loaded.sample(3).shape == (3, 2, 40)
    assert loaded.encode(data.test.first(2).x).shape == (2, 2)
    assert er.evaluate(run, waves[:20], samples=2)["elbo"].value is not None
