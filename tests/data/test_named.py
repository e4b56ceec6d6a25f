import gzip
import hashlib
import io
import shutil
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from elbowroom.data import dataset, datasets, load_data
from elbowroom.data.catalog import download, registry
from elbowroom.data.catalog.download import DatasetFile
from elbowroom.data.raw import RawDataset, split_from_arrays

NAMES = ("digits", "mnist", "fashion-mnist", "binarized-mnist", "frey-faces", "omniglot")
REFUSED = "http://127.0.0.1:9/"


def test_the_table():
    rows = {row.name: row for row in datasets()}
    assert tuple(rows)[: len(NAMES)] == NAMES
    for row in rows.values():
        assert row.summary
        assert row.source
        assert row.license
        assert row.read.__doc__
        assert row.location == {"digits": "embedded", "celeba": "missing"}.get(row.name, "download")


def test_digits():
    data = load_data("digits")
    assert data.shape == (1, 8, 8)
    assert data.classes == tuple("0123456789")
    assert [len(s) for s in data.splits.values()] == [1258, 180, 359]
    assert data.discrete
    assert not data.binary
    whole = load_data("digits", validation=0, test=0).train
    assert whole.x[0, 0, 0].tolist() == [0, 0, 80, 207, 143, 16, 0, 0]
    assert whole.y[:5].tolist() == [0, 1, 2, 3, 4]
    assert data.protocol["fingerprint"] == "ec0b96d8c134d648"


@pytest.mark.parametrize(
    ("name", "sizes", "classes", "mean", "head"),
    [
        ("mnist", [59_000, 1_000, 10_000], 10, 0.13066, "c8d7b3ac"),
        ("fashion-mnist", [59_000, 1_000, 10_000], 10, 0.28604, "9fd5e052"),
        ("binarized-mnist", [50_000, 10_000, 10_000], None, 0.13056, "f4f26ead"),
        ("frey-faces", [1573, 196, 196], None, 0.60573, "0f2ece62"),
        ("omniglot", [18_316, 964, 13_180], 50, 0.07794, "289584f4"),
    ],
)
def test_published_sets(real, name, sizes, classes, mean, head):
    data = load_data(name)
    row = registry.CATALOG[name]
    assert row.location.startswith(str(real)) or "cache" in row.location
    assert data.shape == row.shape
    assert [len(s) for s in data.splits.values()] == sizes
    assert (len(data.classes) if classes else data.classes) == classes
    published = row.read()
    assert {s: len(getattr(published, s)) for s in row.sizes} == row.sizes
    assert published.train.x.float().mean() / 255 == pytest.approx(mean, abs=2e-5)
    assert hashlib.sha256(published.train.x[:100].numpy().tobytes()).hexdigest()[:8] == head
    if classes:
        assert int(published.train.y.max()) < classes
    assert data.binary == (name in ("binarized-mnist", "omniglot"))


def test_frey_blocks_are_whole_and_apart(real):
    whole = load_data("frey-faces", validation=0, test=0).train.x
    for seed in range(12):
        data = load_data("frey-faces", seed=seed)
        starts = {}
        for split in ("validation", "test"):
            x = getattr(data, split).x
            start = next(i for i in range(len(whole)) if torch.equal(whole[i : i + len(x)], x))
            starts[split] = (start, start + len(x))
        (_, end), (start, _) = sorted(starts.values())
        assert end < start  # at least one frame of train between the two
        assert len(data.train) + len(data.validation) + len(data.test) == len(whole)
    assert not torch.equal(load_data("frey-faces", seed=1).test.x, load_data("frey-faces", seed=2).test.x)


def test_own_splits_are_kept(real):
    with pytest.raises(
        ValueError, match=r"binarized-mnist comes with its own validation split: leave validation=0\.1 out"
    ):
        load_data("binarized-mnist", validation=0.1)
    data = load_data("binarized-mnist", validation=0)
    assert list(data.splits) == ["train", "test"]
    assert data.protocol["arguments"]["validation"] == 0


# finding and downloading a small set, the way the large ones are


@pytest.fixture
def tiny(monkeypatch):
    """A named set of one array in two files."""
    content = [np.arange(80, dtype=np.uint8).tobytes(), np.arange(20, dtype=np.uint8).tobytes()]
    files = tuple(
        DatasetFile(f"Tiny/{n}.bin", "sha256:" + hashlib.sha256(c).hexdigest(), (REFUSED + f"{n}.bin.gz",))
        for n, c in zip(("first", "second"), content, strict=True)
    )
    monkeypatch.setattr(registry, "CATALOG", dict(registry.CATALOG))

    def register(files):
        @dataset("tiny", summary="small", source="here", license="none", files=files)
        def tiny():
            """Small."""
            x = np.frombuffer(b"".join(download.fetch_contents("tiny", files)), np.uint8)
            return RawDataset(split_from_arrays(x.reshape(-1, 2, 2)))

        return content, files

    return register, content, files


def test_found_where_the_user_says(tiny, tmp_path, monkeypatch):
    register, content, files = tiny
    register(files)
    monkeypatch.setenv("ELBOWROOM_DATA", str(tmp_path))
    assert registry.CATALOG["tiny"].location == "download"
    (tmp_path / "Tiny").mkdir()
    (tmp_path / "Tiny" / "first.bin").write_bytes(content[0])
    (tmp_path / "Tiny" / "second.bin.gz").write_bytes(gzip.compress(content[1]))
    assert registry.CATALOG["tiny"].location == str(tmp_path / "Tiny")
    assert load_data("tiny", validation=0).train.x.flatten().tolist() == list(range(80)) + list(range(20))
    (tmp_path / "Tiny" / "first.bin").write_bytes(content[0][:-1])
    with pytest.raises(ValueError, match=r"first.bin is damaged or another file \(sha256 .* is expected\): replace it"):
        load_data("tiny")
    (tmp_path / "Tiny" / "second.bin.gz").write_bytes(gzip.compress(content[1])[:-5])
    (tmp_path / "Tiny" / "first.bin").write_bytes(content[0])
    with pytest.raises(ValueError, match=r"second.bin.gz is damaged or another file \(.*[Cc]ompressed"):
        load_data("tiny")


def test_downloaded_once_from_the_first_mirror_that_has_it(tiny, server, tmp_path):
    register, content, files = tiny
    folder, address = server
    for file, c in zip(files, content, strict=True):
        (folder / (Path(file.path).name + ".gz")).write_bytes(gzip.compress(c))
    (folder / "wrong").mkdir()
    (folder / "wrong" / "first.bin.gz").write_bytes(b"hello")
    mirrors = (REFUSED, address + "nowhere/", address + "wrong/", address)
    files = tuple(replace(f, urls=tuple(m + Path(f.path).name + ".gz" for m in mirrors)) for f in files)
    register(files)
    first = load_data("tiny")
    assert registry.CATALOG["tiny"].location == str(tmp_path / "cache" / "Tiny")
    shutil.rmtree(folder)
    assert load_data("tiny").protocol == first.protocol
    # what is damaged in the cache is fetched again, and cannot be here
    (tmp_path / "cache" / "Tiny" / "first.bin.gz").write_bytes(b"torn")
    with pytest.raises(ValueError, match="downloading failed") as error:
        load_data("tiny")
    assert "Put first.bin into FOLDER/Tiny" in str(error.value)


def test_a_set_that_cannot_be_had(tiny, server, tmp_path, monkeypatch):
    register, _, files = tiny
    folder, address = server
    (folder / "first.bin.gz").write_bytes(b"hello")
    urls = (REFUSED + "first.bin.gz", address + "none.gz", address + "first.bin.gz")
    register((replace(files[0], urls=urls), files[1]))
    with pytest.raises(ValueError, match="data set 'tiny' is not on this machine") as error:
        load_data("tiny")
    message = str(error.value)
    assert "\n" not in message
    assert "ELBOWROOM_DATA is not set" in message
    assert f"{urls[0]}: ConnectionError; {urls[1]}: status 404; {urls[2]}: another file" in message
    assert "Put first.bin, second.bin into FOLDER/Tiny (gzipped or not) and set ELBOWROOM_DATA=FOLDER" in message
    monkeypatch.setenv("ELBOWROOM_DATA", str(tmp_path / "nowhere"))
    with pytest.raises(ValueError, match=r"ELBOWROOM_DATA is .*nowhere, which is no folder"):
        load_data("tiny")
    register((replace(files[0], urls=()),))
    assert registry.CATALOG["tiny"].location == "missing"
    with pytest.raises(ValueError, match=r"Tiny/first\.bin has no address"):
        load_data("tiny")


def test_no_permission(tiny, tmp_path, monkeypatch):
    register, content, files = tiny
    register(files)
    monkeypatch.setenv("ELBOWROOM_DATA", str(tmp_path))
    (tmp_path / "Tiny").mkdir()
    (tmp_path / "Tiny" / "first.bin").write_bytes(content[0])

    def refuse(path):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("pathlib.Path.read_bytes", refuse)
    with pytest.raises(ValueError, match=r"no permission to read .*first.bin: change its permissions"):
        load_data("tiny")


def test_what_was_made_is_kept(tmp_path):
    made = []

    def make():
        made.append(1)
        return {"a": np.arange(3)}

    for _ in range(2):
        assert download.load_or_build("Some/thing.npz", make)["a"].tolist() == [0, 1, 2]
    assert len(made) == 1
    (tmp_path / "cache" / "Some" / "thing.npz").write_bytes(b"PK torn")
    assert download.load_or_build("Some/thing.npz", make)["a"].tolist() == [0, 1, 2]
    assert len(made) == 2
    assert [p.name for p in (tmp_path / "cache" / "Some").iterdir()] == ["thing.npz"]


def test_text_of_bits_in_any_spacing():
    rows = np.random.default_rng(0).integers(0, 2, (5, 784), dtype=np.uint8)
    for between, end in ((" ", "\n"), (" ", " \r\n"), ("", "\n")):
        text = "".join(between.join(map(str, row)) + end for row in rows).encode()
        assert np.array_equal(registry.parse_bits(text), rows)


def omniglot_zip(alphabets):
    """A zip laid out as the official ones are, with drawings of random ink."""
    generator = np.random.default_rng(1)
    written, data = {}, io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for alphabet in alphabets:
            for character in (2, 1):
                name = f"images_background/{alphabet}/character{character:02}/0{character}01_01.png"
                ink = generator.random((105, 105)) < 0.1
                file = io.BytesIO()
                Image.fromarray(~ink).save(file, "PNG")
                archive.writestr(name, file.getvalue())
                written[alphabet, character] = ink
    return data.getvalue(), written


def test_drawings_are_taken_at_the_nearest_pixels():
    background, ink = omniglot_zip(["Korean", "Greek"])
    evaluation, _ = omniglot_zip(["Angelic"])
    held = registry.resize_drawings(background, evaluation)
    assert held["alphabet_names"].tolist() == ["Angelic", "Greek", "Korean"]
    assert held["alphabet"].tolist() == [0, 0, 1, 1, 2, 2]
    assert held["evaluation"].tolist() == [1, 1, 0, 0, 0, 0]
    pictures = registry.unpack_bitmaps(held["images"])
    nearest = Image.fromarray(ink["Greek", 1]).resize((28, 28), Image.Resampling.NEAREST)
    assert np.array_equal(pictures[2], np.asarray(nearest))


def test_omniglot_from_the_official_zips(tmp_path, monkeypatch):
    zips = [omniglot_zip(["Korean", "Greek"])[0], omniglot_zip(["Angelic"])[0]]
    files = tuple(
        replace(f, content="md5:" + hashlib.md5(z).hexdigest())
        for f, z in zip(registry.OMNIGLOT_FILES, zips, strict=True)
    )
    monkeypatch.setattr(registry, "OMNIGLOT_FILES", files)
    monkeypatch.setenv("ELBOWROOM_DATA", str(tmp_path))
    (tmp_path / "Omniglot").mkdir()
    for file, data in zip(files, zips, strict=True):
        (tmp_path / file.path).write_bytes(data)
    data = load_data("omniglot", validation=1)
    assert data.protocol["sizes"] == {"train": 3, "validation": 1, "test": 2}
    assert data.classes == ("Angelic", "Greek", "Korean")
    assert data.binary
    shutil.rmtree(tmp_path / "Omniglot")
    assert load_data("omniglot", validation=1).protocol == data.protocol


@pytest.mark.parametrize(
    ("name", "words"),
    [
        (
            "mnits",
            r"unknown data set 'mnits': did you mean 'mnist'\? Known: binarized-mnist, .* or give the path",
        ),
        ("qqqq", r"unknown data set 'qqqq'\. Known:"),
        ("pictures/mine", r"no such file or folder: pictures/mine \(looked for /.*\): check the path"),
        ("mine.npy", "no such file or folder: mine.npy"),
    ],
)
def test_names_that_mean_nothing(name, words):
    with pytest.raises(ValueError, match=words):
        load_data(name)
