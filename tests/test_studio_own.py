"""Pictures from outside: what is taken, what is refused, what they become; and the programs that give the same."""

import base64
import io
import json
import shlex
import struct
import zlib

import numpy as np
import pytest
import torch
from PIL import Image
from starlette.testclient import TestClient

import elbowroom as er
from elbowroom.cli import main
from elbowroom.evaluation import anomaly_scores
from elbowroom.latent import find_nearest_examples
from elbowroom.studio.app import create_app
from elbowroom.studio.services import image_upload
from elbowroom.studio.services.loaded_model import NUM_POSTERIOR_SAMPLES, LoadedModel


@pytest.fixture(scope="module")
def folder(tmp_path_factory, digits):
    folder = tmp_path_factory.mktemp("runs")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("elbowroom.workbench.fit.write_final_report", lambda state: None)
        torch.manual_seed(0)
        er.fit(*er.recipes.vae(digits.shape, latent=3), digits, epochs=3, out=folder / "vae")
        er.fit(*er.recipes.cvae(digits.shape, latent=3), digits, steps=5, out=folder / "cvae")
        er.fit(*er.recipes.m2(digits.shape, latent=3), digits, steps=5, out=folder / "m2")
        bits = er.load_data("digits", binarize="dynamic")
        er.fit(*er.recipes.vae(bits.shape, latent=3), bits, steps=5, out=folder / "bits")
    return folder


@pytest.fixture(scope="module")
def client(folder):
    with TestClient(create_app(folder), base_url="http://localhost") as client:
        yield client


@pytest.fixture
def opened(client):
    return client.app.state.studio.store.opened("vae")


def encoded(picture, form="PNG", **more):
    held = io.BytesIO()
    picture.save(held, form, **more)
    return held.getvalue()


def sent(content):
    return base64.b64encode(content).decode()


def post(client, call, **body):
    return client.post(f"/api/{call}", json=body)


def shown(url):
    kind, _, text = url.partition(",")
    assert kind == "data:image/png;base64"
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(text))))


def test_an_example_of_the_data_comes_back_as_itself(client, folder, digits):
    x = digits.train.x[5]
    found = post(client, "own", run="vae", png=sent(encoded(Image.fromarray(x[0].numpy())))).json()
    np.testing.assert_array_equal(shown(found["x"]), x[0])
    assert (found["neighbours"][0]["index"], found["neighbours"][0]["distance"]) == (5, 0.0)
    assert found["neighbours"][0]["label"] == str(int(digits.train.y[5]))
    assert len(found["neighbours"]) == 6
    np.testing.assert_array_equal(shown(found["neighbours"][0]["png"]), x[0])
    model, one = er.load(folder / "vae"), x[None].float() / 255
    np.testing.assert_allclose(found["z"], model.encode(one)[0], rtol=1e-4, atol=1e-6)
    expected = (model.reconstruct(one)[0, 0] * 255).round()
    assert np.abs(shown(found["reconstruction"]) - expected.numpy()).max() <= 1
    judge = find_nearest_examples(one, digits.train, 6)
    assert [near["index"] for near in found["neighbours"]] == judge.index[0].tolist()


def test_the_score_is_that_of_the_evaluation_and_its_place_is_counted(client, folder, digits):
    x = digits.test.x[3].float() / 255
    found = post(client, "own", run="vae", png=sent(encoded(Image.fromarray(digits.test.x[3, 0].numpy())))).json()
    model, score = er.load(folder / "vae"), found["score"]
    own = anomaly_scores(model, x[None].numpy(), "elbo", samples=NUM_POSTERIOR_SAMPLES)
    assert score["value"] == pytest.approx(float(own), rel=1e-5)
    assert found["elbo"] == pytest.approx(-float(own), rel=1e-5)
    usual = anomaly_scores(model, digits.test, "elbo", samples=NUM_POSTERIOR_SAMPLES)
    assert score["percentile"] == pytest.approx(100 * float((usual < own).double().mean()), abs=0.5)


def test_noise_is_stranger_than_digits(client):
    noise = np.random.default_rng(0).integers(0, 256, (8, 8), dtype=np.uint8)
    found = post(client, "own", run="vae", png=sent(encoded(Image.fromarray(noise)))).json()
    assert found["score"]["percentile"] > 99
    assert "stranger than 100 % of 359 test examples" in found["score"]["about"]


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP"])
def test_pictures_of_any_kind_and_size_are_brought_to_the_models(client, form):
    picture = Image.new("RGB", (60, 90), (200, 200, 200))
    answer = client.post(
        "/api/encode?run=vae",
        content=encoded(picture, form),
        headers={"content-type": f"image/{form.lower()}"},
    )
    z = answer.json()["z"]
    flat = post(client, "encode", run="vae", x=[200 / 255] * 64).json()["z"]
    np.testing.assert_allclose(z, flat, atol=0.05)


def test_a_turned_photograph_is_set_upright(opened):
    upright = np.zeros((16, 16), np.uint8)
    upright[:4] = 255
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned right
    turned = Image.fromarray(np.rot90(upright))
    x = image_upload.image_to_example(opened, encoded(turned, "PNG", exif=exif))
    assert x[0, 0, 0].min() > 0.9
    assert x[0, 0, -1].max() < 0.1


def test_what_is_clear_lies_on_the_datas_own_ground(opened):
    clear = Image.new("RGBA", (8, 8), (255, 255, 255, 0))
    assert image_upload.background_brightness(opened) == 0
    assert image_upload.image_to_example(opened, encoded(clear)).max() == 0


def test_bits_stay_bits(client):
    opened = client.app.state.studio.store.opened("bits")
    grey = Image.fromarray(np.arange(0, 256, 4, dtype=np.uint8).reshape(8, 8))
    x = image_upload.image_to_example(opened, encoded(grey))
    assert set(x.unique().tolist()) == {0, 1}
    assert x.flatten()[0] == 0
    assert x.flatten()[-1] == 1


def stroke(page, ink, place):
    """A thick 1 drawn somewhere on a large page."""
    pixels = np.full((280, 280), page, np.uint8)
    pixels[place[0] : place[0] + 90, place[1] : place[1] + 20] = ink
    return encoded(Image.fromarray(pixels))


def test_what_is_drawn_is_the_same_wherever_and_on_whatever_page(opened):
    drawn = [
        image_upload.drawing_to_example(opened, stroke(*how))
        for how in ((0, 255, (10, 10)), (255, 0, (150, 200)), (255, 40, (80, 90)), (30, 250, (180, 5)))
    ]
    for other in drawn[1:]:
        torch.testing.assert_close(other, drawn[0], atol=0.06, rtol=0)
    x = drawn[0][0, 0]
    assert x.max() > 0.9
    assert x[0, 0] == 0
    columns = (x.sum(0) * torch.arange(8)).sum() / x.sum()
    assert 3 <= columns <= 4.1


def test_what_is_drawn_on_nothing_at_all_is_ink_too(opened):
    pen = np.zeros((100, 100, 4), np.uint8)
    pen[20:80, 40:60] = (0, 0, 0, 255)
    x = image_upload.drawing_to_example(opened, encoded(Image.fromarray(pen)))
    assert x[0, 0, 4].max() > 0.9


def test_a_digit_drawn_from_the_data_is_found_again(client, digits):
    """Enlarged, moved on a large light page: its neighbours have its label."""
    hits = 0
    for i in range(10):
        ink = Image.fromarray(255 - digits.test.x[i, 0].numpy()).resize((120, 120), Image.Resampling.BICUBIC)
        page = Image.new("L", (280, 280), 255)
        page.paste(ink, (40 + 5 * i, 90))
        found = post(client, "own", run="vae", png=sent(encoded(page)), drawn=True).json()
        labels = [near["label"] for near in found["neighbours"][:3]]
        hits += str(int(digits.test.y[i])) in labels
    assert hits >= 8


def test_an_empty_page_is_no_digit(client):
    answer = post(client, "own", run="vae", png=sent(encoded(Image.new("L", (50, 50), 255))), drawn=True)
    assert answer.status_code == 400
    assert "draw something first" in answer.json()["error"]


def bomb(width, height):
    """A PNG that says it is huge, in a hundred bytes."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "not a picture"),
        (b"hello", "not a picture"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not a picture"),
        (encoded(Image.new("L", (4, 4)), "GIF"), "not a picture"),
        (encoded(Image.new("L", (4, 4)), "TIFF"), "not a picture"),
        (encoded(Image.effect_noise((40, 40), 90))[:900], "cut short|damaged"),
        (bomb(5000, 5000), "send at most 16,000,000"),
        (bomb(60000, 60000), "send at most 16,000,000|damaged"),
        (bomb(2**31 - 1, 2**31 - 1), "send at most 16,000,000|damaged"),
        (bomb(100, 100), "cut short|damaged"),
    ],
    ids=["empty", "text", "svg", "gif", "tiff", "cut", "large", "larger", "largest", "hollow"],
)
@pytest.mark.parametrize("drawn", [False, True])
def test_what_is_no_picture_for_us_is_refused(client, content, words, drawn):
    import re

    answer = post(client, "own", run="vae", png=sent(content), drawn=drawn)
    assert answer.status_code == 400
    assert re.search(words, answer.json()["error"])


def test_too_large_a_body_is_refused_before_it_is_read(client):
    answer = post(client, "own", run="vae", png="A" * (9 * 2**20))
    assert answer.status_code == 413


def test_nothing_of_pickle_is_in_what_is_saved(client):
    answer = post(client, "sample", run="vae", n=2, format="npz")
    held = np.load(io.BytesIO(answer.content), allow_pickle=False)
    assert {held[name].dtype.kind for name in held.files} == {"f"}


def test_only_the_newest_point_is_decoded(client, monkeypatch):
    """While one is computed fifty more come; one answer is for the first, the next for the last."""
    import threading

    go, entered, count = threading.Event(), threading.Event(), []
    frame = LoadedModel.decode_pixels

    def slow(self, z, c):
        count.append(len(z))
        entered.set()
        assert go.wait(10)
        return frame(self, z, c)

    monkeypatch.setattr(LoadedModel, "decode_pixels", slow)
    with client.websocket_connect("ws://localhost/ws/decode?run=vae") as socket:
        socket.send_text(json.dumps({"id": 0, "z": [0, 0, 0]}))
        assert entered.wait(10)
        for i in range(1, 51):
            socket.send_text(json.dumps({"id": i, "z": [i / 50, 0, 0]}))
        # What has been sent is received before a request on the same loop is answered.
        client.get("/api/openapi.json")
        go.set()
        numbers = [struct.unpack("<I", socket.receive_bytes()[:4])[0] for _ in range(2)]
    assert numbers == [0, 50]
    assert count == [1, 1]


ASKED = {
    "sample": {"n": 5, "seed": 3},
    "sample warm": {"do": "sample", "n": 5, "seed": 3, "temperature": 0.7},
    "decode": {"z": [[0.5, -1.25, 0.1], [-3.0, 1e-7, 2.0]]},
    "interpolate": {"a": {"index": 1}, "b": {"index": 2, "split": "train"}, "steps": 5},
    "interpolate spherical": {
        "do": "interpolate",
        "a": {"z": [1, 0, 0]},
        "b": {"z": [0, 2, 0.3]},
        "steps": 3,
        "path": "spherical",
    },
    "traverse": {"z": [0.5, -1.25, 0.1], "dims": [2, 0], "offsets": [-1, 0, 0.5]},
    "reconstruct": {"index": [0, 1, 2], "split": "test"},
    "reconstruct some": {"do": "reconstruct", "index": [7, 4], "split": "train"},
    "reconstruct numbers": {"do": "reconstruct", "x": [[0.25] * 64], "c": 2},
    "encode": {"index": [0, 1]},
}
TOLD = {"vae": {}, "cvae": {"c": 4}, "m2": {"c": 4}, "cvae in turn": {}, "m2 in turn": {}}


@pytest.mark.parametrize("told", TOLD)
@pytest.mark.parametrize("asked", ASKED)
def test_the_code_gives_the_same(client, tmp_path, monkeypatch, asked, told):
    run, do = told.partition(" ")[0], ASKED[asked].get("do", asked)
    body = {"run": run} | {key: value for key, value in ASKED[asked].items() if key != "do"}
    takes_label = "index" not in body and do != "encode"
    if takes_label:
        body |= TOLD[told]
    if run == "vae" or (told == "cvae in turn" and "x" not in body):
        body.pop("c", None)
    code = post(client, "code", do=do, **body)
    assert code.status_code == 200, code.text
    form = {} if do == "encode" else {"format": "npz"}
    answer = post(client, do, **form, **body)
    assert answer.status_code == 200, answer.text
    key = {"encode": "z", "reconstruct": "reconstruction"}.get(do, "x")
    expected = np.array(answer.json()["z"]) if do == "encode" else np.load(io.BytesIO(answer.content))[key]
    names = {}
    exec(compile(code.json()["python"], "pasted", "exec"), names)
    made = names["z" if do == "encode" else "x"].numpy()
    np.testing.assert_allclose(made.reshape(expected.shape), expected, rtol=1e-4, atol=1e-5)
    command = code.json()["command"]
    if asked in ("sample warm", "reconstruct some", "reconstruct numbers"):
        assert command is None
        return
    monkeypatch.chdir(tmp_path)
    program, *words = shlex.split(command)
    assert program == "elbowroom"
    assert main(words) == 0
    np.testing.assert_allclose(np.load(words[-1])[key].reshape(expected.shape), expected, rtol=1e-4, atol=1e-5)
