"""Images decoded once: the same from folder, zip and tar, kept in the cache and checked."""

import io
import json
import shutil
import tracemalloc

import numpy as np
import pytest
import torch
from PIL import Image, ImageOps

from elbowroom.data import BufferedSplit, InMemorySplit, load_data, raw
from elbowroom.data.image import CropResize, decode_image
from elbowroom.data.options import ReadOptions
from elbowroom.data.readers import image_cache, image_decode
from elbowroom.data.readers.image_folder import load_images
from tests.data.sources import WHOLE, encode, face_array, face_files, noise, write_archive


@pytest.fixture
def decoded_images(monkeypatch):
    """Everything is decoded_images in the cache, however small; counts the images that are decoded."""
    decoded, seen = image_decode.decode_pages, []
    monkeypatch.setattr(image_cache, "MIN_CACHED_BYTES", 0)
    monkeypatch.setattr(image_decode, "decode_pages", lambda content, fit: seen.append(1) or decoded(content, fit))
    return seen


@pytest.mark.parametrize("suffix", ["", ".zip", ".tar"])
@pytest.mark.parametrize("caching", [0, 2**40])
def test_folder_zip_and_tar_hold_the_same(tmp_path, suffix, caching, monkeypatch):
    monkeypatch.setattr(image_cache, "MIN_CACHED_BYTES", caching)
    path = write_archive(
        tmp_path / f"faces{suffix}", face_files() | {"all/notes.txt": b"hello", "all/ann/._1.png": b"a Mac's"}
    )
    for _ in range(2):
        data = load_data(path, **WHOLE)
        assert (data.name, data.shape, data.classes) == ("faces", (3, 10, 8), ("ann", "bob"))
        assert np.array_equal(data.train.x.numpy(), face_array())
        assert data.train.y.tolist() == [0] * 10 + [1] * 10
        assert load_data(data.protocol["source"], **data.protocol["arguments"]).protocol == data.protocol


def test_a_tar_with_captions_is_read_in_parts(tmp_path):
    contents = face_files() | {"all/ann/001.txt": b"a face"}
    assert isinstance(load_data(write_archive(tmp_path / "a.tar", contents), **WHOLE).train, BufferedSplit)
    assert isinstance(
        load_data(write_archive(tmp_path / "b.tar", face_files()), buffer=10, **WHOLE).train, BufferedSplit
    )


@pytest.mark.parametrize("suffix", ["", ".zip"])
def test_mapped_it_is_what_it_is_in_memory(tmp_path, suffix, monkeypatch, decoded_images):
    path = write_archive(tmp_path / f"faces{suffix}", face_files())
    memory = load_data(path)
    buffered = load_data(path, buffer=5)
    monkeypatch.setattr(raw, "ALWAYS_IN_MEMORY_BYTES", 0)
    monkeypatch.setattr(raw, "available_memory", lambda: 0)
    mapped = load_data(path)
    assert isinstance(memory.train, InMemorySplit)
    assert len(decoded_images) == 21  # and the first of them twice
    for data in (mapped, buffered):
        assert isinstance(data.train, BufferedSplit)
        assert data.protocol["fingerprint"] == memory.protocol["fingerprint"]
        for name, split in data.splits.items():
            ours, theirs = split.first(99), memory.splits[name].first(99)
            rows = split.source_rows.argsort(), memory.splits[name].source_rows.argsort()
            assert torch.equal(ours.x[rows[0]], theirs.x[rows[1]])
            assert torch.equal(ours.y[rows[0]], theirs.y[rows[1]])
    orders = [d.train.random_order(torch.Generator().manual_seed(3)) for d in (mapped, memory)]
    assert torch.equal(*orders)


def test_turned_clear_and_looked_up_images_are_resized_as_they_are_seen(tmp_path):
    red = np.zeros((20, 40, 3), np.uint8)
    red[:, :20, 0] = 255
    turned = Image.Exif()
    turned[0x0112] = 6  # to be turned clockwise
    clear = np.zeros((20, 20, 4), np.uint8)
    contents = {
        "a.png": encode(Image.fromarray(red), exif=turned),
        "b.png": encode(clear),
        "c.gif": encode(Image.fromarray(red).quantize(), "GIF"),
    }
    x = load_data(write_archive(tmp_path / "mine", contents), resize=(8, 4), **WHOLE).train.x
    assert x[0, 0, :3].eq(255).all()
    assert x[0, 0, 5:].eq(0).all()
    assert x[1].eq(255).all()
    assert x[2, 0].float().mean() == pytest.approx(127.5, abs=40)
    grey = {"a.gif": encode(Image.fromarray(red[:, :, 0]).quantize(), "GIF")}
    assert load_data(write_archive(tmp_path / "grey", grey), resize=8, **WHOLE).shape == (1, 8, 8)


@pytest.mark.parametrize(
    ("crop", "resize", "want"),
    [
        (None, None, lambda p: p),
        (None, 6, lambda p: ImageOps.fit(p, (6, 6))),
        (None, (4, 8), lambda p: ImageOps.fit(p, (8, 4))),
        (10, None, lambda p: p.crop((3, 7, 13, 17))),
        ((20, 8), 4, lambda p: ImageOps.fit(p.crop((4, 2, 12, 22)), (4, 4))),
    ],
)
def test_crop_and_resize(tmp_path, crop, resize, want):
    image = Image.fromarray(noise(0, (24, 16, 3)))
    path = write_archive(tmp_path / "mine", {"a.png": encode(image), "b.png": encode(noise(1, (24, 16, 3)))})
    data = load_data(path, crop=crop, resize=resize, **WHOLE)
    assert np.array_equal(data.train.x[0].permute(1, 2, 0).numpy(), np.asarray(want(image)))
    assert ("cropped at the centre" in data.protocol["preprocessing"]) == (crop is not None or resize is not None)
    assert json.loads(json.dumps(data.protocol)) == data.protocol


def test_a_large_jpeg_is_decoded_small_and_looks_the_same():
    smooth = np.asarray(Image.fromarray(noise(0, (12, 12, 3))).resize((600, 800)))
    content = encode(smooth, "JPEG", quality=95)
    small = decode_image(content, CropResize.from_sizes(None, 64)).astype(float)
    exact = np.asarray(ImageOps.fit(Image.open(io.BytesIO(content)), (64, 64))).astype(float)
    assert small.shape == exact.shape
    assert np.abs(small - exact).mean() < 1
    wide = Image.open(io.BytesIO(content))
    wide.draft(None, (128, 128))
    assert wide.size < (600, 800)


def test_one_image_in_colour_makes_all_of_them_so(tmp_path, monkeypatch):
    monkeypatch.setattr(image_decode, "DECODE_CHUNK_BYTES", 200)
    contents = {f"{i}.png": encode(noise(i, (6, 5))) for i in range(9)} | {"9.png": encode(noise(9, (6, 5, 3)))}
    x = load_data(write_archive(tmp_path / "mine", contents), **WHOLE).train.x.numpy()
    assert all(np.array_equal(x[i], np.broadcast_to(noise(i, (6, 5)), (3, 6, 5))) for i in range(9))
    assert np.array_equal(x[9], noise(9, (6, 5, 3)).transpose(2, 0, 1))


def test_what_was_decoded_is_used_until_it_changes(tmp_path, decoded_images):
    path = write_archive(tmp_path / "faces", face_files())
    first = load_data(path)
    decoded = len(decoded_images)
    assert load_data(path).protocol == first.protocol
    assert load_data(path, seed=1, flip=True).shape == first.shape
    assert len(decoded_images) == decoded
    load_data(path, resize=4)
    assert len(decoded_images) == 2 * decoded
    write_archive(path, {"all/ann/001.png": encode(noise(99, (10, 8, 3)))})
    (path / "all/ann/001.bmp").unlink()
    again = load_data(path)
    assert len(decoded_images) == 3 * decoded
    assert again.protocol["fingerprint"] != first.protocol["fingerprint"]


@pytest.mark.parametrize("damage", ["pixels", "cut", "record", "gone", "torn"])
def test_what_is_damaged_in_the_cache_is_decoded_again(tmp_path, decoded_images, damage):
    path = write_archive(tmp_path / "faces", face_files())
    first = load_data(path)
    decoded = len(decoded_images)
    (array,) = (tmp_path / "cache" / "pictures").glob("*.npy")
    about = array.with_suffix(".json")
    content = bytearray(array.read_bytes())
    if damage == "pixels":
        content[-1] ^= 1
        array.write_bytes(content)
    elif damage == "cut":
        array.write_bytes(content[:-9])
    elif damage == "record":
        about.write_text("{}")
    elif damage == "gone":
        array.unlink()
    else:
        about.unlink()
    assert load_data(path).protocol == first.protocol
    assert len(decoded_images) == 2 * decoded
    assert load_data(path).protocol == first.protocol
    assert len(decoded_images) == 2 * decoded


def test_nothing_half_done_is_left_by_an_interruption(tmp_path, decoded_images, monkeypatch):
    path = write_archive(tmp_path / "faces", face_files())
    monkeypatch.setattr(image_cache.json, "dumps", lambda about: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        load_data(path)
    assert not [p for p in (tmp_path / "cache" / "pictures").iterdir() if p.suffix != ".lock"]


def test_without_a_cache_it_is_decoded_into_memory_if_there_is_enough(tmp_path, decoded_images, monkeypatch):
    path = write_archive(tmp_path / "faces", face_files())
    (tmp_path / "cache").write_text("a file in the way")
    assert np.array_equal(load_data(path, **WHOLE).train.x.numpy(), face_array())
    (tmp_path / "cache").unlink()
    monkeypatch.setattr(image_cache.shutil, "disk_usage", lambda folder: shutil._ntuple_diskusage(9, 9, 0))
    assert np.array_equal(load_data(path, **WHOLE).train.x.numpy(), face_array())
    monkeypatch.setattr(image_cache, "available_memory", lambda: 100)
    with pytest.raises(ValueError, match=r"decoded images of faces take .* can hold \(0.0 GB of its disk are free"):
        load_data(path)


def test_a_part_of_the_images_is_in_memory_at_a_time(tmp_path, decoded_images, monkeypatch):
    monkeypatch.setattr(image_decode, "DECODE_CHUNK_BYTES", 2**16)
    one = encode(noise(0, (4, 4, 3)))
    path = write_archive(tmp_path / "many.zip", {f"{i:04}.png": one for i in range(400)})
    # imports on the first use are not counted
    load_images(path, ReadOptions(resize=4))
    tracemalloc.start()
    images = load_images(path, ReadOptions(resize=64))
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert images.pixels.shape == (400, 3, 64, 64)
    assert most < images.pixels.nbytes / 4
    assert np.array_equal(images.pixels[0], images.pixels[-1])


@pytest.fixture
def damaged_folder(tmp_path):
    contents = face_files(12) | {"all/bob/a.png": b"I am a text", "all/ann/b.png": b""}
    contents["all/bob/c.jpg"] = encode(noise(0, (80, 80, 3)), "JPEG")[:900]
    return write_archive(tmp_path / "faces", contents)


def test_bad_images_are_refused_or_left_out_and_named(damaged_folder, decoded_images):
    with pytest.raises(ValueError, match=r"3 of 15 images in .* cannot be read: all/ann/b.png \(empty\), all/bob"):
        load_data(damaged_folder)
    decoded = len(decoded_images)
    with pytest.warns(UserWarning, match=r"3 of 15 images in .*faces .* left out: .*b.png \(empty\).*c.jpg \(cut sho"):
        data = load_data(damaged_folder, bad_images="skip", **WHOLE)
    assert len(decoded_images) == decoded  # what was refused need not be decoded again
    assert np.array_equal(data.train.x.numpy(), face_array(12))
    assert data.train.y.tolist() == [0] * 6 + [1] * 6
    assert data.protocol["left_out"] == ["all/ann/b.png", "all/bob/a.png", "all/bob/c.jpg"]
    with pytest.warns(UserWarning, match="3 of 15"):
        again = load_data(data.protocol["source"], **data.protocol["arguments"])
    assert again.protocol == data.protocol


def test_few_good_images_among_many_names(tmp_path, decoded_images):
    """The number of those that are decoded_images has fewer digits than that of all."""
    good = {f"{i}.png": encode(noise(i, (3, 3))) for i in range(3)}
    path = write_archive(tmp_path / "mine", good | {f"bad{i:03}.png": b"no" for i in range(200)})
    with pytest.warns(UserWarning, match=r"bad018.png \(not an image\), bad019.png \(not an image\) and 180 more$"):
        data = load_data(path, bad_images="skip", **WHOLE)
    assert np.array_equal(data.train.x[:, 0].numpy(), [noise(i, (3, 3)) for i in range(3)])
