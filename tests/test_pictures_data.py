"""Pictures in files: decoded once, the same from folder, zip and tar; changed as they are given out; sets of faces."""

import functools
import hashlib
import http.server
import io
import json
import shutil
import tarfile
import threading
import tracemalloc
import warnings
import zipfile
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps

import elbowroom as er
from elbowroom import serialization
from elbowroom.cli import main
from elbowroom.data import BufferedSplit, InMemorySplit, freeze, image, load_data, load_like, transforms
from elbowroom.data.catalog import celeba, cifar_svhn, olivetti
from elbowroom.data.catalog.registry import CATALOG
from elbowroom.data.readers import image_cache, image_decode, numpy
from elbowroom.data.readers.image_archive import open_image_archive
from elbowroom.training import state

WHOLE = {"validation": 0, "test": 0}


@pytest.fixture(autouse=True)
def places(monkeypatch, tmp_path):
    monkeypatch.delenv("ELBOWROOM_DATA", raising=False)
    monkeypatch.setenv("ELBOWROOM_CACHE", str(tmp_path / "cache"))


def noise(seed, shape):
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def saved(picture, kind="PNG", **how):
    file = io.BytesIO()
    (Image.fromarray(picture) if isinstance(picture, np.ndarray) else picture).save(file, kind, **how)
    return file.getvalue()


def pack(path, contents):
    """A folder, a zip or a tar of these contents by name."""
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w") as archive:
            for name, content in contents.items():
                archive.writestr(name, content)
    elif path.suffix == ".tar":
        with tarfile.open(path, "w") as archive:
            for name, content in contents.items():
                info = tarfile.TarInfo(name)
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))
    else:
        for name, content in contents.items():
            (path / name).parent.mkdir(parents=True, exist_ok=True)
            (path / name).write_bytes(content)
    return path


def faces(n=20, shape=(10, 8, 3)):
    """Pictures of two people, in three formats that lose nothing."""
    kinds = ("PNG", "BMP", "WebP")
    return {
        f"all/{'ann' if i % 2 else 'bob'}/{i:03}.{kinds[i % 3].lower()}": saved(
            noise(i, shape), kinds[i % 3], **({"lossless": True} if i % 3 == 2 else {})
        )
        for i in range(n)
    }


def by_name(n=20, shape=(10, 8, 3)):
    """The pixels of the same, in the order of their names."""
    rows = sorted(range(n), key=lambda i: f"{'ann' if i % 2 else 'bob'}/{i:03}")
    return np.stack([noise(i, shape).transpose(2, 0, 1) for i in rows])


@pytest.fixture
def kept(monkeypatch):
    """Everything is kept in the cache, however small; counts the pictures that are decoded."""
    decoded, seen = image_decode.decode_image, []
    monkeypatch.setattr(image_cache, "MIN_CACHED_BYTES", 0)
    monkeypatch.setattr(image_decode, "decode_image", lambda content, fit: seen.append(1) or decoded(content, fit))
    return seen


# the same from anywhere


@pytest.mark.parametrize("suffix", ["", ".zip", ".tar"])
@pytest.mark.parametrize("caching", [0, 2**40])
def test_folder_zip_and_tar_hold_the_same(tmp_path, suffix, caching, monkeypatch):
    monkeypatch.setattr(image_cache, "MIN_CACHED_BYTES", caching)
    path = pack(tmp_path / f"faces{suffix}", faces() | {"all/notes.txt": b"hello", "all/ann/._1.png": b"a Mac's"})
    for _ in range(2):
        data = load_data(path, **WHOLE)
        assert (data.name, data.shape, data.classes) == ("faces", (3, 10, 8), ("ann", "bob"))
        assert np.array_equal(data.train.x.numpy(), by_name())
        assert data.train.y.tolist() == [0] * 10 + [1] * 10
        assert load_data(data.protocol["source"], **data.protocol["arguments"]).protocol == data.protocol


def test_a_tar_with_captions_is_read_in_parts(tmp_path):
    contents = faces() | {"all/ann/001.txt": b"a face"}
    assert isinstance(load_data(pack(tmp_path / "a.tar", contents), **WHOLE).train, BufferedSplit)
    assert isinstance(load_data(pack(tmp_path / "b.tar", faces()), buffer=10, **WHOLE).train, BufferedSplit)


@pytest.mark.parametrize("suffix", ["", ".zip"])
def test_mapped_it_is_what_it_is_in_memory(tmp_path, suffix, monkeypatch, kept):
    path = pack(tmp_path / f"faces{suffix}", faces())
    memory = load_data(path)
    buffered = load_data(path, buffer=5)
    monkeypatch.setattr(numpy, "ALWAYS_IN_MEMORY_BYTES", 0)
    monkeypatch.setattr(numpy, "available_memory", lambda: 0)
    mapped = load_data(path)
    assert isinstance(memory.train, InMemorySplit)
    assert len(kept) == 21  # and the first of them twice
    for data in (mapped, buffered):
        assert isinstance(data.train, BufferedSplit)
        assert data.protocol["fingerprint"] == memory.protocol["fingerprint"]
        for name, split in data.splits.items():
            ours, theirs = split.first(99), memory.splits[name].first(99)
            rows = split.origin.argsort(), memory.splits[name].origin.argsort()
            assert torch.equal(ours.x[rows[0]], theirs.x[rows[1]])
            assert torch.equal(ours.y[rows[0]], theirs.y[rows[1]])
    orders = [d.train.random_order(torch.Generator().manual_seed(3)) for d in (mapped, memory)]
    assert torch.equal(*orders)


def test_turned_clear_and_looked_up_pictures_are_resized_as_they_are_seen(tmp_path):
    red = np.zeros((20, 40, 3), np.uint8)
    red[:, :20, 0] = 255
    turned = Image.Exif()
    turned[0x0112] = 6  # to be turned clockwise
    clear = np.zeros((20, 20, 4), np.uint8)
    contents = {
        "a.png": saved(Image.fromarray(red), exif=turned),
        "b.png": saved(clear),
        "c.gif": saved(Image.fromarray(red).quantize(), "GIF"),
    }
    x = load_data(pack(tmp_path / "mine", contents), resize=(8, 4), **WHOLE).train.x
    assert x[0, 0, :3].eq(255).all()
    assert x[0, 0, 5:].eq(0).all()
    assert x[1].eq(255).all()
    assert x[2, 0].float().mean() == pytest.approx(127.5, abs=40)
    grey = {"a.gif": saved(Image.fromarray(red[:, :, 0]).quantize(), "GIF")}
    assert load_data(pack(tmp_path / "grey", grey), resize=8, **WHOLE).shape == (1, 8, 8)


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
    picture = Image.fromarray(noise(0, (24, 16, 3)))
    path = pack(tmp_path / "mine", {"a.png": saved(picture), "b.png": saved(noise(1, (24, 16, 3)))})
    data = load_data(path, crop=crop, resize=resize, **WHOLE)
    assert np.array_equal(data.train.x[0].permute(1, 2, 0).numpy(), np.asarray(want(picture)))
    assert ("cropped at the centre" in data.protocol["preprocessing"]) == (crop is not None or resize is not None)
    assert json.loads(json.dumps(data.protocol)) == data.protocol


def test_a_large_jpeg_is_decoded_small_and_looks_the_same():
    smooth = np.asarray(Image.fromarray(noise(0, (12, 12, 3))).resize((600, 800)))
    content = saved(smooth, "JPEG", quality=95)
    small = image.decode_image(content, image.CropResize.from_sizes(None, 64)).astype(float)
    exact = np.asarray(ImageOps.fit(Image.open(io.BytesIO(content)), (64, 64))).astype(float)
    assert small.shape == exact.shape
    assert np.abs(small - exact).mean() < 1
    wide = Image.open(io.BytesIO(content))
    wide.draft(None, (128, 128))
    assert wide.size < (600, 800)


def test_other_pictures_are_loaded_like_the_first(tmp_path):
    first = load_data(pack(tmp_path / "faces", faces()), crop=8, resize=(6, 4), dequantize=True)
    pack(tmp_path / "others.zip", faces(5, (30, 20, 3)))
    protocol = json.loads(json.dumps(first.protocol))
    others = load_like(tmp_path / "others.zip", protocol)
    assert others.shape == first.shape
    assert list(others.splits) == ["train"]
    assert "cropped at the centre to 8x8, resized to 6x4; dequantised" in others.protocol["preprocessing"]
    assert load_like(noise(0, (9, 6, 4)), protocol).shape == (1, 6, 4)
    assert load_like(tmp_path / "others.zip", protocol, resize=5, test=0.5).shape == (3, 5, 5)


def test_one_picture_in_colour_makes_all_of_them_so(tmp_path, monkeypatch):
    monkeypatch.setattr(image_decode, "DECODE_CHUNK_BYTES", 200)
    contents = {f"{i}.png": saved(noise(i, (6, 5))) for i in range(9)} | {"9.png": saved(noise(9, (6, 5, 3)))}
    x = load_data(pack(tmp_path / "mine", contents), **WHOLE).train.x.numpy()
    assert all(np.array_equal(x[i], np.broadcast_to(noise(i, (6, 5)), (3, 6, 5))) for i in range(9))
    assert np.array_equal(x[9], noise(9, (6, 5, 3)).transpose(2, 0, 1))


# once


def test_what_was_decoded_is_used_until_it_changes(tmp_path, kept):
    path = pack(tmp_path / "faces", faces())
    first = load_data(path)
    decoded = len(kept)
    assert load_data(path).protocol == first.protocol
    assert load_data(path, seed=1, flip=True).shape == first.shape
    assert len(kept) == decoded
    load_data(path, resize=4)
    assert len(kept) == 2 * decoded
    pack(path, {"all/ann/001.png": saved(noise(99, (10, 8, 3)))})
    (path / "all/ann/001.bmp").unlink()
    again = load_data(path)
    assert len(kept) == 3 * decoded
    assert again.protocol["fingerprint"] != first.protocol["fingerprint"]


@pytest.mark.parametrize("damage", ["pixels", "cut", "record", "gone", "torn"])
def test_what_is_damaged_in_the_cache_is_decoded_again(tmp_path, kept, damage):
    path = pack(tmp_path / "faces", faces())
    first = load_data(path)
    decoded = len(kept)
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
    assert len(kept) == 2 * decoded
    assert load_data(path).protocol == first.protocol
    assert len(kept) == 2 * decoded


def test_nothing_half_done_is_left_by_an_interruption(tmp_path, kept, monkeypatch):
    path = pack(tmp_path / "faces", faces())
    monkeypatch.setattr(image_cache.json, "dumps", lambda about: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        load_data(path)
    assert not [p for p in (tmp_path / "cache" / "pictures").iterdir() if p.suffix != ".lock"]


def test_without_a_cache_it_is_decoded_into_memory_if_there_is_enough(tmp_path, kept, monkeypatch):
    path = pack(tmp_path / "faces", faces())
    (tmp_path / "cache").write_text("a file in the way")
    assert np.array_equal(load_data(path, **WHOLE).train.x.numpy(), by_name())
    (tmp_path / "cache").unlink()
    monkeypatch.setattr(image_cache.shutil, "disk_usage", lambda folder: shutil._ntuple_diskusage(9, 9, 0))
    assert np.array_equal(load_data(path, **WHOLE).train.x.numpy(), by_name())
    monkeypatch.setattr(image_cache, "available_memory", lambda: 100)
    with pytest.raises(ValueError, match=r"decoded pictures of .*faces take .* can hold \(0.0 GB of its disk are free"):
        load_data(path)


def test_a_part_of_the_pictures_is_in_memory_at_a_time(tmp_path, kept, monkeypatch):
    monkeypatch.setattr(image_decode, "DECODE_CHUNK_BYTES", 2**16)
    one = saved(noise(0, (4, 4, 3)))
    path = pack(tmp_path / "many.zip", {f"{i:04}.png": one for i in range(400)})
    image_cache.load_cached(
        open_image_archive(path), image.CropResize.from_sizes(None, 4)
    )  # what is imported on the way is no matter
    tracemalloc.start()
    held = image_cache.load_cached(open_image_archive(path), image.CropResize.from_sizes(None, 64))
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert held.pixels.shape == (400, 3, 64, 64)
    assert most < held.pixels.nbytes / 4
    assert np.array_equal(held.pixels[0], held.pixels[-1])


# what cannot be read


@pytest.fixture
def spoiled(tmp_path):
    contents = faces(12) | {"all/bob/a.png": b"I am a text", "all/ann/b.png": b""}
    contents["all/bob/c.jpg"] = saved(noise(0, (80, 80, 3)), "JPEG")[:900]
    return pack(tmp_path / "faces", contents)


def test_bad_pictures_are_refused_or_left_out_and_named(spoiled, kept):
    with pytest.raises(ValueError, match=r"3 of 15 pictures in .* cannot be read: all/ann/b.png \(empty\), all/bob"):
        load_data(spoiled)
    decoded = len(kept)
    with pytest.warns(
        UserWarning, match=r"3 of 15 pictures in .*faces .* left out: .*b.png \(empty\).*c.jpg \(cut sho"
    ):
        data = load_data(spoiled, bad_images="skip", **WHOLE)
    assert len(kept) == decoded  # what was refused need not be decoded again
    assert np.array_equal(data.train.x.numpy(), by_name(12))
    assert data.train.y.tolist() == [0] * 6 + [1] * 6
    assert data.protocol["left_out"] == ["all/ann/b.png", "all/bob/a.png", "all/bob/c.jpg"]
    with pytest.warns(UserWarning, match="3 of 15"):
        again = load_data(data.protocol["source"], **data.protocol["arguments"])
    assert again.protocol == data.protocol


def test_few_good_pictures_among_many_names(tmp_path, kept):
    """The number of those that are kept has fewer digits than that of all."""
    good = {f"{i}.png": saved(noise(i, (3, 3))) for i in range(3)}
    path = pack(tmp_path / "mine", good | {f"bad{i:03}.png": b"no" for i in range(200)})
    with pytest.warns(UserWarning, match=r"bad018.png \(not a picture\), bad019.png \(not a picture\) and 180 more$"):
        data = load_data(path, bad_images="skip", **WHOLE)
    assert np.array_equal(data.train.x[:, 0].numpy(), [noise(i, (3, 3)) for i in range(3)])


def test_nothing_that_can_be_read(tmp_path):
    path = pack(tmp_path / "mine", {"a.png": b"no", "b.png": b"nor"})
    with pytest.raises(ValueError, match=r"2 of 2 pictures in .* cannot be read"):
        load_data(path, bad_images="skip")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, r"the 4 pictures in .*mine have 3 sizes .*: 8x8 \(2, such as a.png\), 9x8 \(1, .* --resize 28"),
        ({"crop": 9}, r"3 of 4 pictures in .* a.png \(8x8, smaller than crop=9\)"),
        ({"crop": (9, -1)}, r"crop=\(9, -1\): expected a number of pixels or \(height, width\)"),
        ({"resize": 8, "bad_pictures": "mend"}, "unknown bad_pictures 'mend'.*Known: refuse, skip"),
        ({"resize": 8, "label": "age"}, "label=age is for tables, .* and mine is none of them: leave it out"),
        ({"resize": 8, "columns": "a=drop"}, "columns=a=drop is for tables, and mine is none of them"),
        ({"resize": 8, "shift": 8}, "shift=8 for pictures of 8x8: give fewer pixels"),
        ({"resize": 8, "shift": -1}, "shift=-1: expected a number of pixels"),
        ({"resize": 8, "only": "0"}, "only='0' picks classes, and mine has none: leave it out"),
        (
            {"resize": 8, "binarise": "threshold", "dequantise": True},
            "dequantise is for pixels of 256 levels, and the train split holds bits: leave it out",
        ),
    ],
)
def test_wishes_that_cannot_be_granted(tmp_path, options, words):
    shapes = {"a": (8, 8), "b": (8, 8), "c": (9, 8), "d": (9, 9)}
    path = pack(tmp_path / "mine", {f"{name}.png": saved(noise(0, shape)) for name, shape in shapes.items()})
    with pytest.raises(ValueError, match=words) as error:
        load_data(path, **WHOLE, **options)
    assert "\n" not in str(error.value)


# some classes alone


def test_only_some_classes(tmp_path):
    x, y = noise(0, (300, 4, 4)), np.arange(300) % 3
    whole = load_data((x, y), seed=1, **WHOLE)
    data = load_data((x, y), only="2,0", seed=1)
    assert data.classes == ("0", "2")
    assert data.protocol["sizes"] == {"train": 160, "validation": 20, "test": 20}
    for split in data.splits.values():
        for row, picture, label in zip(split.origin, split.x, split.y, strict=True):
            assert torch.equal(picture, whole.train.x[row])
            assert whole.train.y[row] == (0, 2)[label]
    rest = load_data((x, y), only=[1], **WHOLE)
    assert rest.train.y.unique().tolist() == [0]
    assert len(rest.train) == 100
    assert "only the classes 0, 2" in data.protocol["preprocessing"]
    names = load_data((x, np.array(["a", "b, c", "d"])[y]), only="b, c", **WHOLE)
    assert names.classes == ("b, c",)
    assert load_data((x, np.array(["a", "b", "d"])[y]), only=1, **WHOLE).classes == ("b",)


def test_only_of_files_in_parts_and_of_splits(tmp_path):
    np.savez(tmp_path / "a.npz", x=noise(0, (90, 4)), y=np.arange(90) % 3, x_test=noise(1, (9, 4)), y_test=[0] * 9)
    data = load_data(tmp_path / "a.npz", only="1")
    assert list(data.splits) == ["train", "validation"]  # there is none of them in test
    assert load_data(tmp_path / "a.npz", only="0").protocol["sizes"]["test"] == 9
    folder = tmp_path / "parts"
    folder.mkdir()
    np.save(folder / "x.npy", noise(0, (90, 4)))
    np.save(folder / "y.npy", np.arange(90) % 3)
    parts, memory = (load_data(folder, only="1,2", **WHOLE, **how) for how in ({"buffer": 100}, {}))
    assert isinstance(parts.train, BufferedSplit)
    assert torch.equal(parts.train.first(99).x, memory.train.first(99).x)
    assert torch.equal(parts.train.first(99).y, memory.train.first(99).y)
    again = load_data(parts.protocol["source"], **parts.protocol["arguments"])
    assert again.protocol == parts.protocol


@pytest.mark.parametrize(
    ("source", "only", "words"),
    [
        ("digits", "0,11", "unknown class of digits '11'.*Known: 0, 1, 2"),
        ("digits", "", "unknown class of digits ''"),
        ("digits", (), r"unknown class of digits '\(\)'"),
        (np.zeros((9, 2)), "0", "only='0' picks classes, and array has none"),
        ([(torch.zeros(9, 2), torch.zeros(9))], 0, "only=0 picks classes, and list has none"),
        ((np.zeros((9, 2)), np.repeat([0, 2], [4, 5])), "1", "no training example of array is of the class 1"),
    ],
)
def test_classes_that_are_not_there(source, only, words):
    with pytest.raises(ValueError, match=words):
        load_data(source, only=only)


# what is done to examples as they are given out


def test_training_pictures_are_mirrored_at_random_and_others_never():
    x = noise(0, (400, 3, 4, 6))
    data = load_data(x, flip=True)
    rows = data.train.x.float() / 255
    one, two = data.train.first(400).x, data.train.first(400).x
    mirrored = (one == rows.flip(-1)).flatten(1).all(1)
    assert (mirrored | (one == rows).flatten(1).all(1)).all()
    assert abs(mirrored.float().mean() - 0.5) < 4.5 * 0.5 / len(mirrored) ** 0.5
    assert not torch.equal(one, two)
    for split in (freeze(data.train, 7), data.validation, data.test):
        assert torch.equal(split.first(400).x, split.x.float() / 255)
    assert "in training mirrored at random" in data.protocol["preprocessing"]
    assert data.discrete


@settings(deadline=None)
@given(st.integers(0, 3), st.integers(1, 7), st.integers(4, 6), st.integers(0, 99))
def test_a_shift_moves_the_whole_picture_and_repeats_the_edge(most, n, side, seed):
    x = torch.from_numpy(noise(seed, (n, 2, side, side + 1))).float()
    torch.manual_seed(seed)
    moved = transforms.random_shift(x, torch.arange(n), None, max_pixels=most)
    ways = range(-most, most + 1)
    for before, after in zip(x, moved, strict=True):
        wide = np.pad(before.numpy(), ((0, 0), (most, most), (most, most)), "edge")
        cuts = [wide[:, most + a :, most + b :][:, :side, : side + 1] for a in ways for b in ways]
        assert any(np.array_equal(cut, after.numpy()) for cut in cuts)
    assert torch.equal(transforms.random_shift(x, torch.arange(n), 0, max_pixels=most), x)


def test_every_shift_comes_as_often():
    x = torch.zeros(4000, 1, 5, 5)
    x[:, 0, 2, 2] = 1
    torch.manual_seed(0)
    counts = transforms.random_shift(x, torch.arange(4000), None, max_pixels=2).sum((0, 1))
    assert (counts.sum(), counts.min() > 100, counts.max() < 230) == (4000, True, True)


def test_dequantised_pixels_fill_their_levels():
    x = np.tile(np.arange(256, dtype=np.uint8), (400, 1)).reshape(400, 1, 16, 16)
    data = load_data(x, dequantize=True)
    assert not data.discrete
    for name, split in data.splits.items():
        one, two = split.first(400).x, split.first(400).x
        assert torch.equal((one * 256).floor().flatten(1), torch.arange(256.0).expand(len(split), 256))
        assert (one.min() >= 0, one.max() < 1) == (True, True)
        assert torch.equal(one, two) == (name != "train")
        rest = (one * 256).frac().double().flatten()
        assert abs(rest.mean() - 0.5) < 4.5 * (1 / 12 / len(rest)) ** 0.5
        assert abs(rest.var() - 1 / 12) < 4.5 * (1 / 180 / len(rest)) ** 0.5
    assert torch.equal(freeze(data.train, 3).first(9).x, freeze(data.train, 3).first(9).x)
    assert torch.equal(data.test.gather(torch.tensor([7, 3])).x[1], data.test.first(5).x[3])
    assert not torch.equal(load_data(x, dequantize=True, seed=1).test.first(5).x, data.test.first(5).x)
    assert data.find_out_of_range(0, 1) is None
    assert "(level + u) / 256, anew at every use in training, once with seed 0" in data.protocol["preprocessing"]
    assert "divided by 255" not in data.protocol["preprocessing"]


def test_the_top_of_the_highest_level_stays_below_one():
    x = torch.ones(1, 1, 1, 4)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch, "rand_like", lambda x: torch.full_like(x, 1 - 2**-24))
        assert transforms.dequantize(x, torch.tensor([0]), None).max() < 1


def test_by_row_it_is_the_same_in_memory_and_mapped(tmp_path, monkeypatch):
    np.save(tmp_path / "x.npy", noise(0, (90, 6, 5)))
    memory = load_data(tmp_path / "x.npy", dequantize=True, seed=2)
    monkeypatch.setattr(numpy, "ALWAYS_IN_MEMORY_BYTES", 0)
    monkeypatch.setattr(numpy, "available_memory", lambda: 0)
    mapped = load_data(tmp_path / "x.npy", dequantize=True, seed=2)
    assert isinstance(mapped.train, BufferedSplit)
    assert mapped.protocol["fingerprint"] == memory.protocol["fingerprint"]
    for name in ("validation", "test"):
        assert torch.equal(mapped.splits[name].first(9).x, memory.splits[name].first(9).x)
    torch.manual_seed(0)
    first = mapped.train.first(50).x
    torch.manual_seed(0)
    assert torch.equal(memory.train.first(50).x, first)


@pytest.mark.parametrize("way", [{"flip": True}, {"shift": 1}, {"dequantise": True}])
@pytest.mark.parametrize("source", ["table", "stream"])
def test_what_is_no_picture_is_not_changed(source, way):
    given = {"table": np.zeros((20, 5)), "stream": [(torch.zeros(20, 1, 4, 4), torch.zeros(20))]}[source]
    words = "needs arrays, and train is a stream" if source == "stream" else "is for pictures|holds bits|shape"
    with pytest.raises(ValueError, match=words):
        load_data(given, **WHOLE, **way)


def train(data, out, callbacks=(), steps=12):
    torch.manual_seed(0)
    model, objective = er.recipes.vae(data.shape, latent=2, hidden=(8,), likelihood="continuous-bernoulli")
    about = {"steps": steps, "batch_size": 16, "checkpoint_every": 5, "device": "cpu"}
    return er.fit(model, objective, data, out=out, callbacks=callbacks, **about)


@er.on.step
def pull(here):
    if here[state.STEP] == 7:
        here[state.STOP] = "interrupted"


@pytest.mark.parametrize("buffer", [None, 30])
def test_resumed_it_ends_with_the_same_weights(tmp_path, buffer):
    path = pack(tmp_path / "faces", faces(80))
    about = {"resize": 6, "flip": True, "shift": 1, "dequantise": True, "buffer": buffer}
    straight = train(load_data(path, **about), tmp_path / "straight")
    train(load_data(path, **about), tmp_path / "pulled", [pull])
    resumed = er.resume(tmp_path / "pulled", callbacks=[])
    ours, theirs = (serialization.read(run.weights)[0] for run in (straight, resumed))
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


def test_the_command_line_trains_on_a_folder(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    pack(tmp_path / "faces", faces(60) | {"all/ann/bad.png": b"no"})
    small = ["--latent", "2", "--hidden", "8", "--steps", "3", "--batch-size", "8", "--device", "cpu"]
    wishes = ["--crop", "8", "--resize", "6", "--flip", "--shift", "1", "--dequantise", "--only", "ann"]
    arguments = ["train", "vae", "--data", "faces", *wishes, "--likelihood", "continuous-bernoulli", *small]
    assert main([*arguments, "--out", "run"]) == 2
    assert "1 of 61 pictures in" in capsys.readouterr().err
    assert main([*arguments, "--skip-bad", "--out", "run"]) == 0
    assert "warning: 1 of 61 pictures in faces cannot be read and are left out: all/ann/bad" in capsys.readouterr().err
    about = er.Run("run").record["data"]
    want = {"crop": [8, 8], "resize": [6, 6], "flip": True, "shift": 1, "dequantise": True, "only": "ann"}
    assert {name: about["arguments"][name] for name in want} == want
    assert about["left_out"] == ["all/ann/bad.png"]
    assert about["sizes"] == {"train": 24, "validation": 3, "test": 3}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        assert er.Run("run").data().classes == ("ann",)


# sets by name


ATTRIBUTES = ("Bald", "Male", "Smiling")
OFFICIAL = {1: 0, 2: 0, 3: 0, 4: 0, 5: 0, 6: 0, 7: 1, 8: 2, 9: 2}


def celebrities(shape=(218, 178)):
    """Texts and pictures as CelebA's owners lay them out."""
    rows = [[(1, -1)[(i >> bit) % 2] for bit in range(3)] for i in OFFICIAL]
    lines = [str(len(rows)), " ".join(ATTRIBUTES) + " "]
    lines += [f"{i:06}.jpg " + " ".join(f"{v:2}" for v in row) for i, row in zip(OFFICIAL, rows, strict=True)]
    pictures = {}
    for i in OFFICIAL:
        pixels = np.full((*shape, 3), 20 * i, np.uint8)
        pixels[: shape[0] // 7] = 255  # above the square
        pictures[f"{i:06}.jpg"] = saved(pixels, "JPEG", quality=100)
    texts = {
        "list_attr_celeba.txt": "\n".join(lines).encode(),
        "list_eval_partition.txt": "\n".join(f"{i:06}.jpg {split}" for i, split in OFFICIAL.items()).encode(),
    }
    return texts, pictures, np.array(rows) > 0


def laid_out(folder, how, texts, pictures):
    if how == "zip":
        inside = {f"celeba/img_align_celeba/{name}": content for name, content in pictures.items()}
        pack(folder / "some.zip", inside | {f"celeba/{name}": content for name, content in texts.items()})
    elif how == "official":
        pack(folder / "img_align_celeba.zip", {f"img_align_celeba/{n}": content for n, content in pictures.items()})
        pack(folder / "Anno", {"list_attr_celeba.txt": texts["list_attr_celeba.txt"]})
        pack(folder / "Eval", {"list_eval_partition.txt": texts["list_eval_partition.txt"]})
    else:
        pack(folder / "img_align_celeba", pictures)
        pack(folder, texts)


@pytest.fixture
def home(tmp_path, monkeypatch):
    (tmp_path / "data" / "CelebA").mkdir(parents=True)
    monkeypatch.setenv("ELBOWROOM_DATA", str(tmp_path / "data"))
    return tmp_path / "data" / "CelebA"


@pytest.mark.parametrize("how", ["zip", "official", "folder"])
@pytest.mark.parametrize("shape", [(218, 178), (109, 89)])
def test_celeba(home, how, shape):
    texts, pictures, rows = celebrities(shape)
    laid_out(home, how, texts, pictures)
    data = load_data("celeba")
    assert CATALOG["celeba"].location.startswith(str(home))
    assert data.shape == (3, 64, 64)
    assert data.protocol["sizes"] == {"train": 6, "validation": 1, "test": 2}
    side = {178: 148, 89: 74}[shape[1]]
    assert f"cropped at the centre to {side}x{side}, resized to 64x64" in data.protocol["preprocessing"]
    assert data.attributes == ATTRIBUTES
    assert torch.equal(torch.cat([split.y for split in data.splits.values()]), torch.from_numpy(rows).float())
    means = torch.cat([split.x.float().mean((1, 2, 3)) for split in data.splits.values()])
    assert torch.allclose(means, torch.arange(20.0, 200, 20), atol=2)  # nothing of what is above the square
    assert load_data("celeba", **data.protocol["arguments"]).protocol == data.protocol


def test_attributes_of_celeba(home):
    texts, pictures, rows = celebrities()
    laid_out(home, "zip", texts, pictures)
    one = load_data("celeba", label="Smiling", resize=(8, 6), crop=100)
    assert one.shape == (3, 8, 6)
    assert one.classes == ("not Smiling", "Smiling")
    assert one.attributes is None
    assert torch.cat([s.y for s in one.splits.values()]).tolist() == rows[:, 2].astype(int).tolist()
    assert len(load_data("celeba", label="Smiling", only="Smiling", **WHOLE).train) == rows[:6, 2].sum()
    two = load_data("celeba", label="Smiling, Bald", **WHOLE)
    assert two.attributes == ("Smiling", "Bald")
    assert torch.equal(two.train.y, torch.from_numpy(rows[:6, [2, 0]]).float())
    with pytest.raises(ValueError, match="unknown attribute of celeba 'Smilling': did you mean 'Smiling'"):
        load_data("celeba", label="Smilling")
    with pytest.raises(ValueError, match="columns=a=drop is for tables, and celeba is none of them"):
        load_data("celeba", columns="a=drop")


def test_celeba_without_some_of_its_files(home, monkeypatch):
    assert CATALOG["celeba"].location == "missing"
    with pytest.raises(
        ValueError, match=r"data set 'celeba' is not on this machine: ELBOWROOM_DATA is .*Google Drive"
    ) as e:
        load_data("celeba")
    assert "get img_align_celeba.zip, list_attr_celeba.txt and list_eval_partition.txt from https://mmlab" in str(
        e.value
    )
    assert "\n" not in str(e.value)
    texts, pictures, _ = celebrities()
    laid_out(home, "zip", {}, pictures)
    with pytest.raises(
        ValueError, match=r"label='Bald' picks attributes of celeba, and list_attr_celeba.txt is not there"
    ):
        load_data("celeba", label="Bald")
    data = load_data("celeba")  # by their numbers all are train
    assert data.train.y is None
    assert data.protocol["sizes"] == {"train": 7, "validation": 1, "test": 1}
    monkeypatch.setattr(celeba, "LAST_IMAGE_NUMBERS", (5, 7))
    assert load_data("celeba").protocol["sizes"] == {"train": 5, "validation": 2, "test": 2}
    short = texts["list_attr_celeba.txt"].rsplit(b"\n", 1)[0]
    pack(home, {"list_attr_celeba.txt": short})
    with pytest.raises(ValueError, match=r"000009.jpg of .*some.zip is not in list_attr_celeba.txt: take it out"):
        load_data("celeba")


@pytest.mark.slow
def test_the_first_ten_thousand_of_celeba(real_data):
    data = load_data("celeba")
    assert data.protocol["sizes"] == {"train": 8000, "validation": 1000, "test": 1000}
    assert data.protocol["fingerprint"] == load_data("celeba").protocol["fingerprint"]
    assert len(data.attributes) == 40
    whole = load_data("celeba", **WHOLE).train
    male = whole.y[:, data.attributes.index("Male")].mean()
    assert male == pytest.approx(0.42, abs=0.02)
    assert whole.x.float().mean() / 255 == pytest.approx(0.43, abs=0.05)


def known(monkeypatch, module, name, content, urls=()):
    """A file of a set with the hash of another content."""
    md5 = "md5:" + hashlib.md5(content).hexdigest()
    file = getattr(module, name)
    monkeypatch.setattr(module, name, replace(file, content=md5, sent=md5, urls=urls or file.urls))


def test_cifar10_is_downloaded_and_checked(tmp_path, monkeypatch):
    batches = {f"data_batch_{n}.bin": noise(n, (4, 3073)) for n in range(1, 6)} | {
        "test_batch.bin": noise(9, (3, 3073))
    }
    for rows in batches.values():
        rows[:, 0] %= 10
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for name, rows in {**batches, "readme.html": noise(0, (9,))}.items():
            info = tarfile.TarInfo(f"cifar-10-batches-bin/{name}")
            info.size = rows.nbytes
            tar.addfile(info, io.BytesIO(rows.tobytes()))
    served = tmp_path / "served"
    served.mkdir()
    (served / "cifar-10-binary.tar.gz").write_bytes(packed.getvalue())
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=served)
    monkeypatch.setattr(http.server.SimpleHTTPRequestHandler, "log_message", lambda *a: None)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        urls = (f"http://127.0.0.1:{server.server_port}/cifar-10-binary.tar.gz",)
        known(monkeypatch, cifar_svhn, "CIFAR", packed.getvalue(), urls)
        data = load_data("cifar10", validation=2)
        server.shutdown()
    assert data.protocol["sizes"] == {"train": 18, "validation": 2, "test": 3}
    assert data.classes[3] == "cat"
    assert torch.equal(data.test.x.flatten(1), torch.from_numpy(batches["test_batch.bin"][:, 1:]))
    assert data.test.y.tolist() == batches["test_batch.bin"][:, 0].tolist()
    whole = load_data("cifar10", validation=0).train  # from the cache: the server is gone
    assert torch.equal(whole.x[4:8].flatten(1), torch.from_numpy(batches["data_batch_2.bin"][:, 1:]))
    (tmp_path / "cache" / "CIFAR10" / "cifar-10-binary.tar.gz").write_bytes(b"torn")
    with pytest.raises(ValueError, match=r"data set 'cifar10' is not on this machine: .* downloading failed"):
        load_data("cifar10")


def test_svhn_calls_a_nought_ten(tmp_path, monkeypatch):
    from scipy.io import savemat

    monkeypatch.setenv("ELBOWROOM_DATA", str(tmp_path))
    (tmp_path / "SVHN").mkdir()
    x, y = noise(0, (32, 32, 3, 12)), np.arange(1, 13)[:, None] % 11 + (np.arange(1, 13)[:, None] % 11 == 0)
    files = []
    for file in cifar_svhn.SVHN_FILES:
        savemat(tmp_path / file.path, {"X": x, "y": y.astype(np.uint8)})
        content = (tmp_path / file.path).read_bytes()
        files.append(replace(file, content="md5:" + hashlib.md5(content).hexdigest()))
    monkeypatch.setattr(cifar_svhn, "SVHN_FILES", tuple(files))
    data = load_data("svhn", validation=0)
    assert data.protocol["sizes"] == {"train": 12, "test": 12}
    assert torch.equal(data.test.x[5], torch.from_numpy(x[..., 5].transpose(2, 0, 1)))
    assert data.test.y[9] == 0
    assert data.classes == tuple("0123456789")
    (tmp_path / "SVHN" / "test_32x32.mat").write_bytes(b"other")
    with pytest.raises(ValueError, match=r"test_32x32.mat is damaged or another file"):
        load_data("svhn")


def test_olivetti_stands_upright(tmp_path, monkeypatch):
    from scipy.io import savemat

    monkeypatch.setenv("ELBOWROOM_DATA", str(tmp_path))
    (tmp_path / "Olivetti").mkdir()
    x = noise(0, (30, 64, 64))
    savemat(tmp_path / "Olivetti" / "olivettifaces.mat", {"faces": x.transpose(2, 1, 0).reshape(4096, 30)})
    content = (tmp_path / "Olivetti" / "olivettifaces.mat").read_bytes()
    file = replace(olivetti.OLIVETTI_FILE, content="md5:" + hashlib.md5(content).hexdigest())
    monkeypatch.setattr(olivetti, "OLIVETTI_FILE", file)
    whole = load_data("olivetti", **WHOLE)
    assert np.array_equal(whole.train.x[:, 0].numpy(), x)
    assert whole.train.y.tolist() == [0] * 10 + [1] * 10 + [2] * 10
    assert whole.classes == ("0", "1", "2")
