"""Attribute directions of models whose latents are known."""

import numpy as np
import pytest
import torch

import elbowroom as er
from elbowroom.latent import attribute_vector, traverse_attribute


def make_identity_model(d):
    """A model whose latent is the example itself."""
    model, _ = er.recipes.autoencoder((d,), latent=d, linear=True)
    with torch.no_grad():
        for net in (model.encoder.net, model.decoder.net):
            net.layers[0].weight.copy_(torch.eye(d))
            net.layers[0].bias.zero_()
    return model


def test_of_an_identity_the_direction_is_the_difference_of_means():
    generator = np.random.default_rng(0)
    x = generator.normal(size=(700, 4)).astype(np.float32)
    y = (generator.random((700, 2)) > 0.7).astype(np.float32)
    data = er.load_data((x, y), validation=0, test=0)
    for a in (0, 1):
        expected = x[y[:, a] == 1].mean(0) - x[y[:, a] == 0].mean(0)
        np.testing.assert_allclose(attribute_vector(make_identity_model(4), data.train, a), expected, atol=1e-5)


def test_traversal_adds_multiples_of_the_direction():
    model, x, v = make_identity_model(3), torch.randn(5, 3), torch.randn(3)
    moved = traverse_attribute(model, x, v, (-1, 0, 2))
    torch.testing.assert_close(moved[:, 1], x)
    torch.testing.assert_close(moved[:, 2] - moved[:, 0], (3 * v).expand(5, 3))


def test_direction_of_a_class_against_the_others(digits):
    torch.manual_seed(0)
    model, _ = er.recipes.vae(digits.shape, latent=3)
    x, y, _ = digits.test.first(359)
    z = model.encode(x)
    expected = z[y == 4].mean(0) - z[y != 4].mean(0)
    torch.testing.assert_close(attribute_vector(model, digits.test, 4), expected, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize(
    ("y", "attribute", "words"),
    [
        (np.ones((30, 2), np.float32), 0, "all examples are with attribute 0"),
        (np.ones((30, 2), np.float32), 5, "attribute 5 of 2: expected 0 to 1"),
        (np.zeros(30, np.int64), 3, "all examples are without attribute 3"),
    ],
)
def test_undefined_directions_are_errors(y, attribute, words):
    data = er.load_data((np.zeros((30, 4), np.float32), y), validation=0, test=0)
    with pytest.raises(ValueError, match=words):
        attribute_vector(make_identity_model(4), data.train, attribute)
