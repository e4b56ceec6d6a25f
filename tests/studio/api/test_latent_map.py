"""Latent map: points and the map back to latents, thumbnails of examples."""

import base64
import io

import numpy as np
import pytest
import torch
from PIL import Image

import elbowroom as er
from elbowroom.data import Batch
from elbowroom.evaluation.suites.likelihood import estimate_bounds
from elbowroom.formatting import latent_symbol
from elbowroom.latent import principal_components
from elbowroom.studio.services.latent_map import attribute_values, project_split, value_titles
from elbowroom.studio.services.loaded_model import LoadedModel
from tests.studio.helpers import error_of, get, ok_json, post


@pytest.fixture
def client(recipe_client):
    return recipe_client


@pytest.mark.parametrize("view", ["pca", "dims:0,1", "tsne"])
def test_maps_of_every_recipe(client, recipe_runs, name, view):
    result = ok_json(get(client, "plane", run=name, view=view, n=40))
    assert np.shape(result["points"]) == (40, 2)
    assert result["split"] == "test"
    assert set(result["labels"]) <= set(range(10))
    latents = np.frombuffer(base64.b64decode(result["codes"]), "<f4").reshape(40, result["dims"])
    encoded = ok_json(post(client, "encode", run=name, index=result["index"][:5], split="test"))["z"]
    np.testing.assert_allclose(latents[:5], encoded, rtol=1e-3, atol=1e-4)
    if view == "tsne" or er.load(recipe_runs / name).is_quantized:
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


def test_the_default_view_is_of_the_two_most_informative_dimensions(client):
    active = ok_json(get(client, "model", run="vae"))["active"]
    result = ok_json(get(client, "plane", run="vae", view="dims", n=20))
    assert result["view"] == f"dims:{active[0]},{active[1]}"
    names = [f"{latent_symbol(dim)}, standard deviations of the prior" for dim in active[:2]]
    assert list(result["axes"].values()) == names


def test_three_axes_are_those_of_pca(client):
    result = ok_json(get(client, "plane", run="vae", view="pca3", n=40))
    points, plane = np.array(result["points"]), result["map"]
    latents = np.frombuffer(base64.b64decode(result["codes"]), "<f4").reshape(40, -1)
    np.testing.assert_allclose(points, principal_components(torch.tensor(latents), 3).points, atol=1e-4)
    axes = np.array([plane[name] for name in "xyz"])
    np.testing.assert_allclose(axes @ axes.T, np.eye(3), atol=1e-5)
    assert list(result["axes"]) == ["x", "y", "z"]


def test_values_are_the_bounds_of_the_examples(client, recipe_runs, digits):
    """Oracle: the estimate of the evaluation in one go, of the examples that the map names, in its order."""
    index = torch.tensor(ok_json(get(client, "plane", run="vae", view="pca", n=150))["index"])
    batch = Batch(digits.test.x[index], None, index)
    expected = estimate_bounds(er.load(recipe_runs / "vae"), batch, 4, 0)
    for by in ("elbo", "reconstruction", "kl"):
        result = ok_json(get(client, "plane/values", run="vae", by=by, n=150))
        np.testing.assert_allclose(result["values"], expected[by], rtol=1e-4)
        assert result["unit"] == "nats"
        assert result["about"].endswith(", 4 draws for each example")


def test_points_of_every_recipe_have_the_colors_that_are_offered(client, recipe_runs, name):
    """A model without a posterior density or a prior has a reconstruction error alone."""
    names = [choice["name"] for choice in ok_json(get(client, "plane", run=name, view="pca", n=20))["colors"]]
    model = er.load(recipe_runs / name)
    has_elbo = model.has_prior and not model.no_density_reason
    assert names == (["elbo", "reconstruction", "kl"] if has_elbo else ["reconstruction"])
    for by in names:
        values = ok_json(get(client, "plane/values", run=name, by=by, n=20))["values"]
        assert len(values) == 20
        assert all(value is not None for value in values)


def test_an_attribute_is_a_value(digits, tmp_path):
    """Oracle: the values of an attribute are the labels of the examples that the map names."""
    y = torch.rand(len(digits.train), 2, generator=torch.Generator().manual_seed(0))
    data = er.load_data((digits.train.x, y))
    er.fit(*er.recipes.vae(digits.shape, latent=3), data, steps=2, out=tmp_path / "rated", report=False)
    loaded = LoadedModel(er.Run(tmp_path / "rated"), er.load(tmp_path / "rated"), "1", lambda run: data)
    projected = project_split(loaded, "pca", None, 20)
    assert value_titles(loaded, projected.batch)["attribute:1"] == "attribute 2"
    values = attribute_values(loaded, projected.batch, "attribute:1").values
    assert torch.equal(values, loaded.data.test.y[projected.batch.index, 1])


def test_an_unknown_value_is_refused(client):
    words = error_of(get(client, "plane/values", run="vae", by="beauty", n=20))
    assert "beauty" in words
    assert "elbo" in words
