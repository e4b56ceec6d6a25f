"""Uploaded images and drawings: what they become, and which are refused."""

import re
import struct
import zlib

import numpy as np
import pytest
import torch
from PIL import Image

from elbowroom.studio.services import image_upload
from tests.studio.helpers import encode_image, post, to_base64


@pytest.fixture
def client(trained_client):
    return trained_client


@pytest.fixture
def loaded(client):
    return client.app.state.studio.store.load_blocking("vae")


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP"])
def test_images_of_any_format_and_size_are_converted(client, form):
    image = Image.new("RGB", (60, 90), (200, 200, 200))
    answer = client.post(
        "/api/encode?run=vae",
        content=encode_image(image, form),
        headers={"content-type": f"image/{form.lower()}"},
    )
    z = answer.json()["z"]
    flat = post(client, "encode", run="vae", x=[200 / 255] * 64).json()["z"]
    np.testing.assert_allclose(z, flat, atol=0.05)


def test_exif_orientation_is_applied(loaded):
    upright = np.zeros((16, 16), np.uint8)
    upright[:4] = 255
    exif = Image.Exif()
    exif[0x0112] = 6  # rotate by 90 degrees
    turned = Image.fromarray(np.rot90(upright))
    x = image_upload.image_to_example(loaded, encode_image(turned, "PNG", exif=exif))
    assert x[0, 0, 0].min() > 0.9
    assert x[0, 0, -1].max() < 0.1


def test_transparent_parts_get_the_background_of_the_data(loaded):
    transparent = Image.new("RGBA", (8, 8), (255, 255, 255, 0))
    assert image_upload.background_brightness(loaded) == 0
    assert image_upload.image_to_example(loaded, encode_image(transparent)).max() == 0


def test_images_of_16_bits_are_brought_to_the_range_of_the_data(loaded, monkeypatch):
    levels = np.linspace(0, 4095, 64).astype(np.uint16).reshape(8, 8)
    deep = encode_image(Image.fromarray(levels))
    whole = image_upload.image_to_example(loaded, deep)
    np.testing.assert_allclose(whole[0, 0], levels / 65535, atol=1e-6)
    drawing = encode_image(Image.fromarray(levels * 16))
    assert image_upload.drawing_to_example(loaded, drawing).shape == (1, 1, 8, 8)
    arguments = loaded.run.record["data"]["arguments"]
    monkeypatch.setitem(arguments, "value_range", [0, 4095])
    np.testing.assert_allclose(image_upload.image_to_example(loaded, deep)[0, 0], levels / 4095, atol=1e-6)


def test_binary_data_gets_binary_examples(client):
    loaded = client.app.state.studio.store.load_blocking("bits")
    gray = Image.fromarray(np.arange(0, 256, 4, dtype=np.uint8).reshape(8, 8))
    x = image_upload.image_to_example(loaded, encode_image(gray))
    assert set(x.unique().tolist()) == {0, 1}
    assert x.flatten()[0] == 0
    assert x.flatten()[-1] == 1


def stroke(page, ink, position):
    """A thick 1 at a position of a large page."""
    pixels = np.full((280, 280), page, np.uint8)
    pixels[position[0] : position[0] + 90, position[1] : position[1] + 20] = ink
    return encode_image(Image.fromarray(pixels))


def test_a_drawing_does_not_depend_on_position_and_colors(loaded):
    drawn = [
        image_upload.drawing_to_example(loaded, stroke(*drawing))
        for drawing in ((0, 255, (10, 10)), (255, 0, (150, 200)), (255, 40, (80, 90)), (30, 250, (180, 5)))
    ]
    for other in drawn[1:]:
        torch.testing.assert_close(other, drawn[0], atol=0.06, rtol=0)
    x = drawn[0][0, 0]
    assert x.max() > 0.9
    assert x[0, 0] == 0
    columns = (x.sum(0) * torch.arange(8)).sum() / x.sum()
    assert 3 <= columns <= 4.1


def test_a_drawing_on_a_transparent_page(loaded):
    pen = np.zeros((100, 100, 4), np.uint8)
    pen[20:80, 40:60] = (0, 0, 0, 255)
    x = image_upload.drawing_to_example(loaded, encode_image(Image.fromarray(pen)))
    assert x[0, 0, 4].max() > 0.9


def test_the_neighbors_of_a_digit_of_the_data_have_its_label(client, digits):
    """Enlarged, moved on a large light page: its neighbours have its label."""
    hits = 0
    for i in range(10):
        ink = Image.fromarray(255 - digits.test.x[i, 0].numpy()).resize((120, 120), Image.Resampling.BICUBIC)
        page = Image.new("L", (280, 280), 255)
        page.paste(ink, (40 + 5 * i, 90))
        response = post(client, "own", run="vae", png=to_base64(encode_image(page)), drawn=True).json()
        labels = [neighbor["label"] for neighbor in response["neighbours"][:3]]
        hits += str(int(digits.test.y[i])) in labels
    assert hits >= 8


def test_an_empty_drawing_is_refused(client):
    answer = post(client, "own", run="vae", png=to_base64(encode_image(Image.new("L", (50, 50), 255))), drawn=True)
    assert answer.status_code == 400
    assert "draw something first" in answer.json()["error"]


def bomb(width, height):
    """A PNG of a hundred bytes whose header gives a huge size."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "not an image"),
        (b"hello", "not an image"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not an image"),
        (encode_image(Image.new("L", (4, 4)), "GIF"), "not an image"),
        (encode_image(Image.new("L", (4, 4)), "TIFF"), "not an image"),
        (encode_image(Image.effect_noise((40, 40), 90))[:900], "cut short|damaged"),
        (bomb(5000, 5000), "send at most 16,000,000"),
        (bomb(60000, 60000), "send at most 16,000,000|damaged"),
        (bomb(2**31 - 1, 2**31 - 1), "send at most 16,000,000|damaged"),
        (bomb(100, 100), "cut short|damaged"),
    ],
    ids=["empty", "text", "svg", "gif", "tiff", "cut", "large", "larger", "largest", "hollow"],
)
@pytest.mark.parametrize("drawn", [False, True])
def test_files_that_are_no_images_are_refused(client, content, words, drawn):
    answer = post(client, "own", run="vae", png=to_base64(content), drawn=drawn)
    assert answer.status_code == 400
    assert re.search(words, answer.json()["error"])


def test_too_large_a_body_is_refused(client):
    answer = post(client, "own", run="vae", png="A" * (9 * 2**20))
    assert answer.status_code == 413
