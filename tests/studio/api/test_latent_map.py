"""Latent map: points and the map back to latents, thumbnails of examples."""

import base64
import io

import numpy as np
import pytest
import torch
from PIL import Image

from elbowroom.latent import principal_components
from tests.studio.helpers import get, ok_json, post


@pytest.fixture
def client(recipe_client):
    return recipe_client


@pytest.mark.parametrize("view", ["pca", "dims:0,1", "tsne"])
def test_maps_of_every_recipe(client, name, view):
    result = ok_json(get(client, "plane", run=name, view=view, n=40))
    assert np.shape(result["points"]) == (40, 2)
    assert result["split"] == "test"
    assert set(result["labels"]) <= set(range(10))
    latents = np.frombuffer(base64.b64decode(result["codes"]), "<f4").reshape(40, result["dims"])
    encoded = ok_json(post(client, "encode", run=name, index=result["index"][:5], split="test"))["z"]
    np.testing.assert_allclose(latents[:5], encoded, rtol=1e-3, atol=1e-4)
    if view == "tsne" or name == "vq_vae":
        assert result["map"] is None
        return
    points, plane = np.array(result["points"]), {key: np.array(value) for key, value in result["map"].items()}
    # The map takes the points back to the latents, projected onto the plane.
    z = plane["centre"] + points[:, :1] * plane["x"] + points[:, 1:] * plane["y"]
    np.testing.assert_allclose((z - plane["centre"]) @ np.stack([plane["x"], plane["y"]], 1), points, atol=1e-3)
    if view == "dims:0,1":
        np.testing.assert_allclose(points, latents[:, :2], rtol=1e-5)
    else:
        np.testing.assert_allclose(np.abs(points), principal_components(torch.tensor(latents)).points.abs(), atol=1e-3)


def test_thumbnails_are_the_examples_of_the_data(client, digits):
    strip = Image.open(io.BytesIO(get(client, "examples", run="vae", index="7,0", split="train", size=8).content))
    np.testing.assert_array_equal(np.asarray(strip)[:, :8], digits.train.x[7, 0])
    np.testing.assert_array_equal(np.asarray(strip)[:, 8:], digits.train.x[0, 0])
