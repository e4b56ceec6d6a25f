"""The buffered split: the same examples as in memory, in a known order, a buffer at a time."""

import weakref

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from elbowroom.data import BufferedSplit, InMemorySplit, load_data, raw
from elbowroom.data.splits.buffered import ArrayRowSource, split_into_blocks
from tests.data.sources import FORMATS, WHOLE, N, all_equal, concatenate, cyclic_labels, random_images, random_order


@pytest.fixture(params=FORMATS)
def stored(request, tmp_path):
    """A folder of the same images in each form."""
    folder = tmp_path / request.param
    folder.mkdir()
    FORMATS[request.param](folder, random_images(), cyclic_labels())
    return folder


def test_it_gives_what_arrays_give(stored):
    split = load_data(stored, buffer=10, **WHOLE).train
    assert isinstance(split, BufferedSplit)
    memory = load_data((random_images(), cyclic_labels()), **WHOLE).train
    assert split.shape == memory.shape == (1, 6, 5)
    assert len(split) == len(memory)
    assert split.steps(7) == memory.steps(7)
    order = random_order(memory)
    for positions in (None, order, order[:33], order[[5, 5, 80]]):
        for size in (1, 7, 90, 200):
            ours, theirs = (list(s.batches(size, positions)) for s in (split, memory))
            assert [len(b.x) for b in ours] == [len(b.x) for b in theirs]
            assert all_equal(concatenate(ours), concatenate(theirs))
    assert all_equal(split.first(4), memory.first(4))
    assert all_equal(split.to("cpu").gather(order[:9]), memory.gather(order[:9]))


def test_the_partition_is_as_in_memory(stored):
    data, memory = load_data(stored, seed=3), load_data((random_images(), cyclic_labels()), seed=3)
    for name, split in data.splits.items():
        theirs = memory.splits[name]
        mine = split.source_rows.argsort(), theirs.source_rows.argsort()
        assert torch.equal(split.source_rows[mine[0]], theirs.source_rows[mine[1]])
        assert torch.equal(split.first(99).x[mine[0]], theirs.first(99).x[mine[1]])
    assert data.shape == memory.shape
    assert data.discrete
    assert data.classes in (memory.classes, tuple(f"c{c}" for c in memory.classes))
    assert data.protocol["sizes"] == memory.protocol["sizes"]


def test_a_subset_of_a_subset(stored):
    split = load_data(stored, buffer=10, **WHOLE).train
    index, again = random_order(split)[:50], torch.tensor([40, 3, 3, 7])
    part = split.subset(index).subset(again)
    assert part.source_rows.equal(index[again])
    x, y, position = concatenate(part.batches(3))
    assert torch.equal(x, split.gather(index[again]).x)
    assert torch.equal(y, split.gather(index[again]).y)
    assert position.tolist() == [0, 1, 2, 3]
    assert len(split) == N


VALUES = {
    "pixels": random_images(),
    "bits": random_images() % 2,
    "bool": random_images() > 99,
    "wide": random_images().astype(np.int64),
    "beyond": random_images().astype(np.int32) * 3,
    "float16": np.linspace(-1, 1, N * 4, dtype=np.float16).reshape(N, 4),
    "float64": np.linspace(0, 1, N * 4).reshape(N, 4),
    "integers": np.arange(N * 4).reshape(N, 4),
    "fortran": np.asfortranarray(np.linspace(0, 1, N * 4).reshape(N, 4)),
    "colour": random_images(shape=(6, 5, 3)),
    "channels": random_images(shape=(3, 6, 5)),
}


PROBABILITIES = set(VALUES) - {"beyond", "float16", "integers"}


@pytest.mark.parametrize(
    ("kind", "binarize"),
    [*((kind, "none") for kind in VALUES), *((kind, "threshold") for kind in sorted(PROBABILITIES))],
)
def test_a_mapped_file_is_read_as_one_in_memory(tmp_path, kind, binarize, monkeypatch):
    np.save(tmp_path / "mine.npy", VALUES[kind])
    memory = load_data(tmp_path / "mine.npy", binarize=binarize)
    assert isinstance(memory.train, InMemorySplit)
    monkeypatch.setattr(raw, "ALWAYS_IN_MEMORY_BYTES", 0)
    monkeypatch.setattr(raw, "available_memory", lambda: 0)
    mapped = load_data(tmp_path / "mine.npy", binarize=binarize)
    assert isinstance(mapped.train, BufferedSplit)
    for name in memory.splits:
        ours, theirs = mapped.splits[name], memory.splits[name]
        assert random_order(ours).equal(random_order(theirs))
        assert all_equal(*(concatenate(b[::2] for b in s.batches(7, random_order(s))) for s in (ours, theirs)))
    assert (mapped.shape, mapped.binary, mapped.discrete) == (memory.shape, memory.binary, memory.discrete)
    assert mapped.protocol["fingerprint"] == memory.protocol["fingerprint"]
    assert mapped.protocol["preprocessing"].endswith("values judged by 90 of 90 examples")


class CountingSource(ArrayRowSource):
    """A source in blocks of four that records the rows that are read, and counts those still in memory."""

    def __init__(self, n):
        super().__init__(np.arange(n, dtype=np.uint8)[:, None].repeat(2, 1), "x.npy")
        self.read, self.n_alive, self.max_alive = [], 0, 0

    def read_rows(self, rows):
        self.read.append(rows.tolist())
        made = super().read_rows(rows)
        self.n_alive += len(rows)
        self.max_alive = max(self.max_alive, self.n_alive)
        weakref.finalize(made, self.release, len(rows))
        return made

    def release(self, n):
        self.n_alive -= n

    def block_starts(self, buffer):
        return split_into_blocks(np.array([0]), len(self), 4)


def counting_split(n=100, buffer=12):
    source = CountingSource(n)
    split = BufferedSplit(source, buffer=buffer)
    source.read.clear()
    return source, split


@given(n=st.integers(1, 60), buffer=st.integers(1, 70), seed=st.integers(0, 9))
def test_the_order_is_a_permutation_and_follows_from_the_seed(n, buffer, seed):
    _, split = counting_split(n, buffer)
    order = random_order(split, seed)
    assert sorted(order.tolist()) == list(range(n))
    assert order.equal(random_order(split, seed))


def test_orders_differ_by_seed_and_mix_blocks():
    _, split = counting_split()
    orders = torch.stack([random_order(split, seed) for seed in range(400)])
    assert len(orders.unique(dim=0)) == 400
    # every position comes at every time alike: a mean of 49.5, with a standard error of 1.44
    assert (orders.float().mean(0) - 49.5).abs().max() < 4.5 * 1.44
    assert (orders.argsort(1).float().mean(0) - 49.5).abs().max() < 4.5 * 1.44
    assert (orders[:, :12] // 4).unique(dim=1).shape[1] > 3  # neighbours come from several blocks


def test_a_whole_buffer_is_a_whole_shuffle(tmp_path):
    np.save(tmp_path / "x.npy", np.arange(50, dtype=np.uint8)[:, None])
    split = load_data(tmp_path / "x.npy", buffer=50, **WHOLE).train
    orders = torch.stack([random_order(split, seed) for seed in range(300)])
    assert (orders.float().mean(0) - 24.5).abs().max() < 4.5 * 0.84


@given(size=st.integers(1, 30), skip=st.integers(0, 12), seed=st.integers(0, 3), ranks=st.sampled_from([1, 2, 3]))
def test_what_is_skipped_is_not_read(size, skip, seed, ranks):
    source, split = counting_split()
    order = random_order(split, seed)[1::ranks]
    whole = list(split.batches(size, order))
    source.read.clear()
    rest = list(split.batches(size, order, skip))
    assert [b.index.tolist() for b in rest] == [b.index.tolist() for b in whole[skip:]]
    assert all(torch.equal(a.x, b.x) for a, b in zip(rest, whole[skip:], strict=True))
    assert sorted(row for rows in source.read for row in rows) == sorted(order[skip * size :].tolist())


@pytest.mark.parametrize("ranks", [1, 4])
def test_a_block_is_read_for_few_buffers(ranks):
    source, split = counting_split(1000, 40)
    buffers = -(-1000 // ranks // 40)
    for rank in range(ranks):
        source.read.clear()
        list(split.batches(16, random_order(split)[rank::ranks]))
        visits = sum(len({row // 4 for row in rows}) for rows in source.read)
        assert len(source.read) == buffers
        assert visits <= 250 + buffers


def test_no_more_is_held_than_a_buffer_and_the_next():
    source, split = counting_split(1000, 48)
    source.max_alive = source.n_alive = 0
    seen = 0
    for batch in split.batches(10, random_order(split)):
        seen += len(batch.x)
        assert source.n_alive <= 2 * 48
    assert seen == 1000
    assert source.max_alive <= 2 * 48
    assert max(map(len, source.read)) == 48
    assert source.n_alive == 0


def test_one_pass_may_be_left_for_another():
    _, split = counting_split()
    first = next(split.batches(7))
    assert first.index.tolist() == list(range(7))
    both = zip(split.batches(5), split.batches(5, torch.arange(99, -1, -1)), strict=True)
    assert all(a.index.tolist() == [99 - i for i in b.index.tolist()] for a, b in both)


def test_an_error_in_reading_comes_where_it_belongs():
    source, split = counting_split()
    read_rows = source.read_rows
    source.read_rows = lambda rows: 1 / 0 if 70 in rows else read_rows(rows)
    batches = split.batches(4)
    assert [next(batches).index[0] for _ in range(15)] == list(range(0, 60, 4))  # five buffers of twelve
    with pytest.raises(ZeroDivisionError):
        next(batches)  # the sixth has row 70
