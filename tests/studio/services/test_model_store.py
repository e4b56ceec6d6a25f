"""ModelStore: damaged runs, new weights, data that disappears, and the number of models in memory."""

import base64

import numpy as np
import pytest

import elbowroom as er
from elbowroom import serialization
from tests.studio.helpers import error_of, get, model_info, ok_json, post
from tests.tiny_recipes import representative_recipes


@pytest.fixture
def client(recipe_client):
    return recipe_client


def test_data_that_is_moved_away_and_back(client, recipe_runs, tmp_path, monkeypatch):
    monkeypatch.setattr("elbowroom.runs.shared_data.RETRY_AFTER_S", 0)
    images = tmp_path / "images.npy"
    np.save(images, np.random.default_rng(0).integers(0, 256, (200, 8, 8), dtype=np.uint8))
    data = er.load_data(str(images))
    er.fit(*er.recipes.vae(data.shape, latent=2), data, steps=2, out=recipe_runs / "away")
    images.rename(tmp_path / "elsewhere.npy")
    info = model_info(client, "away")
    assert not info["examples"]
    assert "images.npy" in info["why"]
    assert info["splits"] == data.protocol["sizes"]
    assert ok_json(post(client, "decode", run="away", z=[0, 0]))["shape"] == [1, 1, 8, 8]
    png = base64.b64encode(post(client, "sample", run="away", n=1, format="png").content).decode()
    own = ok_json(post(client, "own", run="away", png=png))
    assert own["neighbours"] == []
    assert "images.npy" in own["why"]
    (tmp_path / "elsewhere.npy").rename(images)
    assert model_info(client, "away")["examples"]
    assert model_info(client, "away")["kl"] is not None
    assert len(ok_json(post(client, "own", run="away", png=png))["neighbours"]) == 6


def test_missing_and_damaged_runs(client, recipe_runs):
    for run in ("nothing", "../etc", "/etc", ".trash"):
        error_of(get(client, "model", run=run), 404)
    broken = recipe_runs / "broken"
    broken.mkdir()
    (broken / "recipe.json").write_text("{")
    assert "not readable as JSON" in error_of(get(client, "model", run="broken"))
    half = recipe_runs / "half"
    half.mkdir()
    (half / "recipe.json").write_text((recipe_runs / "vae" / "recipe.json").read_text())
    assert "no weights" in error_of(get(client, "model", run="half"))
    (half / "model.safetensors").write_bytes((recipe_runs / "vae" / "model.safetensors").read_bytes()[:500])
    assert "cut short or damaged" in error_of(get(client, "model", run="half"))
    (half / "model.safetensors").write_bytes((recipe_runs / "vae" / "model.safetensors").read_bytes())
    assert ok_json(get(client, "model", run="half"))["latent"]


def test_new_weights_are_read(client, recipe_runs):
    before, z = model_info(client, "iwae")["version"], [[0.0] * 3]
    x = ok_json(post(client, "decode", run="iwae", z=z))["x"]
    path = recipe_runs / "iwae" / "model.safetensors"
    tensors, metadata = serialization.read(path)
    serialization.save(path, {name: tensor + 0.5 for name, tensor in tensors.items()}, metadata)
    assert model_info(client, "iwae")["version"] != before
    assert ok_json(post(client, "decode", run="iwae", z=z))["x"] != x
    serialization.save(path, tensors, metadata)


def test_few_models_stay_in_memory(client):
    store = client.app.state.studio.store
    for name in representative_recipes():
        model_info(client, name)
        assert len(store._models) <= 3
