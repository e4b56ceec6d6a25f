"""Paths in latent space: interpolation, traversal and attribute directions as in the library."""

import math

import numpy as np
import pytest
import torch

import elbowroom as er
from elbowroom.data import freeze
from elbowroom.latent import lerp, slerp, traversal
from tests.studio.helpers import CONDITIONAL, condition, error_of, get, ok_json, open_client, post, read_npz


@pytest.fixture
def client(recipe_client):
    return recipe_client


def test_interpolation_and_traversal_of_every_recipe(client, recipe_runs, name):
    model = er.load(recipe_runs / name)
    a, b = torch.randn(2, math.prod(model.latent_shape))
    c = {"c": 3} if name in CONDITIONAL else {}
    if model.is_quantized:
        for answer in (
            post(client, "interpolate", run=name, a={"index": 0}, b={"index": 1}),
            post(client, "traverse", run=name, z=a.tolist(), dims=[0], offsets=[1]),
            get(client, "attribute", run=name, name="3"),
        ):
            assert "nothing between" in error_of(answer)
        return
    ends = {"a": {"z": a.tolist()}, "b": {"z": b.tolist()}}
    geodesic = model.manifold.geodesic
    is_flat = model.manifold.is_flat
    for path, function in (("linear", lerp if is_flat else geodesic), ("spherical", slerp if is_flat else geodesic)):
        result = read_npz(post(client, "interpolate", run=name, **ends, steps=4, path=path, format="npz", **c))
        z = function(a, b, torch.linspace(0, 1, 4)).unflatten(1, model.latent_shape)
        np.testing.assert_allclose(result["z"], z, rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(
            result["x"], model.sample(c=condition(name, 4), z=z, draw=False), rtol=1e-3, atol=1e-4
        )
    result = read_npz(
        post(client, "traverse", run=name, z=a.tolist(), dims=[1, 0], offsets=[-1, 0.5], format="npz", **c)
    )
    label = torch.tensor(3) if c else None
    expected = traversal(model, a.unflatten(0, model.latent_shape), [1, 0], [-1, 0.5], label)
    np.testing.assert_allclose(result["x"], expected, rtol=1e-3, atol=1e-4)
    direction = ok_json(get(client, "attribute", run=name, name="3"))
    assert len(direction["vector"]) == math.prod(model.latent_shape)
    assert direction["examples_with"] > 20


def test_an_attribute_direction_is_the_difference_of_mean_latents(client, recipe_runs, digits):
    model = er.load(recipe_runs / "vae")
    x, y = freeze(digits.test, 0).first(359)[:2]
    z = model.encode(x)
    result = ok_json(get(client, "attribute", run="vae", name="3"))
    expected = z[y == 3].mean(0) - z[y != 3].mean(0)
    np.testing.assert_allclose(result["vector"], expected, rtol=1e-3, atol=1e-5)
    assert result["examples_with"] == int((y == 3).sum())


def test_a_path_between_unlabeled_examples_has_the_most_probable_class(tmp_path):
    data = er.load_data("digits", labeled=50)
    er.fit(*er.recipes.m2(data.shape, latent=3, hidden=(8,)), data, steps=2, out=tmp_path / "few", report=False)
    model, batch = er.load(tmp_path / "few"), data.train.first(40)
    a, b = (batch.y == -1).nonzero().flatten()[:2].tolist()
    with open_client(tmp_path) as client:
        ends = {name: {"index": index, "split": "train"} for name, index in (("a", a), ("b", b))}
        result = read_npz(post(client, "interpolate", run="few", **ends, steps=5, path="linear", format="npz"))
    z = model.encode(batch.x[[a, b]])
    y = model.log_qy(batch.x[a : a + 1]).argmax(-1)
    path = lerp(z[0], z[1], torch.linspace(0, 1, 5))
    np.testing.assert_allclose(result["x"], model.sample(c=y.expand(5), z=path, draw=False), rtol=1e-3, atol=1e-4)
