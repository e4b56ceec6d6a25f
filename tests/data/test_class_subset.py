"""Some classes of a source."""

import numpy as np
import pytest
import torch

from elbowroom.data import BufferedSplit, load_data
from tests.data.sources import WHOLE, noise


def test_only_some_classes(tmp_path):
    x, y = noise(0, (300, 4, 4)), np.arange(300) % 3
    whole = load_data((x, y), seed=1, **WHOLE)
    data = load_data((x, y), only="2,0", seed=1)
    assert data.classes == ("0", "2")
    assert data.protocol["sizes"] == {"train": 160, "validation": 20, "test": 20}
    for split in data.splits.values():
        for row, image, label in zip(split.source_rows, split.x, split.y, strict=True):
            assert torch.equal(image, whole.train.x[row])
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
