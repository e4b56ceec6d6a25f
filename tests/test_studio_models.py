"""What the studio asks of models: one contract for every recipe in the table, with the library as the judge."""

import base64
import io
import json
import math
import struct

import numpy as np
import pytest
import torch
from PIL import Image
from starlette.testclient import TestClient

import elbowroom as er
from elbowroom import serialization
from elbowroom.data import Batch, freeze
from elbowroom.evaluation.suites import likelihood
from elbowroom.latent import lerp, principal_components, slerp, traversal
from elbowroom.recipes import RECIPES
from elbowroom.studio.app import create_app

SMALL = {"factor_vae": {"critic": (8,)}, "vamp_vae": {"components": 5}, "vq_vae": {"codes": 8, "dim": 3, "latent": 4}}
CONDITIONAL = {name for name, recipe in RECIPES.items() if "labels" in recipe.arguments}


@pytest.fixture(scope="module")
def folder(tmp_path_factory, digits):
    """A run of every recipe; and one of a table that was given in Python."""
    folder = tmp_path_factory.mktemp("runs")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("elbowroom.workbench.fit.write_final_report", lambda state: None)
        # A codebook is spread by the first batch; of the others untrained weights will do.
        for name in ("vae", "vq_vae"):
            er.fit(*RECIPES[name](digits.shape, **SMALL.get(name, {})), digits, steps=2, out=folder / name)
        rows = torch.randn(200, 9).numpy()
        table = er.load_data(rows)
        er.fit(*er.recipes.vae((9,), latent=3, likelihood="gaussian"), table, steps=2, out=folder / "sub" / "table")
    for name in set(RECIPES) - {"vae", "vq_vae"}:
        left(folder / name, name, json.loads((folder / "vae" / "recipe.json").read_text()))
    return folder


def left(path, name, record):
    """A run as a training would leave it, of weights that are drawn."""
    torch.manual_seed(0)
    model, _ = RECIPES[name]((1, 8, 8), **SMALL.get(name, {}))
    path.mkdir(exist_ok=True)
    record |= {"recipe": name, "arguments": model.recipe_call.arguments}
    (path / "recipe.json").write_text(json.dumps(record))
    serialization.save(path / "model.safetensors", serialization.named_tensors(model))


@pytest.fixture(scope="module")
def client(folder):
    with TestClient(create_app(folder), base_url="http://localhost") as client:
        yield client


@pytest.fixture(params=list(RECIPES))
def name(request):
    return request.param


def get(client, path, **query):
    return client.get(f"/api/{path}", params=query)


def post(client, call, **body):
    return client.post(f"/api/{call}", json=body)


def good(answer):
    assert answer.status_code == 200, answer.text
    return answer.json()


def refused(answer, status=400):
    assert answer.status_code == status, answer.text
    error = answer.json()["error"]
    assert "\n" not in error
    return error


def arrays(answer):
    assert answer.status_code == 200, answer.text
    return np.load(io.BytesIO(answer.content), allow_pickle=False)


def about(client, run):
    return good(get(client, "model", run=run))


def told(name, n):
    return torch.full((n,), 3) if name in CONDITIONAL else None


def test_a_model_says_what_it_is(client, name):
    found = about(client, name)
    assert found["shape"] == [1, 8, 8]
    assert found["latent"] == math.prod(found["latent_shape"]) == len(found["spread"]) == len(found["centre"])
    assert sorted(found["active"]) == list(range(found["latent"])) or name in {"hierarchical_vae", "vq_vae"}
    assert found["picture"]
    assert found["examples"]
    assert found["why"] is None
    assert found["splits"] == {"train": 1258, "validation": 180, "test": 359}
    assert found["labels"] == list("0123456789")
    assert found["prior"] == (name != "autoencoder")
    assert (found["conditional"] is not None) == (name in CONDITIONAL)
    if found["kl"] is not None:
        told = [found["kl"][dim] for dim in found["active"]]
        assert told == sorted(told, reverse=True)


def test_decoding_is_the_librarys_own(client, folder, name):
    model = er.load(folder / name)
    z = torch.randn(3, *model.latent_shape, generator=torch.Generator().manual_seed(1))
    c = {"c": 3} if name in CONDITIONAL else {}
    found = good(post(client, "decode", run=name, z=z.tolist(), **c))
    expected = model.sample(c=told(name, 3), z=z)
    assert found["shape"] == [3, 1, 8, 8]
    torch.testing.assert_close(torch.tensor(found["x"]), expected, rtol=1e-4, atol=1e-5)
    flat = arrays(post(client, "decode", run=name, z=z.flatten(1).tolist(), format="npz", **c))
    np.testing.assert_allclose(flat["x"], expected, rtol=1e-4, atol=1e-5)


def test_examples_are_encoded_and_reconstructed_as_by_the_library(client, folder, digits, name):
    model = er.load(folder / name)
    x, y = digits.test.x[[4, 2]].float() / 255, digits.test.y[[4, 2]]
    by_place = {"run": name, "index": [4, 2], "split": "test"}
    z = good(post(client, "encode", **by_place))["z"]
    torch.testing.assert_close(torch.tensor(z), model.encode(x, y).flatten(1), rtol=1e-4, atol=1e-5)
    again = good(post(client, "reconstruct", **by_place))["x"]
    torch.testing.assert_close(torch.tensor(again), model.reconstruct(x, y), rtol=1e-4, atol=1e-5)


def test_samples_are_those_of_the_command_line(client, folder, name, tmp_path):
    if name == "autoencoder":
        assert "no prior" in refused(post(client, "sample", run=name))
        return
    from elbowroom.cli import main

    c, label = ({"c": 3}, ["--label", "3"]) if name in CONDITIONAL else ({}, [])
    found = arrays(post(client, "sample", run=name, n=5, seed=7, format="npz", **c))
    out = tmp_path / "samples.npz"
    assert main(["sample", str(folder / name), "-n", "5", "--seed", "7", *label, "--out", str(out)]) == 0
    expected = np.load(out)
    np.testing.assert_allclose(found["z"], expected["z"], rtol=1e-5)
    np.testing.assert_allclose(found["x"], expected["x"], rtol=1e-4, atol=1e-5)


def test_temperature_scales_about_the_mean(client, name):
    if name == "autoencoder":
        return
    if name == "vq_vae":
        assert "leave the temperature at 1" in refused(post(client, "sample", run=name, temperature=0.5))
        return
    warm, half, cold = (
        torch.tensor(good(post(client, "sample", run=name, n=6, seed=1, temperature=t))["z"]) for t in (1, 0.5, 0)
    )
    torch.testing.assert_close(half, (warm + cold) / 2, rtol=1e-4, atol=1e-5)
    assert (cold - cold[0]).abs().max() < 1e-6


def test_scores_are_those_of_the_evaluation(client, folder, digits, name):
    found = good(post(client, "score", run=name, index=[0, 1, 2]))
    assert found["unit"] == "nats"
    scores = found["scores"]
    assert len(scores["reconstruction"]) == 3
    assert ("elbo" in scores) == (name != "autoencoder")
    model, (x, y, index) = er.load(folder / name), digits.test.first(3)
    for figure, value in likelihood.estimate_bounds(
        model, Batch(x, y if name in CONDITIONAL else None, index), 10, 0
    ).items():
        if figure in scores:
            np.testing.assert_allclose(scores[figure], value, rtol=1e-5)


def test_a_drag_is_answered_by_the_pixels_of_decode(client, folder, name):
    model = er.load(folder / name)
    z = torch.randn(1, *model.latent_shape, generator=torch.Generator().manual_seed(2))
    c = 3 if name in CONDITIONAL else None
    with client.websocket_connect(f"ws://localhost/ws/decode?run={name}") as socket:
        socket.send_text(json.dumps({"id": 41, "z": z.flatten().tolist(), "c": c}))
        frame = socket.receive_bytes()
        number, channels, height, width = struct.unpack("<IHHH", frame[:10])
        assert (number, channels, height, width) == (41, 1, 8, 8)
        expected = (model.sample(c=told(name, 1), z=z)[0].clamp(0, 1) * 255).round().flatten().numpy()
        assert np.abs(np.frombuffer(frame[10:], np.uint8) - expected).max() <= 1
        socket.send_text('{"id": 42, "z": [1, 2]}')
        answer = json.loads(socket.receive_text())
        assert answer["id"] == 42
        assert "numbers each" in answer["error"]
        socket.send_text(json.dumps({"id": 43, "z": z.flatten().tolist(), "c": c}))
        assert struct.unpack("<I", socket.receive_bytes()[:4]) == (43,)


@pytest.mark.parametrize("view", ["pca", "dims:0,1", "tsne"])
def test_a_plane_of_every_model(client, name, view):
    found = good(get(client, "plane", run=name, view=view, n=40))
    assert np.shape(found["points"]) == (40, 2)
    assert found["split"] == "test"
    assert set(found["labels"]) <= set(range(10))
    codes = np.frombuffer(base64.b64decode(found["codes"]), "<f4").reshape(40, found["dims"])
    encoded = good(post(client, "encode", run=name, index=found["index"][:5], split="test"))["z"]
    np.testing.assert_allclose(codes[:5], encoded, rtol=1e-3, atol=1e-4)
    if view == "tsne" or name == "vq_vae":
        assert found["map"] is None
        return
    points, way = np.array(found["points"]), {key: np.array(value) for key, value in found["map"].items()}
    # The map and the points are inverse to each other on the plane.
    back = way["centre"] + points[:, :1] * way["x"] + points[:, 1:] * way["y"]
    np.testing.assert_allclose((back - way["centre"]) @ np.stack([way["x"], way["y"]], 1), points, atol=1e-3)
    if view == "dims:0,1":
        np.testing.assert_allclose(points, codes[:, :2], rtol=1e-5)
    else:
        np.testing.assert_allclose(np.abs(points), principal_components(torch.tensor(codes)).points.abs(), atol=1e-3)


def test_ways_between_and_along_or_a_refusal(client, folder, name):
    model = er.load(folder / name)
    a, b = torch.randn(2, model.encoder.family.shape[-1] if name == "vq_vae" else math.prod(model.latent_shape))
    c = {"c": 3} if name in CONDITIONAL else {}
    if name == "vq_vae":
        for answer in (
            post(client, "interpolate", run=name, a={"index": 0}, b={"index": 1}),
            post(client, "traverse", run=name, z=[0.0] * 12, dims=[0], offsets=[1]),
            get(client, "attribute", run=name, name="3"),
        ):
            assert "nothing between" in refused(answer)
        return
    ends = {"a": {"z": a.tolist()}, "b": {"z": b.tolist()}}
    for path, way in (("linear", lerp), ("spherical", slerp)):
        found = arrays(post(client, "interpolate", run=name, **ends, steps=4, path=path, format="npz", **c))
        z = way(a, b, torch.linspace(0, 1, 4)).unflatten(1, model.latent_shape)
        np.testing.assert_allclose(found["z"], z, rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(found["x"], model.sample(c=told(name, 4), z=z), rtol=1e-3, atol=1e-4)
    found = arrays(post(client, "traverse", run=name, z=a.tolist(), dims=[1, 0], offsets=[-1, 0.5], format="npz", **c))
    label = torch.tensor(3) if c else None
    expected = traversal(model, a.unflatten(0, model.latent_shape), [1, 0], [-1, 0.5], label)
    np.testing.assert_allclose(found["x"], expected, rtol=1e-3, atol=1e-4)
    direction = good(get(client, "attribute", run=name, name="3"))
    assert len(direction["vector"]) == math.prod(model.latent_shape)
    assert direction["examples_with"] > 20


def test_a_direction_is_the_difference_of_mean_codes(client, folder, digits):
    model = er.load(folder / "vae")
    x, y = freeze(digits.test, 0).first(359)[:2]
    z = model.encode(x)
    found = good(get(client, "attribute", run="vae", name="3"))
    expected = z[y == 3].mean(0) - z[y != 3].mean(0)
    np.testing.assert_allclose(found["vector"], expected, rtol=1e-3, atol=1e-5)
    assert found["examples_with"] == int((y == 3).sum())


def test_pictures_are_saved_in_every_form(client):
    ends = {"run": "vae", "a": {"index": 0}, "b": {"index": 1, "split": "train"}, "steps": 4}
    strip = Image.open(io.BytesIO(post(client, "interpolate", format="png", **ends).content))
    assert strip.size == (4 * 9 - 1, 8)
    film = Image.open(io.BytesIO(post(client, "interpolate", format="gif", **ends).content))
    assert film.n_frames == 6
    assert len(good(post(client, "interpolate", **ends))["pngs"]) == 4
    grid = Image.open(io.BytesIO(post(client, "sample", run="vae", n=9, format="png").content))
    assert grid.size == (26, 26)
    one = Image.open(io.BytesIO(post(client, "reconstruct", run="vae", index=0, format="png").content))
    assert one.size == (8, 8)
    row = Image.open(io.BytesIO(get(client, "examples", run="vae", index="3,1,2", size=20).content))
    assert row.size == (60, 20)


def test_the_examples_in_a_row_are_those(client, digits):
    row = Image.open(io.BytesIO(get(client, "examples", run="vae", index="7,0", split="train", size=8).content))
    np.testing.assert_array_equal(np.asarray(row)[:, :8], digits.train.x[7, 0])
    np.testing.assert_array_equal(np.asarray(row)[:, 8:], digits.train.x[0, 0])


def test_a_table_is_answered_in_numbers(client, folder):
    found = about(client, "sub/table")
    assert not found["picture"]
    assert not found["examples"]
    assert "given in Python" in found["why"]
    assert found["latent"] == 3
    x = np.zeros((2, 9)).tolist()
    z = good(post(client, "encode", run="sub/table", x=x))
    assert np.shape(z["z"]) == np.shape(z["std"]) == (2, 3)
    assert np.shape(good(post(client, "sample", run="sub/table", n=4))["x"]) == (4, 9)
    assert "not pictures" in refused(post(client, "sample", run="sub/table", format="png"))
    with client.websocket_connect("ws://localhost/ws/decode?run=sub/table") as socket:
        socket.send_text('{"id": 1, "z": [0, 0, 0]}')
        assert len(json.loads(socket.receive_text())["x"]) == 9


def test_without_data_decoding_goes_on_and_the_rest_says_why(client):
    assert len(about(client, "sub/table")["spread"]) == 3
    assert good(post(client, "decode", run="sub/table", z=[0, 0, 0]))["shape"] == [1, 9]
    assert good(post(client, "score", run="sub/table", x=[0.0] * 9))["scores"]["elbo"]
    for answer in (
        get(client, "plane", run="sub/table"),
        post(client, "encode", run="sub/table", index=0),
        get(client, "attribute", run="sub/table", name="3"),
    ):
        assert "given in Python" in refused(answer)


def test_a_model_told_attributes(client, folder, tmp_path):
    x, y = torch.rand(200, 1, 8, 8), (torch.rand(200, 3) > 0.5).float()
    np.savez(tmp_path / "faces.npz", x=x.numpy(), y=y.numpy())
    data = er.load_data(str(tmp_path / "faces.npz"))
    er.fit(*er.recipes.cvae(data.shape, labels=3), data, steps=2, out=folder / "told")
    assert about(client, "told")["conditional"] == {"kind": "attributes", "names": ["0", "1", "2"], "size": 3}
    model, z = er.load(folder / "told"), torch.zeros(2, 20)
    found = good(post(client, "decode", run="told", z=z.tolist(), c=[1, 0.5, 0]))["x"]
    expected = model.sample(c=torch.tensor([[1, 0.5, 0]]).expand(2, 3), z=z)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)
    assert "give c, 3 numbers" in refused(post(client, "sample", run="told"))
    assert np.shape(good(post(client, "encode", run="told", index=[0, 1]))["z"]) == (2, 20)


def test_data_that_is_moved_away_and_back(client, folder, tmp_path, monkeypatch):
    monkeypatch.setattr("elbowroom.studio.services.model_store.RETRY_AFTER_S", 0)
    pictures = tmp_path / "pictures.npy"
    np.save(pictures, np.random.default_rng(0).integers(0, 256, (200, 8, 8), dtype=np.uint8))
    data = er.load_data(str(pictures))
    er.fit(*er.recipes.vae(data.shape, latent=2), data, steps=2, out=folder / "away")
    pictures.rename(tmp_path / "elsewhere.npy")
    found = about(client, "away")
    assert not found["examples"]
    assert "pictures.npy" in found["why"]
    assert found["splits"] == data.protocol["sizes"]
    assert good(post(client, "decode", run="away", z=[0, 0]))["shape"] == [1, 1, 8, 8]
    png = base64.b64encode(post(client, "sample", run="away", n=1, format="png").content).decode()
    own = good(post(client, "own", run="away", png=png))
    assert own["neighbours"] == []
    assert "pictures.npy" in own["why"]
    (tmp_path / "elsewhere.npy").rename(pictures)
    assert about(client, "away")["examples"]
    assert about(client, "away")["kl"] is not None
    assert len(good(post(client, "own", run="away", png=png))["neighbours"]) == 6


NONSENSE = [None, 0, -1, 1e300, "", "x", [], [[]], [None], ["a"], [[1, [2]]], {}, {"z": {}}, True, "NaN", 2**70]


def test_nonsense_never_fails_the_server(client):
    """Every field of every call, given what nobody would: one line and a status that says it is the asker's mistake."""
    from elbowroom.studio.api.openapi import ENDPOINTS, example_fields

    for call in ENDPOINTS:
        if call.method != "POST":
            continue
        for name in call.fields:
            for value in NONSENSE:
                answer = post(client, call.path[5:], **example_fields(call) | {"run": "vae", name: value})
                assert answer.status_code in (200, 400), (call.path, name, value, answer.text)
    for text in (
        "",
        "{",
        "[]",
        "1",
        '{"id": 1}',
        '{"id": -1, "z": [0]}',
        '{"id": 1, "z": "x"}',
        '{"id": {}, "z": [[]]}',
    ):
        with client.websocket_connect("ws://localhost/ws/decode?run=vae") as socket:
            socket.send_text(text)
            assert "error" in json.loads(socket.receive_text())
    with client.websocket_connect("ws://localhost/ws/decode?run=nothing") as socket:
        socket.send_text('{"id": 1, "z": [0]}')
        assert "no run 'nothing'" in json.loads(socket.receive_text())["error"]


MISTAKES = [
    ("decode", {"z": [[1, 2]]}, "give 20 numbers each"),
    ("decode", {"z": "a"}, "give a list"),
    ("decode", {"z": [["a"] * 20]}, "expected numbers in lists of equal lengths"),
    ("decode", {"z": [[1e400] * 20]}, "not JSON|not finite|no number"),
    ("decode", {"z": [[0.0] * 20] * 1025}, "at most 1024"),
    ("decode", {"z": [[0.0] * 20], "c": 3}, "not conditional"),
    ("decode", {"z": [[0.0] * 20], "format": "bmp"}, "choose from json, png, npz"),
    ("decode", {"z": [[0.0] * 20], "colour": 1}, "unknown field 'colour'"),
    ("sample", {"n": 0}, "give 1 to 256"),
    ("sample", {"n": 257}, "give 1 to 256"),
    ("sample", {"n": 1, "temperature": -1}, "give 0 to 10"),
    ("sample", {"n": 1, "seed": -1}, "whole number from 0"),
    ("encode", {}, "give one of x, png, index"),
    ("encode", {"index": 0, "x": [0.0]}, "x and index given"),
    ("encode", {"index": 359}, "give 0 to 358"),
    ("encode", {"index": -1}, "give 0 to 358"),
    ("encode", {"index": [0.5]}, "whole numbers"),
    ("encode", {"index": 0, "split": "dev"}, "choose from train, validation, test"),
    ("encode", {"x": [2.0] * 64}, r"outside \[0, 1\], the range of Bernoulli"),
    ("interpolate", {"a": {"index": 0}, "b": {"place": 1}}, "b: give"),
    ("interpolate", {"a": {"index": 0}, "b": {"index": 1}, "steps": 65}, "give 2 to 64"),
    ("interpolate", {"a": {"index": 0}, "b": {"index": 1}, "path": "sferical"}, "did you mean 'spherical'"),
    ("traverse", {"z": [0.0] * 20, "dims": [20], "offsets": [1]}, "no dimension 20"),
    ("traverse", {"z": [0.0] * 20, "dims": [], "offsets": [1]}, "dims: give whole numbers"),
    ("traverse", {"z": [0.0] * 20, "dims": [0], "offsets": []}, "offsets"),
    ("own", {"png": "hello"}, "not base64"),
    ("code", {"do": "train"}, "unknown thing to do 'train'"),
]


@pytest.mark.parametrize(("path", "body", "words"), MISTAKES)
def test_mistakes_are_answered_in_a_line(client, path, body, words):
    import re

    answer = client.post(
        f"/api/{path}", content=json.dumps({"run": "vae"} | body), headers={"content-type": "application/json"}
    )
    assert re.search(words, refused(answer))


@pytest.mark.parametrize(
    ("path", "query", "words"),
    [
        ("plane", {"view": "umap"}, "unknown view"),
        ("plane", {"view": "dims:0,0"}, "two dimensions of 0 to 19"),
        ("plane", {"view": "dims:0,20"}, "two dimensions of 0 to 19"),
        ("plane", {"n": "many"}, "give a number"),
        ("plane", {"n": "100000"}, "give 5 to 5000"),
        ("examples", {"index": "1;2"}, "whole numbers"),
        ("examples", {"index": "1", "size": 4000}, "sizes of 8 to 512"),
        ("attribute", {"name": "nine"}, "unknown class 'nine'"),
    ],
)
def test_mistakes_in_an_address_too(client, path, query, words):
    assert words in refused(get(client, path, run="vae", **query))


def test_a_label_that_is_none(client):
    z = [[0.0] * 20]
    assert "a class from 0 to 9" in refused(post(client, "decode", run="cvae", z=z, c=10))
    assert "a class from 0 to 9" in refused(post(client, "decode", run="cvae", z=z, c=[1.0, 2.0]))
    assert "give c, a class" in refused(post(client, "encode", run="cvae", x=[0.0] * 64))
    turns = good(post(client, "decode", run="cvae", z=z * 12))["x"]
    third = good(post(client, "decode", run="cvae", z=z, c=2))["x"]
    np.testing.assert_allclose(turns[2], third[0], rtol=1e-4, atol=1e-6)


def test_runs_that_are_not_there_or_damaged(client, folder):
    for run in ("nothing", "../etc", "/etc", ".trash"):
        refused(get(client, "model", run=run), 404)
    broken = folder / "broken"
    broken.mkdir()
    (broken / "recipe.json").write_text("{")
    assert "not readable as JSON" in refused(get(client, "model", run="broken"))
    half = folder / "half"
    half.mkdir()
    (half / "recipe.json").write_text((folder / "vae" / "recipe.json").read_text())
    assert "no weights" in refused(get(client, "model", run="half"))
    (half / "model.safetensors").write_bytes((folder / "vae" / "model.safetensors").read_bytes()[:500])
    assert "cut short or damaged" in refused(get(client, "model", run="half"))
    (half / "model.safetensors").write_bytes((folder / "beta_vae" / "model.safetensors").read_bytes())
    assert good(get(client, "model", run="half"))["latent"]


def test_new_weights_are_read(client, folder):
    before, z = about(client, "iwae")["version"], [[0.0] * 20]
    x = good(post(client, "decode", run="iwae", z=z))["x"]
    path = folder / "iwae" / "model.safetensors"
    tensors, words = serialization.read(path)
    serialization.save(path, {name: tensor + 0.5 for name, tensor in tensors.items()}, words)
    assert about(client, "iwae")["version"] != before
    assert good(post(client, "decode", run="iwae", z=z))["x"] != x


def test_few_models_stay_in_memory(client):
    desk = client.app.state.studio.store
    for name in RECIPES:
        about(client, name)
        assert len(desk._models) <= 3


def test_the_api_describes_itself(client):
    document = good(client.get("/api/openapi.json"))
    assert document["openapi"].startswith("3.1")
    for path, methods in document["paths"].items():
        for method, call in methods.items():
            assert call["summary"], path
            if method == "post":
                body = call["requestBody"]["content"]["application/json"]
                assert set(body["example"]) <= set(body["schema"]["properties"]) | {"n"}, path
    page = client.get("/api")
    assert page.headers["content-type"].startswith("text/html")
    assert "<script" not in page.text
    assert all(path in page.text for path in document["paths"])


def test_the_examples_of_the_api_run(client):
    """The bodies that the description shows, with codes as long as the model's."""
    from elbowroom.studio.api.openapi import ENDPOINTS, example_fields

    for call in ENDPOINTS:
        body = example_fields(call) | {"run": "vae"}
        if "z" in body:
            body["z"] = [0.0] * 20
        if "png" in body:
            body["png"] = base64.b64encode(get(client, "examples", run="vae", index="0", size=28).content).decode()
        answer = get(client, call.path[5:], **body) if call.method == "GET" else post(client, call.path[5:], **body)
        assert answer.status_code == 200, (call.path, answer.text)
        if "application/json" in answer.headers["content-type"]:
            assert set(call.response_fields) - {"x"} <= set(answer.json()) | {"pngs"}, call.path
