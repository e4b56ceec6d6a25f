"""Splits over data sets and loaders, and pixels in memory."""

import io

import numpy as np
import pytest
import torch
from PIL import Image

from elbowroom.data import InMemorySplit, LoaderSplit, load_data
from tests.data.sources import WHOLE, color_image, gray_image, numbered_images


def test_pixels_stay_bytes_in_memory():
    split = load_data(np.arange(256, dtype=np.uint8).reshape(16, 4, 4), validation=0, test=0).train
    assert split.x.dtype == torch.uint8
    assert torch.equal(split.first(16).x.flatten(), torch.arange(256) / 255)


def test_a_random_item_is_drawn_anew_every_epoch():
    class Noise(torch.utils.data.Dataset):
        def __len__(self):
            return 30

        def __getitem__(self, i):
            return torch.rand(3)

    split = load_data(Noise()).train
    assert not torch.equal(next(split.batches(5)).x, next(split.batches(5)).x)


def test_a_loader_goes_its_own_way():
    loader = LoaderSplit([numbered_images(4), numbered_images(2)])
    assert [len(b.x) for b in loader.batches(1, torch.randperm(6))] == [4, 2]
    with pytest.raises(ValueError, match="an order of 3 positions for a loader of 6 examples"):
        list(loader.batches(1, torch.arange(3)))
    with pytest.raises(ValueError, match="batch size of 0: expected at least 1"):
        list(InMemorySplit(numbered_images()).batches(0))


def test_items_of_different_shapes():
    class Ragged(torch.utils.data.Dataset):
        def __len__(self):
            return 9

        def __getitem__(self, i):
            return torch.zeros(1, 4, 4 + (i == 5))

    with pytest.raises(ValueError, match=r"item 5 of the data set has shape \(1, 4, 5\) and item 0 has \(1, 4, 4\)"):
        list(load_data(Ragged(), validation=0, test=0).train.batches(9))


def test_images_from_a_data_set():
    class Album(torch.utils.data.Dataset):
        def __len__(self):
            return 10

        def __getitem__(self, i):
            return {"image": color_image(i), "label": i % 2}

    data = load_data(Album(), **WHOLE)
    assert data.shape == (3, 6, 5)
    want = np.asarray(color_image(4)).transpose(2, 0, 1) / np.float32(255)
    assert np.array_equal(data.train.first(5).x[4].numpy(), want)
    file = io.BytesIO()
    gray_image().save(file, "PNG")
    opened = [(Image.open(file), 1)]
    assert load_data(type("Greys", (Album,), {"__getitem__": lambda _, i: opened[0]})(), **WHOLE).shape == (1, 6, 5)
