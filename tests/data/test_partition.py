"""Partition into train, validation and test."""

import pytest
import torch
from torch.utils.data import DataLoader, IterableDataset, TensorDataset

from elbowroom.data import LoaderSplit, load_data
from tests.data.sources import numbered_images, numbers_in


def load_numbered(kind, **options):
    x, y = numbered_images(200 if kind != "tuple" else 100), torch.arange(200 if kind != "tuple" else 100)
    source = {
        "array": lambda: x.numpy(),
        "tuple": lambda: (x, y),
        "dataset": lambda: TensorDataset(x, y),
        "loader": lambda: DataLoader(TensorDataset(x, y), batch_size=16),
    }[kind]()
    return load_data(source, **options)


KINDS = ("array", "tuple", "dataset", "loader")


@pytest.mark.parametrize("kind", KINDS)
def test_splits_are_disjoint_and_leave_nothing_out(kind):
    data = load_numbered(kind)
    parts = [numbers_in(split) for split in data.splits.values()]
    n = sum(map(len, parts))
    assert sorted(number for part in parts for number in part) == list(range(1, n + 1))
    assert [len(p) for p in parts] == [n * 8 // 10, n // 10, n // 10]
    assert data.protocol["sizes"] == {"train": n * 8 // 10, "validation": n // 10, "test": n // 10}


@pytest.mark.parametrize("kind", KINDS)
def test_the_seed_decides_the_splits(kind):
    one, again, other = load_numbered(kind), load_numbered(kind), load_numbered(kind, seed=1)
    for name in ("train", "validation", "test"):
        assert numbers_in(one.splits[name]) == numbers_in(again.splits[name])
        assert numbers_in(one.splits[name]) != numbers_in(other.splits[name])
    assert one.protocol == again.protocol


@pytest.mark.parametrize("kind", KINDS)
def test_counts_fractions_and_none(kind):
    assert [len(s) for s in load_numbered(kind, validation=7, test=0).splits.values()][1:] == [7]
    assert len(load_numbered(kind, validation=0, test=0.25).test) in (25, 50)
    assert list(load_numbered(kind, validation=0, test=0).splits) == ["train"]


def test_given_validation_and_test_splits():
    x = numbered_images(40)
    data = load_data(x[:30], validation=x[30:36], test=x[36:])
    assert [numbers_in(s) for s in data.splits.values()] == [
        list(range(1, 31)),
        list(range(31, 37)),
        list(range(37, 41)),
    ]
    assert data.protocol["arguments"]["validation"] == "given"
    digits = load_data("digits", validation=numbered_images(5, (1, 8, 8)))
    assert digits.protocol["source"] is None  # its name alone would not load the same again
    assert load_data("digits", validation=5).protocol["source"] == "digits"
    data = load_data(DataLoader(TensorDataset(x), batch_size=8), validation=DataLoader(TensorDataset(x[:9])))
    assert (len(data.train), len(data.validation), data.test) == (40, 9, None)
    with pytest.raises(ValueError, match=r"examples of validation= have shape \(1, 3, 3\) and those of train"):
        load_data(x, validation=numbered_images(5, (1, 3, 3)))


def test_a_loader_with_workers():
    loader = DataLoader(TensorDataset(numbered_images(40)), batch_size=8, num_workers=1)
    data = load_data(loader, validation=8, test=0)
    assert sorted(numbers_in(data.train) + numbers_in(data.validation)) == list(range(1, 41))


def test_a_divided_loader_keeps_its_settings():
    loader = DataLoader(TensorDataset(numbered_images(100)), batch_size=16, shuffle=True, drop_last=True)
    data = load_data(loader, validation=10, test=0)
    assert isinstance(data.train, LoaderSplit)
    assert [len(b.x) for b in data.train.batches(1)] == [16] * 5
    assert len(data.train) == 80
    assert len(data.validation) == 10  # whole and in one order, whatever training does
    assert numbers_in(data.validation) == numbers_in(data.validation)
    assert numbers_in(data.train) != numbers_in(data.train)


class Stream(IterableDataset):
    def __iter__(self):
        return iter(numbered_images(10))


def test_a_stream_is_not_divided():
    loader = DataLoader(Stream(), batch_size=4)
    data = load_data(loader, validation=0)
    assert list(data.splits) == ["train"]
    assert data.protocol["sizes"] == {"train": None}
    assert len(data.train) == 10
    with pytest.raises(ValueError, match="give the validation examples as validation=, or validation=0"):
        load_data(loader)
    with pytest.raises(ValueError, match="give the validation examples as validation="):
        load_data([numbered_images(4)])
    with pytest.raises(ValueError, match="wrap it as DataLoader"):
        load_data(Stream())
    with pytest.raises(ValueError, match="can be read only once"):
        load_data(iter([numbered_images(4)]))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"validation": 8, "test": 2}, "leave nothing to train on, of 10"),
        ({"validation": 0.5, "test": 0.5}, "leave nothing to train on, of 10"),
        ({"validation": 1.0}, r"validation=1.0: expected a fraction from 0 to below 1"),
        ({"test": -3}, r"test=-3: expected a fraction"),
        ({"binarize": "dinamic"}, "unknown binarize 'dinamic': did you mean 'dynamic'"),
        ({"resize": 28}, "resize=28 is for images in files"),
        ({"resize": 0}, "resize=0: expected a number of pixels"),
        ({"resize": ()}, r"resize=\(\): expected a number of pixels"),
        ({"resize": (8, "8")}, "resize=.*: expected a number of pixels"),
        ({"seed": "1"}, "seed='1': expected a whole number from 0"),
        ({"seed": -1}, "seed=-1: expected a whole number from 0"),
    ],
)
def test_options_out_of_range(options, words):
    with pytest.raises(ValueError, match=words):
        load_data(numbered_images(10), **options)


def test_too_few_to_divide():
    with pytest.raises(ValueError, match="1 validation and 1 test examples leave nothing to train on, of 2"):
        load_data(numbered_images(2))
