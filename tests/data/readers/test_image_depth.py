"""Depth of images in files: levels as stored, one decision for the set, resizing and the cache; pages."""

import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from elbowroom.data import load_data
from elbowroom.data.options import ReadOptions
from elbowroom.data.readers import image_cache
from elbowroom.data.readers.encoded_examples import decode_example
from elbowroom.data.readers.image_folder import load_images
from tests.data.sources import WHOLE, color_image, encode, noise, write_archive

N = 6


def random_values(seed, low, high, dtype):
    values = np.random.default_rng(seed).uniform(low, high, (8, 6)).astype(dtype)
    values.flat[:2] = low, high
    return values


DEPTHS = {
    "bits": ("png", lambda i: (noise(i, (8, 6)) > 99) * np.uint8(255), np.uint8),
    "pixels": ("png", lambda i: noise(i, (8, 6)), np.uint8),
    "camera of 12 bits": ("tif", lambda i: random_values(i, 0, 4095, np.uint16), np.uint16),
    "depth map": ("png", lambda i: random_values(i, 0, 999, np.uint16), np.uint16),
    "signed": ("tif", lambda i: random_values(i, -1000, 2999, np.int32), np.int32),
    "float in [0, 1]": ("tif", lambda i: random_values(i, 0, 1, np.float32), np.float32),
    "float": ("tif", lambda i: random_values(i, -3, 999, np.float32), np.float32),
}


@pytest.fixture
def no_small_sets(monkeypatch):
    """Every set is cached, however small."""
    monkeypatch.setattr(image_cache, "MIN_CACHED_BYTES", 0)


@pytest.mark.usefixtures("no_small_sets")
@pytest.mark.parametrize("suffix", ["", ".zip", ".tar"])
@pytest.mark.parametrize("depth", DEPTHS)
def test_values_are_those_of_the_file(tmp_path, depth, suffix):
    ending, make, dtype = DEPTHS[depth]
    kinds = {"png": "PNG", "tif": "TIFF"}
    path = write_archive(tmp_path / f"set{suffix}", {f"{i}.{ending}": encode(make(i), kinds[ending]) for i in range(N)})
    for _ in range(2):  # decoded, and from the cache
        images = load_images(path, ReadOptions())
        assert images.pixels.dtype == dtype
        assert np.array_equal(images.pixels, [make(i) for i in range(N)])
        assert images.metadata.notes == []


@pytest.mark.parametrize("depth", [depth for depth in DEPTHS if depth != "bits"])
def test_resized_values_stay_within_their_range(tmp_path, depth):
    ending, make, dtype = DEPTHS[depth]
    path = write_archive(tmp_path / "set", {"a." + ending: encode(make(0), {"png": "PNG", "tif": "TIFF"}[ending])})
    small = load_images(path, ReadOptions(resize=(4, 3))).pixels[0]
    full = make(0).astype(float)
    means = full.reshape(4, 2, 3, 2).mean((1, 3))
    assert small.dtype == dtype
    assert full.min() <= small.min() <= small.max() <= full.max()
    assert np.abs(small - means).mean() < 0.15 * np.ptp(full)
    assert np.array_equal(load_images(path, ReadOptions(crop=(4, 4))).pixels[0], make(0)[2:6, 1:5])


def test_whole_numbers_of_two_depths_are_those_numbers(tmp_path):
    values = [random_values(0, 0, 4095, np.uint16), random_values(1, 0, 99_999, np.int32)]
    path = write_archive(tmp_path / "set", {f"{i}.tif": encode(x, "TIFF") for i, x in enumerate(values)})
    assert np.array_equal(load_images(path, ReadOptions()).pixels, values)


@pytest.mark.parametrize("order", [(0, 1, 2), (1, 0, 2), (2, 1, 0)])
def test_deeper_images_among_those_of_8_bits_are_scaled_by_the_largest_of_the_set(tmp_path, order):
    images = [noise(0, (8, 6)), random_values(1, 0, 2048, np.uint16), random_values(2, 0, 4095, np.uint16)]
    path = write_archive(tmp_path / "set", {f"{name}.png": encode(images[name]) for name in order})
    decoded = load_images(path, ReadOptions())
    assert np.array_equal(decoded.pixels[0], images[0])
    assert np.array_equal(decoded.pixels[1:], (np.stack(images[1:]) * (255 / 4095)).round())
    assert decoded.metadata.notes == ["2 images of more than 8 bits brought to 8 as the others are, 4095 becoming 255"]
    (path / "3.png").write_bytes(encode(color_image(0, (8, 6))))
    assert load_images(path, ReadOptions()).pixels.shape == (4, 3, 8, 6)


@pytest.mark.parametrize(
    ("kinds", "words"),
    [
        (
            ("pixels", "float"),
            "8 bits, whole numbers from 0 .*; 32 bits, floats .* save them alike, or move them apart",
        ),
        (("camera of 12 bits", "float in [0, 1]"), "16 bits, whole numbers from 0 .*; 32 bits, floats"),
        (("pixels", "signed"), "8 bits, whole numbers from 0 .*; 32 bits, whole numbers"),
    ],
)
def test_depths_that_do_not_go_together(tmp_path, kinds, words):
    contents = {f"{i}.tif": encode(DEPTHS[kind][1](i), "TIFF") for i, kind in enumerate(kinds)}
    with pytest.raises(ValueError, match=f"the images in .* have different depths: {words}"):
        load_images(write_archive(tmp_path / "set", contents), ReadOptions())


def stack(images, kind="TIFF", **how):
    first, *others = map(Image.fromarray, images)
    return encode(first, kind, save_all=True, append_images=others, **how)


@pytest.mark.usefixtures("no_small_sets")
@pytest.mark.parametrize("suffix", ["", ".zip", ".tar"])
@pytest.mark.parametrize("kind", ["TIFF", "GIF", "PNG", "WEBP"])
def test_pages_are_examples(tmp_path, kind, suffix):
    pages = [noise(i, (8, 6)) for i in range(5)]
    how = {"WEBP": {"lossless": True}}.get(kind, {})
    contents = {f"a.{kind.lower()}": stack(pages, kind, **how), "b.png": encode(noise(9, (8, 6)))}
    path = write_archive(tmp_path / f"set{suffix}", contents)
    for _ in range(2):
        images = load_images(path, ReadOptions())
        pixels = images.pixels if images.pixels.ndim == 3 else images.pixels[:, 0]
        assert np.array_equal(pixels, [*pages, noise(9, (8, 6))])
        assert images.metadata.names == [*(f"a.{kind.lower()}#{page}" for page in range(1, 6)), "b.png"]
        assert images.metadata.notes[0] == "files of several pages: 1, each page an example"


def test_pages_of_many_bits_and_thumbnails(tmp_path):
    pages = [random_values(i, 0, 4095, np.uint16) for i in range(3)]
    thumbnail = Image.fromarray(pages[0][::2, ::2])
    thumbnail.encoderinfo = {"tiffinfo": {254: 1}}
    first, *others = map(Image.fromarray, pages)
    content = encode(first, "TIFF", save_all=True, append_images=[*others, thumbnail])
    images = load_images(write_archive(tmp_path / "set", {"a.tif": content}), ReadOptions())
    assert np.array_equal(images.pixels, pages)


def deep_color_png(kind, channels, size=4):
    """A PNG of 16 bits a channel, which PIL cannot write."""

    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    rows = b"".join(b"\0" + bytes(range(2 * channels * size)) for _ in range(size))
    header = struct.pack(">IIBBBBB", size, size, 16, kind, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


@pytest.mark.parametrize(("kind", "channels", "is_lost"), [(0, 1, False), (2, 3, True), (4, 2, True), (6, 4, True)])
def test_colour_of_16_bits_is_read_as_8_and_said(tmp_path, kind, channels, is_lost):
    images = load_images(write_archive(tmp_path / "set", {"a.png": deep_color_png(kind, channels)}), ReadOptions())
    assert images.metadata.notes == ["16 bits a channel read as 8"] * is_lost
    assert images.pixels.dtype == (np.uint8 if is_lost else np.uint16)


def test_gray_images_among_those_in_colour_are_said(tmp_path):
    contents = {"a.png": encode(noise(0, (4, 4))), "b.png": encode(color_image(0, (4, 4)))}
    images = load_images(write_archive(tmp_path / "set", contents), ReadOptions())
    assert images.metadata.notes == ["1 gray images among those in color repeated in three channels"]


def test_a_shard_has_one_image_for_each_example():
    with pytest.raises(ValueError, match="has 5 pages: expected one image"):
        decode_example(stack([noise(i, (8, 6)) for i in range(5)]), ReadOptions().crop_resize)


@pytest.mark.parametrize("shape", [(4, 40), (40, 4), (1, 9), (12, 12)])
@pytest.mark.parametrize("kind", ["gray", "deep", "rgb"])
def test_images_in_files_are_images_whatever_their_sides(tmp_path, shape, kind):
    full = (*shape, 3) if kind == "rgb" else shape
    images = [noise(i, full) if kind != "deep" else noise(i, full).astype(np.uint16) * 9 for i in range(N)]
    ending, form = ("tif", "TIFF") if kind == "deep" else ("png", "PNG")
    path = write_archive(tmp_path / "set", {f"{i}.{ending}": encode(x, form) for i, x in enumerate(images)})
    data = load_data(path, **WHOLE)
    assert data.shape == (3 if kind == "rgb" else 1, *shape)
    assert "taken as" not in data.protocol["preprocessing"]
    largest = 255 if kind != "deep" else max(int(image.max()) for image in images)
    assert data.protocol["arguments"]["value_range"] == [0, largest]
    assert np.allclose(data.train.first(N).x.reshape(N, -1).sum(1) * largest, [image.sum() for image in images])
