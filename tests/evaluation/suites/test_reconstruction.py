"""Reconstruction error: categories, whatever data they are in, count as right or wrong and not by their index."""

import numpy as np
import pytest
import torch

import elbowroom as er
from elbowroom.text_shape import TextShape

IMAGE = np.random.default_rng(0).random((40, 4, 4)).astype(np.float32)


def views_with_a_class():
    data = er.load_data({"image": IMAGE, "digit": np.arange(40) % 4}, seed=0)
    return data, er.recipes.mvae(data.shape, latent=2, hidden=(8,))[0]


def views_of_numbers():
    data = er.load_data({"image": IMAGE, "size": IMAGE[:, 0]}, seed=0)
    return data, er.recipes.mvae(data.shape, latent=2, hidden=(8,))[0]


def texts():
    data = er.load_data([f"{who} sleeps{end}" for who in "abcdefgh" for end in (".", "!", " again.")], seed=0)
    assert isinstance(data.shape, TextShape)
    return data, er.recipes.text_vae(data.shape, latent=2, width=8)[0]


@pytest.mark.parametrize(
    ("make", "names"),
    [
        (views_with_a_class, {"mse", "category_error"}),
        (views_of_numbers, {"mse"}),
        (texts, {"category_error"}),
    ],
)
def test_categories_are_no_numbers(make, names):
    data, model = make()
    assert set(er.evaluate(model, data, metrics="reconstruction")) == names


def test_the_errors_of_views_are_of_their_numbers_and_of_their_classes():
    data, model = views_with_a_class()
    measured = er.evaluate(model, data, metrics="reconstruction")
    x = data.test.x
    difference = model.eval().reconstruct(x) - x
    assert measured["mse"].value == pytest.approx(difference[:, :16].square().mean().item(), rel=1e-4)
    assert measured["category_error"].value == pytest.approx((difference[:, 16] != 0).float().mean().item(), rel=1e-4)


def test_what_follows_the_end_of_a_text_does_not_count():
    data, model = texts()
    x = torch.cat([batch.x for batch in data.test.batches(100)])
    wrong = model.eval().reconstruct(x) != x
    by_text = [wrong[i, : int((row == 0).nonzero()[0]) + 1].float().mean().item() for i, row in enumerate(x)]
    value = er.evaluate(model, data, metrics="reconstruction")["category_error"].value
    assert value == pytest.approx(np.mean(by_text), rel=1e-4)
