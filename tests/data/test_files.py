import io
import os
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from elbowroom.data import load_data

WHOLE = {"validation": 0, "test": 0}


def grey(seed=0, size=(6, 5)):
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, size, dtype=np.uint8))


def colour(seed=0, size=(6, 5)):
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (*size, 3), dtype=np.uint8))


def zipped(folder: Path) -> Path:
    with zipfile.ZipFile(folder.with_suffix(".zip"), "w") as archive:
        for file in sorted(folder.rglob("*")):
            archive.write(file, Path(folder.name) / file.relative_to(folder))
    return folder.with_suffix(".zip")


@pytest.fixture
def album(tmp_path):
    """A folder for pictures, and a way to put one there."""
    folder = tmp_path / "album"
    folder.mkdir()

    def put(name, picture):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        picture.save(folder / name)

    return folder, put


# arrays in files


def test_npy(tmp_path):
    x = np.random.default_rng(0).integers(0, 256, (20, 6, 5), dtype=np.uint8)
    np.save(tmp_path / "mine.npy", x)
    data = load_data(tmp_path / "mine.npy", **WHOLE)
    assert np.array_equal(data.train.x.squeeze(1).numpy(), x)
    assert (data.name, data.shape, data.discrete) == ("mine", (1, 6, 5), True)
    assert data.protocol["source"] == str(tmp_path / "mine.npy")
    again = load_data(data.protocol["source"], **data.protocol["arguments"])
    assert again.protocol == data.protocol


def test_npz_with_splits(tmp_path):
    x = np.random.default_rng(0).random((20, 6))
    np.savez(tmp_path / "a.npz", x_train=x[:10], y_train=list("aabbaabbaa"), x_test=x[10:14], y_test=list("cabc"))
    data = load_data(str(tmp_path / "a.npz"))
    assert [len(s) for s in data.splits.values()] == [9, 1, 4]
    assert data.classes == ("a", "b", "c")
    assert data.test.y.tolist() == [2, 0, 1, 2]
    np.savez(tmp_path / "b.npz", x=x, y=np.arange(20) % 2, x_val=x[:3], y_val=[0, 1, 1])
    data = load_data(tmp_path / "b.npz")
    assert [len(s) for s in data.splits.values()] == [20, 3]


def damaged_arrays(folder):
    """Files of arrays that cannot be used, by the words of the error."""
    x = np.zeros((4, 3))

    def npz(name, **held):
        np.savez(folder / name, **held)

    np.save(folder / "objects.npy", np.array([{}, None], dtype=object), allow_pickle=True)
    yield "objects.npy", "objects.npy holds Python objects, which are never unpickled"
    npz("objects.npz", x=np.array([{}, None], dtype=object))
    yield "objects.npz", "objects.npz holds Python objects"
    (folder / "text.npy").write_text("hello")
    yield "text.npy", "text.npy is not a whole .npy file .* fetch it again"
    (folder / "empty.npy").write_bytes(b"")
    yield "empty.npy", "empty.npy is not a whole .npy file"
    np.save(folder / "cut.npy", np.zeros((40, 30)))
    (folder / "cut.npy").write_bytes((folder / "cut.npy").read_bytes()[:200])
    yield "cut.npy", "cut.npy is not a whole .npy file"
    npz("cut.npz", x=x)
    (folder / "cut.npz").write_bytes((folder / "cut.npz").read_bytes()[:-30])
    yield "cut.npz", "cut.npz is not a whole .npz file .*zip"
    np.save(folder / "none.npy", np.zeros((0, 3)))
    yield "none.npy", r"none.npy is empty, with shape \(0, 3\)"
    np.save(folder / "nan.npy", np.full((4, 3), np.nan))
    yield "nan.npy", "nan.npy has NaN or infinite values in 4 of 4 examples, the first at index 0"
    npz("keys.npz", x=x, z=x)
    yield "keys.npz", r"the unknown key 'z': expected x \(and y\), or some of x_train, y_train, x_validation"
    np.savez(folder / "position.npz", x)
    yield "position.npz", "the unknown key 'arr_0'"
    npz("test.npz", x_test=x)
    yield "test.npz", "no array x or x_train"
    npz("labels.npz", x=x, y_test=[1])
    yield "labels.npz", "has y_test but no x_test"
    npz("twice.npz", x=x, x_train=x)
    yield "twice.npz", "more than one array for its train split"
    npz("shapes.npz", x_train=np.zeros((9, 8, 8)), x_test=np.zeros((3, 4, 8)))
    yield "shapes.npz", r"the examples of test in .*shapes.npz have shape \(1, 4, 8\) and those of train \(1, 8, 8\)"
    npz("widths.npz", x=np.zeros((9, 5)), x_val=np.zeros((3, 4)))
    yield "widths.npz", r"the examples of validation in .*widths.npz have shape \(4,\) and those of train \(5,\)"
    npz("length.npz", x=x, y=[1, 2])
    yield "length.npz", r"y has shape \(2,\) for the 4 examples of x of length.npz"
    (folder / "table.xls").write_text("1,2")
    yield "table.xls", "expected a .npy or .npz file, a .csv or .parquet table, a picture, a folder, .zip or .tar"
    (folder / "bad.zip").write_bytes(b"PK nothing")
    yield "bad.zip", "bad.zip is not a whole .zip file"


def test_files_of_arrays_that_cannot_be_used(tmp_path):
    for name, words in damaged_arrays(tmp_path):
        with pytest.raises(ValueError, match=words) as error:
            load_data(tmp_path / name)
        assert "\n" not in str(error.value)
        assert str(tmp_path / name) in str(error.value) or name in str(error.value)


# pictures


@pytest.mark.parametrize("pack", [lambda folder: folder, zipped])
def test_labels_come_from_the_first_folders(album, pack):
    folder, put = album
    for i in range(6):
        put(f"{'cat' if i % 2 else 'dog'}/deep/{i}.png", grey(i))
    (folder / "cat" / "notes.txt").write_text("not a picture")
    (folder / "cat" / "._1.png").write_bytes(b"what a Mac leaves")
    data = load_data(pack(folder), **WHOLE)
    assert data.classes == ("cat", "dog")
    assert data.train.y.tolist() == [0, 0, 0, 1, 1, 1]
    for row, i in enumerate((1, 3, 5, 0, 2, 4)):
        assert np.array_equal(data.train.x[row, 0].numpy(), np.asarray(grey(i)))


def test_one_folder_makes_no_labels(album):
    folder, put = album
    put("all/a.png", grey())
    put("all/b.png", grey(1))
    assert load_data(folder, **WHOLE).train.y is None
    put("c.png", grey(2))
    put("other/d.png", grey(3))
    assert load_data(folder, **WHOLE).classes is None  # c.png would have no label


def test_grey_stays_grey_unless_there_is_colour(album):
    folder, put = album
    put("a.png", grey())
    put("b.gif", grey(1))
    put("c.bmp", grey(2).convert("1"))
    put("d.tif", grey(3))
    put("e.jpg", grey(4))
    data = load_data(folder, **WHOLE)
    assert data.shape == (1, 6, 5)
    assert np.array_equal(data.train.x[1, 0].numpy(), np.asarray(grey(1)))
    put("f.webp", colour())
    data = load_data(folder, **WHOLE)
    assert data.shape == (3, 6, 5)
    assert torch.equal(data.train.x[0, 0], data.train.x[0, 2])


def test_depth_transparency_palette_and_turning(album):
    folder, put = album
    put("a.png", Image.fromarray(np.array([[0, 65535], [257, 32896]], dtype=np.uint16)))
    clear = np.zeros((2, 2, 2), dtype=np.uint8)
    clear[..., 1] = [[0, 255], [51, 255]]
    put("b.png", Image.fromarray(clear, "LA"))
    put("c.png", grey(0, (2, 2)).quantize())
    turned = Image.Exif()
    turned[0x0112] = 6
    arrow = Image.fromarray(np.array([[0, 0, 0], [255, 255, 255]], dtype=np.uint8))
    data = load_data(folder, **WHOLE)
    assert data.shape == (1, 2, 2)
    assert data.train.x[0, 0].tolist() == [[0, 255], [1, 128]]
    assert data.train.x[1, 0].tolist() == [[255, 0], [204, 0]]
    assert np.array_equal(data.train.x[2, 0].numpy(), np.asarray(grey(0, (2, 2)).quantize().convert("L")))
    red = np.zeros((2, 2, 4), dtype=np.uint8)
    red[..., 0], red[0, 0, 3] = 255, 255
    put("d.png", Image.fromarray(red))
    assert load_data(folder, **WHOLE).train.x[3].permute(1, 2, 0).tolist()[0] == [[255, 0, 0], [255, 255, 255]]
    for file in folder.iterdir():
        file.unlink()
    arrow.save(folder / "arrow.png", exif=turned)
    assert load_data(folder, **WHOLE).train.x[0, 0].tolist() == [[255, 0]] * 3


def test_resize(album):
    folder, put = album
    put("a.png", colour(0, (40, 20)))
    put("b.png", colour(1, (30, 64)))
    for wish, shape in ((8, (3, 8, 8)), ((6, 10), (3, 6, 10))):
        data = load_data(folder, resize=wish, **WHOLE)
        assert data.shape == shape
        assert f"resized to {shape[1]}x{shape[2]}" in data.protocol["preprocessing"]
        assert load_data(folder, **data.protocol["arguments"]).protocol == data.protocol
    with pytest.raises(ValueError, match=r"2 pictures in .*album have 2 sizes .*: 40x20 \(1, such as a.png\), 30x64"):
        load_data(folder)
    with pytest.raises(
        ValueError, match=r"give resize=28 or resize=\(height, width\), on the command line --resize 28"
    ):
        load_data(folder)


@pytest.mark.parametrize("pack", [lambda folder: folder, zipped])
def test_pictures_that_cannot_be_read_are_counted(album, pack):
    folder, put = album
    for i in range(7):
        put(f"{i}.png", colour(i, (40, 40)))
    (folder / "1.png").write_bytes((folder / "1.png").read_bytes()[:900])
    (folder / "2.png").write_text("I am a text")
    (folder / "3.png").write_bytes(b"")
    (folder / "4.png").write_text("and I")
    with pytest.raises(ValueError, match="4 of 7 pictures in") as error:
        load_data(pack(folder))
    assert "1.png (cut short), " in str(error.value)
    assert "2.png (not a picture), " in str(error.value)
    assert "3.png (empty) and 1 more; mend them or take them out" in str(error.value)


def test_a_zip_with_a_damaged_member(album):
    folder, put = album
    put("a.png", colour(0, (40, 40)))
    put("b.png", colour(1, (40, 40)))
    packed = zipped(folder)
    data = bytearray(packed.read_bytes())
    data[data.index(b"album/b.png") + 200] ^= 255
    packed.write_bytes(data)
    with pytest.raises(ValueError, match=r"1 of 2 pictures in .*album.zip cannot be read: album/b.png \(damaged\)"):
        load_data(packed)


def test_nothing_to_read(tmp_path):
    with pytest.raises(ValueError, match=r"no pictures in .*: expected .bmp, .* in it or in its subfolders"):
        load_data(tmp_path)
    with zipfile.ZipFile(tmp_path / "empty.zip", "w") as archive:
        archive.writestr("readme.txt", "nothing")
    with pytest.raises(ValueError, match=r"no pictures in .*empty\.zip"):
        load_data(tmp_path / "empty.zip")
    with pytest.raises(ValueError, match="no such file or folder"):
        load_data(tmp_path / "nowhere")


@pytest.mark.skipif(os.name != "posix", reason="permissions of files")
def test_no_permission(tmp_path, monkeypatch):
    np.save(tmp_path / "mine.npy", np.zeros((4, 3)))
    grey().save(tmp_path / "a.png")

    def refuse(*args, **kwargs):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(np, "load", refuse)
    with pytest.raises(ValueError, match=r"no permission to read .*mine.npy: change its permissions or copy it"):
        load_data(tmp_path / "mine.npy")
    monkeypatch.setattr(Path, "read_bytes", refuse)
    with pytest.raises(ValueError, match=r"1 of 1 pictures .* cannot be read: a.png \(no permission\)"):
        load_data(tmp_path)
    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(ValueError, match="no permission to read"):
        load_data(tmp_path)


def test_pictures_from_a_data_set():
    class Album(torch.utils.data.Dataset):
        def __len__(self):
            return 10

        def __getitem__(self, i):
            return {"image": colour(i), "label": i % 2}

    data = load_data(Album(), **WHOLE)
    assert data.shape == (3, 6, 5)
    want = np.asarray(colour(4)).transpose(2, 0, 1) / np.float32(255)
    assert np.array_equal(data.train.first(5).x[4].numpy(), want)
    file = io.BytesIO()
    grey().save(file, "PNG")
    opened = [(Image.open(file), 1)]
    assert load_data(type("Greys", (Album,), {"__getitem__": lambda _, i: opened[0]})(), **WHOLE).shape == (1, 6, 5)
