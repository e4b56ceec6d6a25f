"""The same numbers mean the same in every source: a table of sources and meanings, with the right value of each."""

import re
import warnings

import numpy as np
import pandas as pd
import pytest
import torch
from torch.utils.data import TensorDataset

from elbowroom.data import load_data, load_like
from tests.contracts.meanings import CASES, MEANINGS, SOURCES, N, encode_images
from tests.data.sources import write_archive

WHOLE = {"validation": 0, "test": 0}
NAMES = ["cat", "dog", "eel"] * (N // 3)


def load_quietly(load, *args, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return load(*args, **options)


@pytest.mark.parametrize(("source", "meaning"), CASES)
def test_values_mean_the_same_in_every_source(tmp_path, source, meaning):
    right = MEANINGS[meaning]
    given = SOURCES[source](tmp_path, right.values)
    data = load_quietly(load_data, given, **WHOLE)
    x = data.train.first(N).x
    assert np.allclose(x, right.expected, atol=1e-6)
    assert x.dtype == torch.float32
    assert data.protocol["arguments"]["value_range"] == right.value_range
    assert data.binary == right.is_binary
    if data.protocol["source"]:
        again = load_data(data.protocol["source"], **data.protocol["arguments"])
        assert torch.equal(again.train.first(N).x, x)


@pytest.mark.parametrize(("source", "meaning"), CASES)
def test_a_part_is_encoded_by_the_record_of_the_whole(tmp_path, source, meaning):
    right = MEANINGS[meaning]
    record = load_quietly(load_data, right.values).protocol
    part = load_like(SOURCES[source](tmp_path, right.values[30:50]), record)
    assert np.allclose(part.train.first(N).x, right.expected[30:50], atol=1e-6)


@pytest.mark.parametrize("meaning", MEANINGS)
def test_a_scale_that_was_guessed_is_said_once(meaning):
    right = MEANINGS[meaning]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        data = load_data(right.values, **WHOLE)
        load_data(right.values, **data.protocol["arguments"])
    assert len(caught) == right.is_said
    assert all("divided by 255 (value_range='as-is' leaves them)" in str(one.message) for one in caught)


@pytest.mark.parametrize("source", SOURCES)
def test_the_range_that_is_asked_for_is_the_range(tmp_path, source):
    values = MEANINGS["floats of both signs"].values
    data = load_data(SOURCES[source](tmp_path, values), value_range=(-1, 1), **WHOLE)
    assert np.allclose(data.train.first(N).x[:, 0], (values + 1) / 2, atol=1e-6)
    with pytest.raises(ValueError, match=r"has the value .* to be from 0 to 0.5: bring all"):
        load_data(SOURCES[source](tmp_path, np.abs(values)), value_range="0,0.5", **WHOLE).train.first(N)


def split_sources(tmp_path, parts):
    """Sources with splits of their own, train and test, as arrays (x, y) by name."""
    import datasets

    arrays = {f"{letter}_{name}": part[i] for name, part in parts.items() for i, letter in enumerate("xy")}
    np.savez(tmp_path / "a.npz", **arrays)
    folder = tmp_path / "folder"
    folder.mkdir()
    for name, array in arrays.items():
        np.save(folder / f"{name}.npy", array)
    images = {
        f"{name}/{label}/{path}": content
        for name, (x, y) in parts.items()
        for label, (path, content) in zip(y, encode_images(x).items(), strict=True)
    }
    return {
        "images": write_archive(tmp_path / "images", images),
        "zip of images": write_archive(tmp_path / "a.zip", images),
        "tar of images": write_archive(tmp_path / "a.tar", images),
        "dict of pairs": parts,
        "dict of arrays": arrays,
        "npz": tmp_path / "a.npz",
        "folder of npy": folder,
        "DatasetDict": datasets.DatasetDict(
            {name: datasets.Dataset.from_dict({"x": x.tolist(), "label": y}) for name, (x, y) in parts.items()}
        ),
        "dict of lists": {name: list(zip(x, y, strict=True)) for name, (x, y) in parts.items()},
    }


def test_splits_of_a_source_are_encoded_alike(tmp_path):
    x = MEANINGS["pixels of 12 bits"].values
    dark = np.minimum(x[:40], 900)
    for name, source in split_sources(tmp_path, {"train": (dark, NAMES[:40]), "test": (x[:20], NAMES[:20])}).items():
        data = load_data(source, validation=0)
        assert data.protocol["sizes"] == {"train": 40, "test": 20}, name
        assert data.protocol["arguments"]["value_range"] == [0, 4095], name
        by_class = np.argsort(NAMES[:40], kind="stable"), np.argsort(NAMES[:20], kind="stable")
        order, test_order = by_class if "images" in name else (np.arange(40), np.arange(20))
        assert np.allclose(data.train.first(N).x[:, 0], dark[order] / 4095, atol=1e-6), name
        assert np.allclose(data.test.first(N).x[:, 0], x[test_order] / 4095, atol=1e-6), name
        assert data.classes == ("cat", "dog", "eel"), name
        assert [data.classes[k] for k in data.test.first(N).y] == [NAMES[i] for i in test_order], name


@pytest.mark.parametrize("train", ["array", "TensorDataset", "loader", "list"])
def test_a_split_given_beside_the_source_is_encoded_alike(tmp_path, train):
    x = MEANINGS["pixels of 12 bits"].values
    data = load_data(
        SOURCES[train](tmp_path, x), validation=np.minimum(x[:20], 900), test=TensorDataset(torch.full((3, 8, 6), 5.0))
    )
    assert data.validation.first(N).x.max() == pytest.approx(900 / 4095)
    assert data.test.first(3).x.max() == pytest.approx(5 / 4095)


@pytest.mark.parametrize(
    ("recorded", "given", "words"),
    [
        (
            4095,
            255,
            "bytes reach at most 6% of a range to 4095; if they are such images with fewer levels, multiply them by 16",
        ),
        (
            255,
            1,
            "to 1 of a range to 255 are nearly black; if they are bits, multiply them by 255, or leave",
        ),
    ],
)
def test_images_that_stay_dark_by_the_range_of_a_record_are_said(recorded, given, words):
    deep = load_data(np.full((9, 6, 4), recorded, np.uint16) * np.arange(9)[:, None, None].clip(0, 1).astype(np.uint16))
    others = np.full((5, 6, 4), given, np.uint8) * np.arange(5)[:, None, None].clip(0, 1).astype(np.uint8)
    with pytest.warns(UserWarning, match=re.escape(words)):
        assert load_like(others, deep.protocol).train.first(5).x.max() == pytest.approx(given / recorded)


def test_splits_of_different_scales_are_brought_to_one_or_refused():
    x = MEANINGS["pixels"].values
    with pytest.raises(ValueError, match="one split holds values from 0 to 1 and another from 0 to 255"):
        load_data(x, validation=np.minimum(x[:9], 1))
    divided = (x / 255).astype(np.float32)
    for train, validation in ((x, divided[:9]), (divided, x[:9])):  # both on the scale of divided pixels
        data = load_data(train, validation=validation)
        assert np.allclose(data.train.first(N).x[:, 0], divided)
        assert np.allclose(data.validation.first(9).x[:, 0], divided[:9])
    assert load_data(x, validation=np.minimum(x[:9], 1), value_range=(0, 255)).validation.x.max() == 1


def label_sources(x, y):
    import datasets

    features = datasets.Features(
        {"img": datasets.Array2D((8, 6), "uint8"), "label": datasets.ClassLabel(names=["cat", "dog", "eel"])}
    )
    return {
        "list": (x, list(y)),
        "array": (x, np.array(y)),
        "objects": (x, np.array(y, dtype=object)),
        "pandas Series": (x, pd.Series(y)),
        "pandas categories": (x, pd.Categorical(y)),
        "items": list(zip(x, y, strict=True)),
        "dict items": [{"image": image, "label": label} for image, label in zip(x, y, strict=True)],
        "dict": {"x": x, "y": y},
        "Hugging Face": datasets.Dataset.from_dict({"x": x.tolist(), "label": y}),
        "class labels": datasets.Dataset.from_dict({"img": x, "label": y}, features=features),
    }


def test_labels_mean_the_same_however_they_are_held():
    x = MEANINGS["pixels"].values
    for name, source in label_sources(x, NAMES).items():
        data = load_data(source, **WHOLE)
        assert data.classes == ("cat", "dog", "eel"), name
        assert data.train.first(6).y.tolist() == [0, 1, 2, 0, 1, 2], name
        assert data.train.first(6).y.dtype == torch.int64, name
        assert data.protocol["arguments"]["value_range"] == [0, 255], name


def test_a_missing_label_is_refused_by_its_position():
    with pytest.raises(ValueError, match=r"the label of example 1 .* is missing: fill it in or leave the example out"):
        load_data((np.zeros((3, 2)), np.array(["a", None, "b"], dtype=object)))


def test_images_of_one_bit_are_bits(tmp_path):
    bits = MEANINGS["truth values"]
    data = load_data(write_archive(tmp_path / "images", encode_images(bits.values)), **WHOLE)
    assert torch.equal(data.train.first(N).x, torch.from_numpy(bits.expected).float())
    assert data.binary
