"""Folders of images that are splits: their names, the classes inside, and what does not go together."""

import numpy as np
import pytest

from elbowroom.data import load_data
from tests.data.sources import encode, write_archive

LEVELS = {"train": 50, "validation": 100, "test": 200}


def image(split, i):
    return encode(np.full((4, 3), LEVELS[split] + i, np.uint8))


def split_files(form, words, n=12):
    """Images of two classes for each split, whose values say the split, under names like ``train/cat/0.png``."""
    return {
        form.format(split=word, label=("cat", "dog")[i % 2], i=i): image(split, i)
        for split, word in words.items()
        for i in range(n)
    }


def split_of_examples(split):
    """The splits that the examples of one come from, by their values."""
    levels = (split.first(99).x.flatten(1)[:, 0] * 255).round()
    return {max((name for name in LEVELS if LEVELS[name] <= level), key=LEVELS.get) for level in levels.tolist()}


WORDS = [
    {"train": "train", "validation": "val", "test": "test"},
    {"train": "Train", "validation": "Valid", "test": "TEST"},
    {"train": "training", "validation": "validation", "test": "testing"},
    {"train": "seg_train", "validation": "seg_val", "test": "seg_test"},
]


def test_a_class_that_is_called_as_a_split_is_said(tmp_path):
    files = split_files("{split}/{i}.png", {"train": "cat", "validation": "dog", "test": "test"})
    with pytest.warns(UserWarning, match="the folder test is taken for a class, as those beside it are"):
        assert load_data(write_archive(tmp_path / "pets", files)).classes == ("cat", "dog", "test")


@pytest.mark.parametrize("suffix", ["", ".zip", ".tar"])
@pytest.mark.parametrize("words", WORDS, ids=lambda words: words["train"])
@pytest.mark.parametrize(
    ("form", "classes"),
    [
        ("{split}/{label}/{i}.png", ("cat", "dog")),
        ("{split}/{i}.png", None),
        ("pets/{split}/all/{label}/deep/{i}.png", ("cat", "dog")),
        ("{label}/{split}/{i}.png", ("cat", "dog")),
        ("images/{split}/photos/{i}.png", None),
    ],
)
def test_folders_called_as_splits_are_the_splits(tmp_path, form, words, classes, suffix):
    data = load_data(write_archive(tmp_path / f"pets{suffix}", split_files(form, words)))
    assert {name: split_of_examples(split) for name, split in data.splits.items()} == {name: {name} for name in LEVELS}
    assert data.classes == classes
    for split in data.splits.values():
        assert (split.y is None) == (classes is None)
        assert classes is None or sorted(split.y.tolist()) == [0] * 6 + [1] * 6
    assert f"the folders {', '.join(sorted(words.values()))} are the splits" in data.protocol["preprocessing"]
    assert load_data(data.protocol["source"], **data.protocol["arguments"]).protocol == data.protocol


@pytest.mark.parametrize("buffer", [None, 5])
@pytest.mark.parametrize(
    ("held_out", "sizes"),
    [
        ({"test": "test"}, {"train": 22, "validation": 2, "test": 24}),
        ({"validation": "val"}, {"train": 24, "validation": 24}),
    ],
)
def test_a_missing_validation_is_set_aside_from_train_and_a_missing_test_is_not(tmp_path, held_out, sizes, buffer):
    path = write_archive(tmp_path / "pets", split_files("{split}/{label}/{i}.png", {"train": "train"} | held_out, 24))
    data = load_data(path, buffer=buffer)
    assert data.protocol["sizes"] == sizes
    assert [split_of_examples(data.splits[name]) for name in ("train", *held_out)] == [{"train"}, {*held_out}]
    assert load_data(path, **dict.fromkeys(held_out, 0), buffer=buffer).splits.keys().isdisjoint(held_out)
    with pytest.raises(ValueError, match=f"pets comes with its own {next(iter(held_out))} split: leave"):
        load_data(path, **dict.fromkeys(held_out, 0.5), buffer=buffer)


def test_only_selects_in_every_split(tmp_path):
    path = write_archive(tmp_path / "pets", split_files("{split}/{label}/{i}.png", WORDS[0]))
    data = load_data(path, only="dog")
    assert data.protocol["sizes"] == {"train": 6, "validation": 6, "test": 6}
    assert [split_of_examples(split) for split in data.splits.values()] == [{"train"}, {"validation"}, {"test"}]


@pytest.mark.parametrize("buffer", [None, 5])
def test_classes_of_all_splits_are_numbered_together(tmp_path, buffer):
    names = ["train/good/0.png", "train/good/1.png", "train/good/2.png", "test/good/0.png", "test/bent/0.png"]
    path = write_archive(tmp_path / "parts", {name: image(name.split("/")[0], 0) for name in names})
    data = load_data(path, buffer=buffer)
    assert data.classes == ("bent", "good")
    assert [split.first(9).y.tolist() for split in data.splits.values()] == [[1, 1], [1], [0, 1]]
    assert "no training example of bent" in data.protocol["preprocessing"]


@pytest.mark.parametrize("buffer", [None, 5])
def test_a_split_without_folders_of_classes_has_no_labels(tmp_path, buffer):
    names = ["train/cat/0.png", "train/dog/1.png", "train/dog/2.png", "test/0.png", "test/1.png"]
    path = write_archive(tmp_path / "pets", {name: image(name.split("/")[0], 0) for name in names})
    data = load_data(path, buffer=buffer, validation=0)
    assert data.classes == ("cat", "dog")
    assert data.train.first(9).y.tolist() == [0, 1, 1]
    assert data.test.first(9).y is None


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (["train/0.png", "val/0.png", "masks/0.png"], r"folders of splits \(train, val\) and masks/0.png outside"),
        (
            ["train/0.png", "test/0.png", "cover.png"],
            r"folders of splits \(test, train\) and cover.png outside",
        ),
        (
            ["val/0.png", "test/0.png"],
            "the splits test, val and none called train: add it, or name .*test",
        ),
    ],
)
def test_splits_that_do_not_go_together(tmp_path, names, words):
    path = write_archive(tmp_path / "pets", {name: image("train", 0) for name in names})
    with pytest.raises(ValueError, match=words) as error:
        load_data(path)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("names", "classes"),
    [
        (["train/0.png", "bus/1.png", "car/2.png"], ("bus", "car", "train")),
        (["test/ann/0.png", "test/bob/1.png"], ("ann", "bob")),
        (["trainers/0.png", "tests/1.png"], ("tests", "trainers")),
    ],
)
def test_other_folders_are_classes(tmp_path, names, classes):
    path = write_archive(tmp_path / "things", {name: image("train", 0) for name in names})
    assert load_data(path, validation=0, test=0).classes == classes


def test_a_folder_of_zips_is_refused_with_the_way_out(tmp_path):
    for split in ("train", "test"):
        write_archive(tmp_path / f"{split}.zip", {f"{split}/0.png": image(split, 0)})
    with pytest.raises(ValueError, match=r"no images in .*, but test.zip, train.zip: give one of them, or unpack each"):
        load_data(tmp_path)
    assert len(load_data(tmp_path / "train.zip", validation=0, test=0).train) == 1


@pytest.mark.parametrize("buffer", [None, 5])
def test_a_tar_of_folders_has_its_labels_and_splits_with_a_buffer_too(tmp_path, buffer):
    path = write_archive(tmp_path / "animals.tar", split_files("{split}/{label}/{i}.png", WORDS[0]))
    data = load_data(path, buffer=buffer)
    assert {name: split_of_examples(split) for name, split in data.splits.items()} == {n: {n} for n in LEVELS}
    assert data.classes == ("cat", "dog")
    assert data.test.first(4).y.tolist() == [0, 0, 0, 0]
