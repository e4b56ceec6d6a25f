"""The registry of named data sets, and those with files on this machine."""

import hashlib

import pytest
import torch

from elbowroom.data import datasets, load_data
from elbowroom.data.catalog.registry import CATALOG
from elbowroom.data.value_coding import infer_coding

ORDER = (
    "digits",
    "mnist",
    "fashion-mnist",
    "binarized-mnist",
    "frey-faces",
    "omniglot",
    "celeba",
    "cifar10",
    "svhn",
    "olivetti",
)


def test_datasets_are_listed_in_order_with_their_location():
    entries = {entry.name: entry for entry in datasets()}
    assert tuple(entries)[: len(ORDER)] == ORDER
    for entry in entries.values():
        assert entry.summary
        assert entry.source
        assert entry.license
        assert entry.read.__doc__
        assert entry.location == {"celeba": "missing"}.get(entry.name, "download" if entry.files else "embedded")


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
def test_published_splits(real_data, name, sizes, classes, mean, head):
    data = load_data(name)
    entry = CATALOG[name]
    assert entry.location.startswith(str(real_data)) or "cache" in entry.location
    assert data.shape == entry.shape
    assert [len(s) for s in data.splits.values()] == sizes
    assert (len(data.classes) if classes else data.classes) == classes
    published = entry.read()
    assert {s: len(getattr(published, s)) for s in entry.sizes} == entry.sizes
    x = published.train.encode(infer_coding([published.train.summary])).x
    assert x.float().mean() / 255 == pytest.approx(mean, abs=2e-5)
    assert hashlib.sha256(x[:100].numpy().tobytes()).hexdigest()[:8] == head
    if classes:
        assert int(published.train.y.max()) < classes
    assert data.binary == (name in ("binarized-mnist", "omniglot"))


def test_frey_faces_validation_and_test_are_separate_blocks(real_data):
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


def test_published_splits_are_kept(real_data):
    with pytest.raises(
        ValueError, match=r"binarized-mnist comes with its own validation split: leave validation=0\.1 out"
    ):
        load_data("binarized-mnist", validation=0.1)
    data = load_data("binarized-mnist", validation=0)
    assert list(data.splits) == ["train", "test"]
    assert data.protocol["arguments"]["validation"] == 0


@pytest.mark.parametrize(
    ("name", "message"),
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
def test_unknown_name(name, message):
    with pytest.raises(ValueError, match=message):
        load_data(name)
