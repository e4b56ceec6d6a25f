"""Endpoints of one model: a contract for every recipe, with the library as the oracle."""

import io
import json
import math

import numpy as np
import pytest
import torch
from PIL import Image

import elbowroom as er
from elbowroom.cli import main
from elbowroom.data import Batch
from elbowroom.evaluation.suites import likelihood
from tests.studio.helpers import CONDITIONAL, condition, error_of, get, model_info, ok_json, post, read_npz


@pytest.fixture
def client(recipe_client):
    return recipe_client


def test_model_info(client, recipe_runs, name):
    result = model_info(client, name)
    assert result["shape"] == [1, 8, 8]
    assert result["latent"] == math.prod(result["latent_shape"]) == len(result["spread"]) == len(result["centre"])
    assert (
        sorted(result["active"]) == list(range(result["latent"])) or name == "hierarchical_vae" or result["quantised"]
    )
    assert result["picture"]
    assert result["examples"]
    assert result["why"] is None
    assert result["splits"] == {"train": 1258, "validation": 180, "test": 359}
    assert result["labels"] == list("0123456789")
    assert result["prior"] == er.load(recipe_runs / name).has_prior
    assert (result["conditional"] is not None) == (name in CONDITIONAL)
    if result["kl"] is not None:
        by_activity = [result["kl"][dim] for dim in result["active"]]
        assert by_activity == sorted(by_activity, reverse=True)


def test_decoding_is_that_of_the_library(client, recipe_runs, name):
    model = er.load(recipe_runs / name)
    z = torch.randn(3, *model.latent_shape, generator=torch.Generator().manual_seed(1))
    c = {"c": 3} if name in CONDITIONAL else {}
    result = ok_json(post(client, "decode", run=name, z=z.tolist(), **c))
    expected = model.sample(c=condition(name, 3), z=z, draw=False)
    assert result["shape"] == [3, 1, 8, 8]
    torch.testing.assert_close(torch.tensor(result["x"]), expected, rtol=1e-4, atol=1e-5)
    flat = read_npz(post(client, "decode", run=name, z=z.flatten(1).tolist(), format="npz", **c))
    np.testing.assert_allclose(flat["x"], expected, rtol=1e-4, atol=1e-5)


def test_encoding_and_reconstruction_are_those_of_the_library(client, recipe_runs, digits, name):
    model = er.load(recipe_runs / name)
    x, y = digits.test.x[[4, 2]].float() / 255, digits.test.y[[4, 2]]
    examples = {"run": name, "index": [4, 2], "split": "test"}
    z = ok_json(post(client, "encode", **examples))["z"]
    torch.testing.assert_close(torch.tensor(z), model.encode(x, y).flatten(1), rtol=1e-4, atol=1e-5)
    reconstruction = ok_json(post(client, "reconstruct", **examples))["x"]
    torch.testing.assert_close(torch.tensor(reconstruction), model.reconstruct(x, y), rtol=1e-4, atol=1e-5)


def test_samples_are_those_of_the_command_line(client, recipe_runs, name, tmp_path):
    if not er.load(recipe_runs / name).can_sample:
        assert "no prior" in error_of(post(client, "sample", run=name))
        return
    c, label = ({"c": 3}, ["--label", "3"]) if name in CONDITIONAL else ({}, [])
    result = read_npz(post(client, "sample", run=name, n=5, seed=7, format="npz", **c))
    out = tmp_path / "samples.npz"
    assert main(["sample", str(recipe_runs / name), "-n", "5", "--seed", "7", *label, "--out", str(out)]) == 0
    expected = np.load(out)
    np.testing.assert_allclose(result["z"], expected["z"], rtol=1e-5)
    np.testing.assert_allclose(result["x"], expected["x"], rtol=1e-4, atol=1e-5)


def test_temperature_scales_about_the_mean(client, recipe_runs, name):
    model = er.load(recipe_runs / name)
    if not model.can_sample:
        return
    if model.is_quantized:
        assert "leave the temperature at 1" in error_of(post(client, "sample", run=name, temperature=0.5))
        return
    warm, half, cold = (
        torch.tensor(ok_json(post(client, "sample", run=name, n=6, seed=1, temperature=t))["z"]) for t in (1, 0.5, 0)
    )
    torch.testing.assert_close(half, (warm + cold) / 2, rtol=1e-4, atol=1e-5)
    # Without a label the classes take turns.
    c = torch.arange(6) % 10 if model.requires_labels else None
    mean = model.latent_prior(c).mean.detach().expand(6, *model.latent_shape)
    torch.testing.assert_close(cold, mean.flatten(1), rtol=1e-4, atol=1e-5)


def test_scores_are_those_of_the_evaluation(client, recipe_runs, digits, name):
    result = ok_json(post(client, "score", run=name, index=[0, 1, 2]))
    assert result["unit"] == "nats"
    scores = result["scores"]
    assert len(scores["reconstruction"]) == 3
    model, (x, y, index) = er.load(recipe_runs / name), digits.test.first(3)
    assert ("elbo" in scores) == (model.has_prior and not model.no_density_reason)
    for metric, value in likelihood.estimate_bounds(
        model, Batch(x, y if name in CONDITIONAL else None, index), 10, 0
    ).items():
        if metric in scores:
            np.testing.assert_allclose(scores[metric], value, rtol=1e-5)


def test_images_in_every_format(client):
    ends = {"run": "vae", "a": {"index": 0}, "b": {"index": 1, "split": "train"}, "steps": 4}
    strip = Image.open(io.BytesIO(post(client, "interpolate", format="png", **ends).content))
    assert strip.size == (4 * 9 - 1, 8)
    gif = Image.open(io.BytesIO(post(client, "interpolate", format="gif", **ends).content))
    assert gif.n_frames == 6
    assert len(ok_json(post(client, "interpolate", **ends))["pngs"]) == 4
    grid = Image.open(io.BytesIO(post(client, "sample", run="vae", n=9, format="png").content))
    assert grid.size == (26, 26)
    one = Image.open(io.BytesIO(post(client, "reconstruct", run="vae", index=0, format="png").content))
    assert one.size == (8, 8)
    row = Image.open(io.BytesIO(get(client, "examples", run="vae", index="3,1,2", size=20).content))
    assert row.size == (60, 20)


def test_tabular_examples_are_numbers(client, recipe_runs):
    result = model_info(client, "sub/table")
    assert not result["picture"]
    assert not result["examples"]
    assert "given in Python" in result["why"]
    assert result["latent"] == 3
    x = np.zeros((2, 9)).tolist()
    z = ok_json(post(client, "encode", run="sub/table", x=x))
    assert np.shape(z["z"]) == np.shape(z["std"]) == (2, 3)
    assert np.shape(ok_json(post(client, "sample", run="sub/table", n=4))["x"]) == (4, 9)
    assert "not images" in error_of(post(client, "sample", run="sub/table", format="png"))
    with client.websocket_connect("ws://localhost/ws/decode?run=sub/table") as socket:
        socket.send_text('{"id": 1, "z": [0, 0, 0]}')
        assert len(json.loads(socket.receive_text())["x"]) == 9


def test_without_data_only_decoding_and_scoring_work(client):
    assert len(model_info(client, "sub/table")["spread"]) == 3
    assert ok_json(post(client, "decode", run="sub/table", z=[0, 0, 0]))["shape"] == [1, 9]
    assert ok_json(post(client, "score", run="sub/table", x=[0.0] * 9))["scores"]["elbo"]
    for answer in (
        get(client, "plane", run="sub/table"),
        post(client, "encode", run="sub/table", index=0),
        get(client, "attribute", run="sub/table", name="3"),
    ):
        assert "given in Python" in error_of(answer)


def test_a_model_conditional_on_attributes(client, recipe_runs, tmp_path):
    x, y = torch.rand(200, 1, 8, 8), (torch.rand(200, 3) > 0.5).float()
    np.savez(tmp_path / "faces.npz", x=x.numpy(), y=y.numpy())
    data = er.load_data(str(tmp_path / "faces.npz"))
    er.fit(*er.recipes.cvae(data.shape, labels=3), data, steps=2, out=recipe_runs / "attributes")
    assert model_info(client, "attributes")["conditional"] == {
        "kind": "attributes",
        "names": ["0", "1", "2"],
        "size": 3,
    }
    model, z = er.load(recipe_runs / "attributes"), torch.zeros(2, 20)
    result = ok_json(post(client, "decode", run="attributes", z=z.tolist(), c=[1, 0.5, 0]))["x"]
    expected = model.sample(c=torch.tensor([[1, 0.5, 0]]).expand(2, 3), z=z)
    np.testing.assert_allclose(result, expected, rtol=1e-4, atol=1e-6)
    assert "give c, 3 numbers" in error_of(post(client, "sample", run="attributes"))
    assert np.shape(ok_json(post(client, "encode", run="attributes", index=[0, 1]))["z"]) == (2, 20)


def test_wrong_and_missing_conditions(client):
    z = [[0.0] * 3]
    assert "a class from 0 to 9" in error_of(post(client, "decode", run="cvae", z=z, c=10))
    assert "a class from 0 to 9" in error_of(post(client, "decode", run="cvae", z=z, c=[1.0, 2.0]))
    assert "give c, a class" in error_of(post(client, "encode", run="cvae", x=[0.0] * 64))
    turns = ok_json(post(client, "decode", run="cvae", z=z * 12))["x"]
    third = ok_json(post(client, "decode", run="cvae", z=z, c=2))["x"]
    np.testing.assert_allclose(turns[2], third[0], rtol=1e-4, atol=1e-6)


def test_npz_files_need_no_pickle(client):
    answer = post(client, "sample", run="vae", n=2, format="npz")
    arrays = np.load(io.BytesIO(answer.content), allow_pickle=False)
    assert {name: arrays[name].dtype.kind for name in arrays.files} == {"x": "f", "z": "f", "caption": "U"}
    assert str(arrays["caption"]) == "means of p(x|z), z ~ p(z) · seed 0"


def test_samples_say_what_they_are(client):
    means, draws = (ok_json(post(client, "sample", run="vae", n=2, draw=draw)) for draw in (None, True))
    assert means["caption"] == "means of p(x|z), z ~ p(z) · seed 0"
    assert draws["caption"] == "draws from p(x|z), z ~ p(z) · seed 0"
    assert means["z"] == draws["z"]
    assert means["pngs"] != draws["pngs"]
