"""Images in a folder, a zip or a tar: labels, colour, sizes, and those that cannot be read."""

import os
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import elbowroom as er
from elbowroom import serialization
from elbowroom.cli import main
from elbowroom.data import load_data
from elbowroom.training import state
from tests.data.sources import WHOLE, color_image, encode, face_files, gray_image, noise, write_archive


def zip_folder(folder: Path) -> Path:
    with zipfile.ZipFile(folder.with_suffix(".zip"), "w") as archive:
        for file in sorted(folder.rglob("*")):
            archive.write(file, Path(folder.name) / file.relative_to(folder))
    return folder.with_suffix(".zip")


@pytest.fixture
def image_folder(tmp_path):
    """A folder for images, and a way to put one there."""
    folder = tmp_path / "album"
    folder.mkdir()

    def put(name, image):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        image.save(folder / name)

    return folder, put


@pytest.mark.parametrize("pack", [lambda folder: folder, zip_folder])
def test_labels_come_from_the_first_folders(image_folder, pack):
    folder, put = image_folder
    for i in range(6):
        put(f"{'cat' if i % 2 else 'dog'}/deep/{i}.png", gray_image(i))
    (folder / "cat" / "notes.txt").write_text("not an image")
    (folder / "cat" / "._1.png").write_bytes(b"what a Mac leaves")
    data = load_data(pack(folder), **WHOLE)
    assert data.classes == ("cat", "dog")
    assert data.train.y.tolist() == [0, 0, 0, 1, 1, 1]
    for row, i in enumerate((1, 3, 5, 0, 2, 4)):
        assert np.array_equal(data.train.x[row, 0].numpy(), np.asarray(gray_image(i)))


def test_one_folder_makes_no_labels(image_folder):
    folder, put = image_folder
    put("all/a.png", gray_image())
    put("all/b.png", gray_image(1))
    assert load_data(folder, **WHOLE).train.y is None
    put("c.png", gray_image(2))
    put("other/d.png", gray_image(3))
    assert load_data(folder, **WHOLE).classes is None  # c.png would have no label


def test_grey_stays_grey_unless_there_is_colour(image_folder):
    folder, put = image_folder
    put("a.png", gray_image())
    put("b.gif", gray_image(1))
    put("c.bmp", gray_image(2).convert("1"))
    put("d.tif", gray_image(3))
    put("e.jpg", gray_image(4))
    data = load_data(folder, **WHOLE)
    assert data.shape == (1, 6, 5)
    assert np.array_equal(data.train.x[1, 0].numpy(), np.asarray(gray_image(1)))
    put("f.webp", color_image())
    data = load_data(folder, **WHOLE)
    assert data.shape == (3, 6, 5)
    assert torch.equal(data.train.x[0, 0], data.train.x[0, 2])


def test_depth_transparency_palette_and_turning(image_folder):
    folder, put = image_folder
    put("a.png", Image.fromarray(np.array([[0, 65535], [257, 32896]], dtype=np.uint16)))
    clear = np.zeros((2, 2, 2), dtype=np.uint8)
    clear[..., 1] = [[0, 255], [51, 255]]
    put("b.png", Image.fromarray(clear, "LA"))
    put("c.png", gray_image(0, (2, 2)).quantize())
    turned = Image.Exif()
    turned[0x0112] = 6
    arrow = Image.fromarray(np.array([[0, 0, 0], [255, 255, 255]], dtype=np.uint8))
    data = load_data(folder, **WHOLE)
    assert data.shape == (1, 2, 2)
    assert data.train.x[0, 0].tolist() == [[0, 255], [1, 128]]
    assert data.train.x[1, 0].tolist() == [[255, 0], [204, 0]]
    assert np.array_equal(data.train.x[2, 0].numpy(), np.asarray(gray_image(0, (2, 2)).quantize().convert("L")))
    red = np.zeros((2, 2, 4), dtype=np.uint8)
    red[..., 0], red[0, 0, 3] = 255, 255
    put("d.png", Image.fromarray(red))
    assert load_data(folder, **WHOLE).train.x[3].permute(1, 2, 0).tolist()[0] == [[255, 0, 0], [255, 255, 255]]
    for file in folder.iterdir():
        file.unlink()
    arrow.save(folder / "arrow.png", exif=turned)
    assert load_data(folder, **WHOLE).train.x[0, 0].tolist() == [[255, 0]] * 3


def test_resize(image_folder):
    folder, put = image_folder
    put("a.png", color_image(0, (40, 20)))
    put("b.png", color_image(1, (30, 64)))
    for size, shape in ((8, (3, 8, 8)), ((6, 10), (3, 6, 10))):
        data = load_data(folder, resize=size, **WHOLE)
        assert data.shape == shape
        assert f"resized to {shape[1]}x{shape[2]}" in data.protocol["preprocessing"]
        assert load_data(folder, **data.protocol["arguments"]).protocol == data.protocol
    with pytest.raises(ValueError, match=r"2 images in .*album have 2 sizes .*: 40x20 \(1, such as a.png\), 30x64"):
        load_data(folder)
    with pytest.raises(
        ValueError, match=r"give resize=28 or resize=\(height, width\), on the command line --resize 28"
    ):
        load_data(folder)


@pytest.mark.parametrize("pack", [lambda folder: folder, zip_folder])
def test_images_that_cannot_be_read_are_counted(image_folder, pack):
    folder, put = image_folder
    for i in range(7):
        put(f"{i}.png", color_image(i, (40, 40)))
    (folder / "1.png").write_bytes((folder / "1.png").read_bytes()[:900])
    (folder / "2.png").write_text("I am a text")
    (folder / "3.png").write_bytes(b"")
    (folder / "4.png").write_text("and I")
    with pytest.raises(ValueError, match="4 of 7 images in") as error:
        load_data(pack(folder))
    assert "1.png (cut short), " in str(error.value)
    assert "2.png (not an image), " in str(error.value)
    assert "3.png (empty) and 1 more; mend them or take them out" in str(error.value)


def test_a_zip_with_a_damaged_member(image_folder):
    folder, put = image_folder
    put("a.png", color_image(0, (40, 40)))
    put("b.png", color_image(1, (40, 40)))
    packed = zip_folder(folder)
    data = bytearray(packed.read_bytes())
    data[data.index(b"album/b.png") + 200] ^= 255
    packed.write_bytes(data)
    with pytest.raises(ValueError, match=r"1 of 2 images in .*album.zip cannot be read: album/b.png \(damaged\)"):
        load_data(packed)


def test_nothing_to_read(tmp_path):
    with pytest.raises(ValueError, match=r"no images in .*: expected .bmp, .* in it or in its subfolders"):
        load_data(tmp_path)
    with zipfile.ZipFile(tmp_path / "empty.zip", "w") as archive:
        archive.writestr("readme.txt", "nothing")
    with pytest.raises(ValueError, match=r"no images in .*empty\.zip"):
        load_data(tmp_path / "empty.zip")
    with pytest.raises(ValueError, match="no such file or folder"):
        load_data(tmp_path / "nowhere")


@pytest.mark.skipif(os.name != "posix", reason="permissions of files")
def test_no_permission(tmp_path, monkeypatch):
    np.save(tmp_path / "mine.npy", np.zeros((4, 3)))
    gray_image().save(tmp_path / "a.png")

    def refuse(*args, **kwargs):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(np, "load", refuse)
    with pytest.raises(ValueError, match=r"no permission to read .*mine.npy: change its permissions or copy it"):
        load_data(tmp_path / "mine.npy")
    monkeypatch.setattr(Path, "read_bytes", refuse)
    with pytest.raises(ValueError, match=r"1 of 1 images .* cannot be read: a.png \(no permission\)"):
        load_data(tmp_path)
    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(ValueError, match="no permission to read"):
        load_data(tmp_path)


def test_nothing_that_can_be_read(tmp_path):
    path = write_archive(tmp_path / "mine", {"a.png": b"no", "b.png": b"nor"})
    with pytest.raises(ValueError, match=r"2 of 2 images in .* cannot be read"):
        load_data(path, bad_images="skip")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, r"the 4 images in .*mine have 3 sizes .*: 8x8 \(2, such as a.png\), 9x8 \(1, .* --resize 28"),
        ({"crop": 9}, r"3 of 4 images in .* a.png \(8x8, smaller than crop=9\)"),
        ({"crop": (9, -1)}, r"crop=\(9, -1\): expected a number of pixels or \(height, width\)"),
        ({"resize": 8, "bad_images": "mend"}, "unknown bad_images 'mend'.*Known: refuse, skip"),
        ({"resize": 8, "label": "age"}, "label=age is for tables, .* and mine is none of them: leave it out"),
        ({"resize": 8, "columns": "a=drop"}, "columns=a=drop is for tables, and mine is none of them"),
        ({"resize": 8, "shift": 8}, "shift=8 for images of 8x8: give fewer pixels"),
        ({"resize": 8, "shift": -1}, "shift=-1: expected a whole number, at least 0"),
        ({"resize": 8, "only": "0"}, "only='0' picks classes, and mine has none: leave it out"),
        (
            {"resize": 8, "binarize": "threshold", "dequantize": True},
            "dequantize is for pixels of 256 levels, and the train split holds bits: leave it out",
        ),
    ],
)
def test_options_that_do_not_suit_images(tmp_path, options, words):
    shapes = {"a": (8, 8), "b": (8, 8), "c": (9, 8), "d": (9, 9)}
    path = write_archive(tmp_path / "mine", {f"{name}.png": encode(noise(0, shape)) for name, shape in shapes.items()})
    with pytest.raises(ValueError, match=words) as error:
        load_data(path, **WHOLE, **options)
    assert "\n" not in str(error.value)


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
    path = write_archive(tmp_path / "faces", face_files(80))
    about = {"resize": 6, "flip": True, "shift": 1, "dequantize": True, "buffer": buffer}
    straight = train(load_data(path, **about), tmp_path / "straight")
    train(load_data(path, **about), tmp_path / "pulled", [pull])
    resumed = er.resume(tmp_path / "pulled", callbacks=[])
    ours, theirs = (serialization.read(run.weights)[0] for run in (straight, resumed))
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


@pytest.mark.filterwarnings("always:.*are left out:UserWarning")  # printed by the command line, and checked below
def test_the_command_line_trains_on_a_folder(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    write_archive(tmp_path / "faces", face_files(60) | {"all/ann/bad.png": b"no"})
    small = ["--latent", "2", "--hidden", "8", "--steps", "3", "--batch-size", "8", "--device", "cpu"]
    options = ["--crop", "8", "--resize", "6", "--flip", "--shift", "1", "--dequantize", "--only", "ann"]
    arguments = ["train", "vae", "--data", "faces", *options, "--likelihood", "continuous-bernoulli", *small]
    assert main([*arguments, "--out", "run"]) == 2
    assert "1 of 61 images in" in capsys.readouterr().err
    assert main([*arguments, "--bad-images", "skip", "--out", "run"]) == 0
    assert "warning: 1 of 61 images in faces cannot be read and are left out: all/ann/bad" in capsys.readouterr().err
    about = er.Run("run").record["data"]
    want = {"crop": [8, 8], "resize": [6, 6], "flip": True, "shift": 1, "dequantize": True, "only": "ann"}
    assert {name: about["arguments"][name] for name in want} == want
    assert about["left_out"] == ["all/ann/bad.png"]
    assert about["sizes"] == {"train": 24, "validation": 3, "test": 3}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        assert er.Run("run").data().classes == ("ann",)
