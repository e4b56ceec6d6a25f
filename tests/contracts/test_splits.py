"""What every kind of split promises."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.utils.data import DataLoader, TensorDataset

from elbowroom.data import Batch, InMemorySplit, LoaderSplit
from elbowroom.data.splits.dataset import DatasetSplit
from tests.data.sources import numbered_images, numbers_in


def split_forms(n=20):
    x, y = numbered_images(n), torch.arange(n)
    items = TensorDataset(x, y)
    return {
        "arrays": InMemorySplit(x, y),
        "items": DatasetSplit(items),
        "dicts": DatasetSplit([{"image": a.numpy(), "label": int(b)} for a, b in zip(x, y, strict=True)]),
        "loader": LoaderSplit(DataLoader(items, batch_size=6)),
        "list": LoaderSplit([(x[:15], y[:15]), {"pixel_values": x[15:], "label": y[15:]}]),
        "bare": LoaderSplit([x[:9], (x[9:],)]),
    }


@pytest.mark.parametrize("form", split_forms())
@pytest.mark.parametrize("size", [1, 3, 20, 64])
def test_every_split_gives_every_example_once(form, size):
    split = split_forms()[form]
    batches = list(split.batches(size))
    assert len(split) == 20
    assert split.shape == (1, 2, 2)
    assert torch.cat([b.index for b in batches]).tolist() == list(range(20))
    assert torch.cat([b.x for b in batches]).mul(255).round()[:, 0, 0, 0].tolist() == list(range(1, 21))
    assert all(b.x.dtype == torch.float32 and b.index.dtype == torch.int64 for b in batches)
    if form != "bare":
        assert torch.cat([b.y for b in batches]).tolist() == list(range(20))
        assert batches[0].y.dtype == torch.int64


@pytest.mark.parametrize("form", split_forms())
def test_first_and_to(form):
    split = split_forms()[form].to("cpu")
    assert numbers_in(split) == list(range(1, 21))
    for n in (5, 17, 99):
        first = split.first(n)
        assert isinstance(first, Batch)
        assert first.index.tolist() == list(range(min(n, 20)))
        assert len(first.x) == min(n, 20)


@given(n=st.integers(2, 30), size=st.integers(1, 40), seed=st.integers(0, 99))
def test_an_order_is_followed(n, size, seed):
    order = torch.randperm(n, generator=torch.Generator().manual_seed(seed))[: max(1, n // 2)]
    for split in (InMemorySplit(numbered_images(n)), DatasetSplit(TensorDataset(numbered_images(n)))):
        batches = list(split.batches(size, order))
        assert torch.equal(torch.cat([b.index for b in batches]), order)
        assert all(len(b.x) == size for b in batches[:-1])
        assert all(torch.equal((b.x[:, 0, 0, 0] * 255).round().long(), b.index + 1) for b in batches)
