"""What the studio says of models of every kind: tables, codebooks, hierarchies, samplers, weights."""

import csv
import io
import json
import math

import numpy as np
import pytest
import torch

import elbowroom as er
from elbowroom import noise
from elbowroom.data.readers.table_encoding import decode_rows
from elbowroom.runs.run import Run
from elbowroom.samplers import fit_sampler, load_with_sampler
from elbowroom.studio.services.loaded_model import describe_weights
from tests.studio.helpers import error_of, get, model_info, ok_json, open_client, post, read_npz

TABLE = "age,color,on\n" + "".join(
    f"{20 + i % 50},{('red', 'green', 'blue')[i % 3]},{1 + i % 28:02}.03.2021\n" for i in range(120)
)


@pytest.fixture(scope="module")
def runs(tmp_path_factory, digits):
    """A table with a number, a category and a date; a series; an autoencoder with a sampler."""
    folder = tmp_path_factory.mktemp("kinds")
    source = folder / "people.csv"
    source.write_text(TABLE)
    table = er.load_data(source)
    series = er.load_data(torch.randn(80, 2, 30, generator=torch.Generator().manual_seed(0)).numpy(), layout="series")
    fits = {
        "table": (er.recipes.vae(table.shape, latent=3), table),
        "series": (er.recipes.vae(series.shape, latent=3, likelihood="gaussian"), series),
        "sampled": (er.recipes.autoencoder(digits.shape, latent=3), digits),
    }
    for name, (recipe, data) in fits.items():
        er.fit(*recipe, data, steps=3, out=folder / name, report=False, sampler="none")
    fit_sampler(folder / "sampled", "gaussian")
    return folder


@pytest.fixture(scope="module")
def client(runs):
    with open_client(runs) as client:
        yield client


def decode_by_socket(client, run, **message):
    with client.websocket_connect(f"ws://localhost/ws/decode?run={run}") as socket:
        socket.send_text(json.dumps({"id": 7} | message))
        return json.loads(socket.receive_text())


def test_a_decoded_row_has_the_cells_and_probabilities_of_the_library(client, runs):
    info = model_info(client, "table")
    assert info["kind"] == "table"
    assert [column["name"] for column in info["columns"]] == ["age", "color", "on"]
    assert (info["columns"][0]["low"], info["columns"][0]["high"]) == ("20", "69")
    model, z = er.load(runs / "table"), torch.tensor([[0.4, -1.0, 0.2]])
    answer = decode_by_socket(client, "table", z=z.flatten().tolist())
    (expected,) = decode_rows(model.sample(z=z, draw=False), Run(runs / "table").record["data"]["columns"])
    assert [cell["text"] for cell in answer["cells"]] == [str(cell) for cell in expected]
    age, color, _ = answer["cells"]
    assert age["at"] == pytest.approx((expected[0] - 20) / 49, abs=0.5 / 49)
    logits = model.decode(z).columns[1].base_dist.logits[0, 0]
    seen = 1 - 1 / (Run(runs / "table").record["data"]["columns"][1]["rows"] + 1)
    np.testing.assert_allclose(color["p"], seen * logits.softmax(-1).detach().numpy(), rtol=1e-4)
    assert info["columns"][1]["categories"][int(np.argmax(color["p"]))] == color["text"]


def test_rows_of_the_data_are_those_of_the_file(client):
    split = {"run": "table", "split": "train"}
    answer = ok_json(get(client, "rows", **split, index=[3, 5]))
    rows = {tuple(row) for row in list(csv.reader(io.StringIO(TABLE)))[1:]}
    assert all(tuple(cell["text"] for cell in cells) in rows for cells in answer["cells"])
    assert np.shape(answer["x"]) == (2, 3)
    assert ok_json(get(client, "rows", **split, index=5))["cells"] == answer["cells"][1:]


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        ("decode", {"z": [[0, 0, 0], [1, 0, 0]]}),
        ("sample", {"n": 2}),
        ("interpolate", {"a": {"z": [0, 0, 0]}, "b": {"z": [1, 0, 0]}, "steps": 2}),
        ("traverse", {"z": [0, 0, 0], "dims": [1], "offsets": [0, 1]}),
    ],
)
def test_rows_are_saved_as_csv(client, path, fields):
    response = post(client, path, run="table", format="csv", **fields)
    assert response.headers["content-type"].startswith("text/csv")
    rows = list(csv.reader(io.StringIO(response.text)))
    assert rows[0] == ["age", "color", "on"]
    assert len(rows) == 3
    assert "give format npz" in error_of(post(client, path, run="series", format="csv", **fields))


def test_series_and_images_say_what_they_are(client, trained_client):
    assert model_info(client, "series")["kind"] == "curves"
    assert model_info(trained_client, "vae")["kind"] == "images"
    assert np.shape(decode_by_socket(client, "series", z=[0, 0, 0])["x"]) == (2, 30)


@pytest.mark.parametrize("run", ["vq_vae", "rq_vae", "fsq_vae"])
def test_the_codebook_and_its_usage(recipe_client, recipe_runs, digits, run):
    model = er.load(recipe_runs / run)
    answer = ok_json(get(recipe_client, "codebook", run=run))
    assert answer["size"] == model.quantizer.n_codes == len(answer["codes"])
    np.testing.assert_allclose(answer["codes"], model.codebook, rtol=1e-6)
    x = digits.test.x.float() / 255
    index = model.quantizer.join_index(model.posterior(x).indices)
    expected = [np.bincount(column, minlength=len(model.codebook)).tolist() for column in index.T.numpy()]
    assert answer["counts"] == expected
    assert (answer["positions"], answer["examples"], answer["split"]) == (len(expected), len(x), "test")
    assert ok_json(get(recipe_client, "codebook", run="vae"))["codes"] == []


def test_codes_that_are_too_many_are_not_listed(recipe_client, recipe_runs, digits, monkeypatch):
    """An example's latent is there to begin with, which the decoder knows."""
    monkeypatch.setattr("elbowroom.studio.api.codebook.MAX_CODES", 10)
    answer = ok_json(get(recipe_client, "codebook", run="quantized_vae"))
    assert (answer["codes"], answer["counts"]) == ([], None)
    z = er.load(recipe_runs / "quantized_vae").encode(digits.test.x).flatten(1)
    assert np.abs(z.numpy() - answer["typical"]).max(1).min() < 1e-5


@pytest.mark.parametrize("run", ["ladder_vae", "hierarchical_vae"])
def test_the_latents_of_a_hierarchy_reproduce_the_reconstruction(recipe_client, recipe_runs, run):
    """Identity: all latents of an example, decoded, are its reconstruction; without the lower ones they are not."""
    info = model_info(recipe_client, run)
    model = er.load(recipe_runs / run)
    assert {latent["name"]: tuple(latent["shape"]) for latent in info["hierarchy"]} == model.latents
    assert all(len(latent["kl"]) == math.prod(latent["shape"]) for latent in info["hierarchy"])
    encoded = ok_json(post(recipe_client, "encode", run=run, index=4, split="test"))
    lower = {name: values[0] for name, values in encoded["lower"].items()}
    assert list(lower) == list(model.latents)[-2::-1]
    decoded = ok_json(post(recipe_client, "decode", run=run, z=encoded["z"], lower=lower))["x"]
    expected = ok_json(post(recipe_client, "reconstruct", run=run, index=4, split="test"))["x"]
    np.testing.assert_allclose(decoded, expected, atol=1e-5)
    code = ok_json(post(recipe_client, "code", do="decode", run=run, z=encoded["z"], lower=lower))
    assert code["command"] is None
    variables = {}
    exec(code["python"], variables)
    np.testing.assert_allclose(variables["x"], expected, atol=1e-5)
    assert "no latent 'z99'" in error_of(post(recipe_client, "decode", run=run, z=encoded["z"], lower={"z99": [0]}))


def test_explicit_noise_is_taken_in_order_and_then_zero():
    with noise.explicit_noise([torch.tensor([1.0, 2.0])]):
        first, second = (noise.standard_normal(torch.Size((1, 2)), torch.zeros(())) for _ in range(2))
    assert (first.tolist(), second.tolist()) == ([[1, 2]], [[0, 0]])


def test_samples_from_a_fitted_sampler_are_those_of_the_command_line(client, runs):
    assert model_info(client, "sampled")["samplers"] == ["gaussian"]
    assert not model_info(client, "sampled")["prior"]
    assert model_info(client, "sampled")["densities"] == ["gaussian"]
    fields = {"run": "sampled", "n": 4, "seed": 5, "sampler": "gaussian"}
    result = read_npz(post(client, "sample", **fields, format="npz"))
    torch.manual_seed(5)
    _, z = load_with_sampler(runs / "sampled", "gaussian").sample_with_latents(4)
    np.testing.assert_allclose(result["z"], z, rtol=1e-5)
    code = ok_json(post(client, "code", do="sample", **fields))
    assert "--sampler" not in code["command"]  # it is what this run samples from
    variables = {}
    exec(code["python"], variables)
    np.testing.assert_allclose(result["x"], variables["x"], atol=1e-5)
    assert "Known: gaussian" in error_of(post(client, "sample", run="sampled", sampler="other"))


def test_weights_are_named(client, runs, tmp_path, digits):
    assert model_info(client, "table")["weights"]["words"] == "weights: epoch 3, last"
    recipe = er.recipes.vae(digits.shape, latent=2, hidden=())
    best = er.fit(*recipe, digits, epochs=1, final_weights="best", out=tmp_path / "best", report=False)
    assert describe_weights(best).words == "weights: epoch 1, best by validation loss"
