"""Names of examples: the files of images and their pages, else rows of the source, in every split and order."""

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, TensorDataset

from elbowroom.data import load_data
from tests.data.sources import encode, numbered_images, numbers_in, write_archive

FORMS = ["{i}.png", "{label}/{i}.png", "{split}/{label}/{i}.png"]


@pytest.mark.parametrize("suffix", ["", ".zip", ".tar"])
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("options", [{}, {"buffer": 5}, {"only": "cat"}, {"labeled": 4}])
def test_names_are_those_of_the_files(tmp_path, form, suffix, options):
    if ("{label}" not in form and options.keys() & {"only", "labeled"}) or (suffix == ".tar" and "buffer" in options):
        return  # no classes; and shards, whose examples have no names
    files = {
        form.format(split=("train", "val", "test")[i % 3], label=("cat", "dog")[i % 2], i=i): i + 1 for i in range(60)
    }
    contents = {name: encode(np.full((3, 3), value, np.uint8)) for name, value in files.items()}
    data = load_data(write_archive(tmp_path / f"pets{suffix}", contents), **options)
    for name, split in data.splits.items():
        assert [files[one] for one in data.names(name)] == numbers_in(split)
        batch = next(split.batches(4, torch.tensor([2, 0, 1])))
        assert [files[data.names(name)[i]] for i in batch.index] == (batch.x[:, 0, 0, 0] * 255).round().tolist()


def test_a_split_given_beside_has_rows_of_its_own(tmp_path):
    contents = {f"{i}.png": encode(np.full((3, 3), i, np.uint8)) for i in range(9)}
    path = write_archive(tmp_path / "pets", contents)
    data = load_data(path, validation=numbered_images(3, (1, 3, 3)))
    assert data.names("validation") == ["0", "1", "2"]
    assert data.names("train")[:2] == ["0.png", "1.png"]


@pytest.mark.parametrize("kind", ["array", "dataset", "loader"])
def test_names_of_others_are_their_rows(kind):
    x = numbered_images(40)
    source = {"array": x, "dataset": TensorDataset(x), "loader": DataLoader(TensorDataset(x), batch_size=8)}[kind]
    data = load_data(source)
    if kind == "loader":
        assert data.names("train") is None
        return
    for name, split in data.splits.items():
        assert [int(row) + 1 for row in data.names(name)] == numbers_in(split)
