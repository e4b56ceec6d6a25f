"""Data in files that are read in parts: the same examples as in memory, in a known order, a buffer at a time."""

import io
import json
import re
import shlex
import subprocess
import sys
import tarfile
import weakref

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

import elbowroom as er
from elbowroom import serialization
from elbowroom.cli import main
from elbowroom.data import BufferedSplit, InMemorySplit, freeze, load_data
from elbowroom.data.file_io import available_memory
from elbowroom.data.readers import numpy, tar
from elbowroom.data.readers.numpy import ArrayRowSource
from elbowroom.data.splits.buffered import split_into_blocks
from elbowroom.training import state

WHOLE = {"validation": 0, "test": 0}
N = 90


@pytest.fixture(autouse=True)
def cache(monkeypatch, tmp_path):
    monkeypatch.setenv("ELBOWROOM_CACHE", str(tmp_path / "cache"))


def pictures(n=N, shape=(6, 5), seed=0):
    return np.random.default_rng(seed).integers(0, 256, (n, *shape), dtype=np.uint8)


def classes(n=N):
    return np.arange(n) * 7 % 10


def png(pixels):
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def pack(path, members):
    """A tar file of these names and contents."""
    with tarfile.open(path, "w") as tar:
        for name, content in members:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return path


def samples(x, y=None, start=0):
    for i, pixels in enumerate(x):
        yield f"{start + i:06}.png", png(pixels)
        if y is not None:
            yield f"{start + i:06}.cls", str(y[i]).encode()


def as_npy(folder, x, y):
    np.save(folder / "x.npy", x)
    np.save(folder / "y.npy", y)


def as_tar(folder, x, y):
    for k in range(0, len(x), 40):
        pack(folder / f"a-{k:03}.tar", samples(x[k : k + 40], y[k : k + 40], k))


def as_parquet(folder, x, y):
    for k in range(0, len(x), 40):
        column = [{"bytes": png(pixels), "path": None} for pixels in x[k : k + 40]]
        table = pa.table({"image": column, "label": y[k : k + 40], "caption": ["a digit"] * len(column)})
        pq.write_table(table, folder / f"a-{k:03}.parquet", row_group_size=9)


def as_lists(folder, x, y):
    pq.write_table(pa.table({"pixels": x.tolist(), "y": [f"c{label}" for label in y]}), folder / "a.parquet", 9)


FORMS = {"npy": as_npy, "tar": as_tar, "parquet": as_parquet, "lists": as_lists}


@pytest.fixture(params=FORMS)
def stored(request, tmp_path):
    """A folder of the same pictures in each form."""
    folder = tmp_path / request.param
    folder.mkdir()
    FORMS[request.param](folder, pictures(), classes())
    return folder


def order_of(split, seed=0):
    return split.random_order(torch.Generator().manual_seed(seed))


def together(batches):
    return [torch.cat(part) for part in zip(*batches, strict=True)]


def equal(a, b):
    assert len(a) == len(b)
    return all(torch.equal(p, q) for p, q in zip(a, b, strict=True))


# the same as in memory


def test_it_gives_what_arrays_give(stored):
    split = load_data(stored, buffer=10, **WHOLE).train
    assert isinstance(split, BufferedSplit)
    memory = load_data((pictures(), classes()), **WHOLE).train
    assert split.shape == memory.shape == (1, 6, 5)
    assert len(split) == len(memory)
    assert split.steps(7) == memory.steps(7)
    order = order_of(memory)
    for positions in (None, order, order[:33], order[[5, 5, 80]]):
        for size in (1, 7, 90, 200):
            ours, theirs = (list(s.batches(size, positions)) for s in (split, memory))
            assert [len(b.x) for b in ours] == [len(b.x) for b in theirs]
            assert equal(together(ours), together(theirs))
    assert equal(split.first(4), memory.first(4))
    assert equal(split.to("cpu").gather(order[:9]), memory.gather(order[:9]))


def test_carving_is_as_in_memory(stored):
    data, memory = load_data(stored, seed=3), load_data((pictures(), classes()), seed=3)
    for name, split in data.splits.items():
        theirs = memory.splits[name]
        mine = split.origin.argsort(), theirs.origin.argsort()
        assert torch.equal(split.origin[mine[0]], theirs.origin[mine[1]])
        assert torch.equal(split.first(99).x[mine[0]], theirs.first(99).x[mine[1]])
    assert data.shape == memory.shape
    assert data.discrete
    assert data.classes in (memory.classes, tuple(f"c{c}" for c in memory.classes))
    assert data.protocol["sizes"] == memory.protocol["sizes"]


def test_a_part_of_a_part(stored):
    split = load_data(stored, buffer=10, **WHOLE).train
    index, again = order_of(split)[:50], torch.tensor([40, 3, 3, 7])
    part = split.part(index).part(again)
    assert part.origin.equal(index[again])
    x, y, position = together(part.batches(3))
    assert torch.equal(x, split.gather(index[again]).x)
    assert torch.equal(y, split.gather(index[again]).y)
    assert position.tolist() == [0, 1, 2, 3]
    assert len(split) == N


VALUES = {
    "pixels": pictures(),
    "bits": pictures() % 2,
    "bool": pictures() > 99,
    "wide": pictures().astype(np.int64),
    "beyond": pictures().astype(np.int32) * 3,
    "float16": np.linspace(-1, 1, N * 4, dtype=np.float16).reshape(N, 4),
    "float64": np.linspace(0, 1, N * 4).reshape(N, 4),
    "integers": np.arange(N * 4).reshape(N, 4),
    "fortran": np.asfortranarray(np.linspace(0, 1, N * 4).reshape(N, 4)),
    "colour": pictures(shape=(6, 5, 3)),
    "channels": pictures(shape=(3, 6, 5)),
}


PROBABILITIES = set(VALUES) - {"beyond", "float16", "integers"}


@pytest.mark.parametrize(
    ("kind", "binarise"),
    [*((kind, "none") for kind in VALUES), *((kind, "threshold") for kind in sorted(PROBABILITIES))],
)
def test_a_mapped_file_is_read_as_one_in_memory(tmp_path, kind, binarise, monkeypatch):
    np.save(tmp_path / "mine.npy", VALUES[kind])
    memory = load_data(tmp_path / "mine.npy", binarize=binarise)
    assert isinstance(memory.train, InMemorySplit)
    monkeypatch.setattr(numpy, "ALWAYS_IN_MEMORY_BYTES", 0)
    monkeypatch.setattr(numpy, "available_memory", lambda: 0)
    mapped = load_data(tmp_path / "mine.npy", binarize=binarise)
    assert isinstance(mapped.train, BufferedSplit)
    for name in memory.splits:
        ours, theirs = mapped.splits[name], memory.splits[name]
        assert order_of(ours).equal(order_of(theirs))
        assert equal(*(together(b[::2] for b in s.batches(7, order_of(s))) for s in (ours, theirs)))
    assert (mapped.shape, mapped.binary, mapped.discrete) == (memory.shape, memory.binary, memory.discrete)
    assert mapped.protocol["fingerprint"] == memory.protocol["fingerprint"]
    assert mapped.protocol["preprocessing"].endswith("values judged by 90 of 90 examples")


def test_training_on_a_mapped_file_is_training_in_memory(tmp_path, monkeypatch, digits):
    np.save(tmp_path / "mine.npy", digits.train.x.numpy()[:300])
    runs_of = {}
    for way in ("memory", "mapped"):
        data = load_data(tmp_path / "mine.npy")
        runs_of[way] = train(data, tmp_path / way, epochs=2)
        monkeypatch.setattr(numpy, "ALWAYS_IN_MEMORY_BYTES", 0)
        monkeypatch.setattr(numpy, "available_memory", lambda: 0)
    assert isinstance(data.train, BufferedSplit)
    assert same(*(run.weights for run in runs_of.values()))
    losses = [[row["loss"] for row in run.metrics() if "loss" in row] for run in runs_of.values()]
    assert losses[0] == losses[1]
    assert er.Run(tmp_path / "memory").data().protocol["fingerprint"] == data.protocol["fingerprint"]


# the order


class Counted(ArrayRowSource):
    """A source in blocks of four that notes what is read of it, and how much of that is held."""

    def __init__(self, n):
        super().__init__(np.arange(n, dtype=np.uint8)[:, None].repeat(2, 1), "x.npy")
        self.read, self.held, self.most = [], 0, 0

    def read_rows(self, rows):
        self.read.append(rows.tolist())
        made = super().read_rows(rows)
        self.held += len(rows)
        self.most = max(self.most, self.held)
        weakref.finalize(made, self.let_go, len(rows))
        return made

    def let_go(self, n):
        self.held -= n

    def block_starts(self, buffer):
        return split_into_blocks(np.array([0]), len(self), 4)


def counted(n=100, buffer=12):
    source = Counted(n)
    split = BufferedSplit(source, buffer=buffer)
    source.read.clear()
    return source, split


@given(n=st.integers(1, 60), buffer=st.integers(1, 70), seed=st.integers(0, 9))
def test_the_order_is_a_permutation_and_follows_from_the_seed(n, buffer, seed):
    _, split = counted(n, buffer)
    order = order_of(split, seed)
    assert sorted(order.tolist()) == list(range(n))
    assert order.equal(order_of(split, seed))


def test_orders_differ_by_seed_and_mix_blocks():
    _, split = counted()
    orders = torch.stack([order_of(split, seed) for seed in range(400)])
    assert len(orders.unique(dim=0)) == 400
    # every position comes at every time alike: a mean of 49.5, with a standard error of 1.44
    assert (orders.float().mean(0) - 49.5).abs().max() < 4.5 * 1.44
    assert (orders.argsort(1).float().mean(0) - 49.5).abs().max() < 4.5 * 1.44
    assert (orders[:, :12] // 4).unique(dim=1).shape[1] > 3  # neighbours come from several blocks


def test_a_whole_buffer_is_a_whole_shuffle(tmp_path):
    np.save(tmp_path / "x.npy", np.arange(50, dtype=np.uint8)[:, None])
    split = load_data(tmp_path / "x.npy", buffer=50, **WHOLE).train
    orders = torch.stack([order_of(split, seed) for seed in range(300)])
    assert (orders.float().mean(0) - 24.5).abs().max() < 4.5 * 0.84


@given(size=st.integers(1, 30), skip=st.integers(0, 12), seed=st.integers(0, 3), ranks=st.sampled_from([1, 2, 3]))
def test_what_is_skipped_is_not_read(size, skip, seed, ranks):
    source, split = counted()
    order = order_of(split, seed)[1::ranks]
    whole = list(split.batches(size, order))
    source.read.clear()
    rest = list(split.batches(size, order, skip))
    assert [b.index.tolist() for b in rest] == [b.index.tolist() for b in whole[skip:]]
    assert all(torch.equal(a.x, b.x) for a, b in zip(rest, whole[skip:], strict=True))
    assert sorted(row for rows in source.read for row in rows) == sorted(order[skip * size :].tolist())


@pytest.mark.parametrize("ranks", [1, 4])
def test_a_block_is_read_for_few_buffers(ranks):
    source, split = counted(1000, 40)
    buffers = -(-1000 // ranks // 40)
    for rank in range(ranks):
        source.read.clear()
        list(split.batches(16, order_of(split)[rank::ranks]))
        visits = sum(len({row // 4 for row in rows}) for rows in source.read)
        assert len(source.read) == buffers
        assert visits <= 250 + buffers


def test_no_more_is_held_than_a_buffer_and_the_next():
    source, split = counted(1000, 48)
    source.most = source.held = 0
    seen = 0
    for batch in split.batches(10, order_of(split)):
        seen += len(batch.x)
        assert source.held <= 2 * 48
    assert seen == 1000
    assert source.most <= 2 * 48
    assert max(map(len, source.read)) == 48
    assert source.held == 0


def test_one_pass_may_be_left_for_another():
    _, split = counted()
    first = next(split.batches(7))
    assert first.index.tolist() == list(range(7))
    both = zip(split.batches(5), split.batches(5, torch.arange(99, -1, -1)), strict=True)
    assert all(a.index.tolist() == [99 - i for i in b.index.tolist()] for a, b in both)


def test_an_error_in_reading_comes_where_it_belongs():
    source, split = counted()
    rows = source.rows
    source.rows = lambda rows_: 1 / 0 if 70 in rows_ else rows(rows_)
    batches = split.batches(4)
    assert [next(batches).index[0] for _ in range(15)] == list(range(0, 60, 4))  # five buffers of twelve
    with pytest.raises(ZeroDivisionError):
        next(batches)  # the sixth has row 70


# training


def make(shape):
    torch.manual_seed(0)
    return er.recipes.vae(shape, latent=2, hidden=(16,))


def train(data, out, **settings):
    return er.fit(*make(data.shape), data, out=out, device="cpu", **{"batch_size": 32, **settings})


def same(a, b):
    a, b = serialization.read(a)[0], serialization.read(b)[0]
    return list(a) == list(b) and all(torch.equal(a[name], b[name]) for name in a)


def interrupt_at(step):
    @er.on.step
    def stop(now):
        if now[state.STEP] == step:
            now[state.STOP] = "interrupted"

    return stop


@pytest.mark.parametrize(("form", "binarise"), [("npy", "dynamic"), ("tar", "none"), ("parquet", "dynamic")])
def test_resumed_in_the_middle_of_an_epoch_it_ends_with_the_same_weights(tmp_path, form, binarise):
    FORMS[form](tmp_path, pictures(), classes())

    def load():
        return load_data(tmp_path, buffer=20, binarize=binarise, validation=9)

    settings = {"epochs": 3, "batch_size": 16, "checkpoint_every": 2}
    whole = train(load(), tmp_path / "whole", **settings)
    stopped = train(load(), tmp_path / "stopped", **settings, callbacks=[interrupt_at(7)])
    assert stopped.metrics()[-1]["reason"] == "interrupted"
    assert not same(whole.weights, stopped.weights)
    resumed = er.resume(tmp_path / "stopped", callbacks=[])
    assert same(whole.weights, resumed.weights)
    losses = [[row["loss"] for row in run.metrics("validation")] for run in (whole, resumed)]
    assert losses[0] == losses[1]


def test_the_command_line_trains_on_shards_and_records_the_buffer(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    as_tar(tmp_path, pictures(), classes())
    small = ["--latent", "2", "--hidden", "8", "--batch-size", "30", "--epochs", "1", "--device", "cpu"]
    assert main(["train", "vae", "--data", "a-*.tar", "--buffer", "33", *small]) == 0
    run = er.Run("runs/vae-a-1")
    record = json.loads((run.path / "recipe.json").read_text())
    assert record["data"]["arguments"]["buffer"] == 33
    assert run.data().train.buffer == 33
    assert main(["train", "vae", "--data", "a-000.tar", "--resize", "4", "--out", "small", *small]) == 0
    assert er.Run("small").record["shape"] == [1, 4, 4]
    assert er.evaluate("small", samples=2)["elbo"].value < 0
    assert main(["reconstruct", "small", "--input", "a-040.tar", "--resize", "4", "--out", "again.png"]) == 0


LIMITED = """
import resource, sys
import numpy as np, torch
import elbowroom as er
from elbowroom.data import Stored, load_data
from elbowroom.workbench import fit

fit.write_final_report = lambda state: None  # a page takes memory of its own

def train(data, out, steps):
    torch.manual_seed(0)
    model, objective = er.recipes.vae((1, 64, 64), latent=2, hidden=(16,))
    return er.fit(model, objective, data, steps=steps, batch_size=64, watch=(), device="cpu", out=out)


array, shards, out = sys.argv[1:]
# What libraries take when they are first used is not the data's.
train(load_data(np.zeros((90, 64, 64), dtype=np.uint8)), out + "/first", 1)
load_data(shards, buffer=4096)
data_pages = int(open("/proc/self/statm").read().split()[5])
room = 300 * 2**20
resource.setrlimit(resource.RLIMIT_DATA, (data_pages * resource.getpagesize() + room,) * 2)


def too_large(read):
    try:
        read()
    except MemoryError:
        return True


assert np.load(array, mmap_mode="r").nbytes > 2 * room
assert too_large(lambda: np.load(array))
for source, buffer in ((array, None), (shards, 4096)):
    data = load_data(source, buffer=buffer)
    assert isinstance(data.train, Stored)
    assert too_large(lambda: data.train.first(len(data.train)))
    run = train(data, f"{out}/{buffer}", 70)
    print("trained", run.metrics("train")[-1]["step"], "steps on", len(data.train))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the limit that leaves maps of files out is Linux's")
def test_it_trains_from_files_larger_than_the_memory_it_may_have(tmp_path):
    """In a process that may take 300 MiB more for data: a GiB of an array, mostly holes; 780 MiB of pictures."""
    large = np.lib.format.open_memmap(tmp_path / "large.npy", "w+", np.uint8, (2**18, 64, 64))
    large[:: 2**12] = pictures(64, (64, 64))
    large.flush()
    del large
    few = [png(pixels) for pixels in pictures(4, (16, 1)).repeat(4, 1).repeat(64, 2)]
    pq.write_table(pa.table({"image": few * 50_000}), tmp_path / "large.parquet", row_group_size=2000)
    command = [
        sys.executable,
        "-c",
        LIMITED,
        *(str(tmp_path / name) for name in ("large.npy", "large.parquet", "runs")),
    ]
    done = subprocess.run(command, capture_output=True, text=True, env={"OMP_NUM_THREADS": "1", "PATH": ""})
    assert done.returncode == 0, done.stderr
    assert "trained 70 steps on 209716\n" in done.stdout
    assert "trained 70 steps on 160000\n" in done.stdout


def test_what_is_free_heeds_the_limits_of_the_process(monkeypatch):
    resource = pytest.importorskip("resource", reason="limits are set as Unix does")
    assert available_memory() > 2**26
    free = resource.RLIM_INFINITY
    for name in ("RLIMIT_AS", "RLIMIT_DATA"):
        limits = {getattr(resource, name): (2**50, free)}
        monkeypatch.setattr(resource, "getrlimit", lambda which, limits=limits: limits.get(which, (free, free)))
        before = available_memory()
        limits[getattr(resource, name)] = (2**20, free)
        assert available_memory() == 0 < before


# binarising


@pytest.mark.parametrize("form", ["npy", "tar"])
def test_bits_are_drawn_anew_in_training_and_once_elsewhere(tmp_path, form):
    grey = np.full((400, 6, 5), 64, dtype=np.uint8)
    FORMS[form](tmp_path, grey, classes(400))
    data = load_data(tmp_path, buffer=100, binarize="dynamic")
    assert data.binary
    assert data.discrete
    for name, split in data.splits.items():
        one, two = split.first(40).x, split.first(40).x
        assert set(one.unique().tolist()) == {0.0, 1.0}
        assert torch.equal(one, two) == (name != "train")
        mean, error = float(one.mean()), (64 / 255 * (1 - 64 / 255) / one.numel()) ** 0.5
        assert abs(mean - 64 / 255) < 4.5 * error
    other = load_data(tmp_path, buffer=100, binarize="dynamic", seed=1).test
    assert not torch.equal(other.first(40).x, data.test.first(40).x)
    # a function of the row alone: whatever the company and the order
    test = data.test
    assert torch.equal(test.gather(torch.tensor([7, 3])).x[1], test.first(5).x[3])
    fixed = freeze(data.train, 5)
    assert torch.equal(fixed.first(9).x, freeze(data.train, 5).first(9).x)
    assert not torch.equal(fixed.first(9).x, freeze(data.train, 6).first(9).x)
    assert "drawn as Bernoulli: anew" in data.protocol["preprocessing"]


def test_drawn_bits_have_the_probabilities_of_their_pixels(tmp_path):
    np.save(tmp_path / "x.npy", np.tile(np.arange(256, dtype=np.uint8), (3000, 1)))
    split = freeze(load_data(tmp_path / "x.npy", buffer=3000, binarize="dynamic", **WHOLE).train, 0)
    p = torch.arange(256) / 255
    error = (p * (1 - p) / 3000).sqrt().clamp(min=1e-9)
    assert ((split.first(3000).x.mean(0) - p).abs() / error).max() < 4.5
    assert split.first(3000).x[:, 0].max() == 0
    assert split.first(3000).x[:, 255].min() == 1


# the files


def test_shards_by_name_pattern_and_folder(tmp_path):
    x, y = pictures(), classes()
    as_tar(tmp_path, x, y)
    names = [tmp_path, tmp_path / "a-*.tar", f"{tmp_path}/a-{{000,040,080}}.tar", str(tmp_path / "a-0?0.tar")]
    for name in names:
        data = load_data(name, **WHOLE)
        assert np.array_equal(data.train.first(N).x.mul(255).byte()[:, 0].numpy(), x)
        assert load_data(data.protocol["source"], **data.protocol["arguments"]).protocol == data.protocol
        assert data.name in ("a", "a-0", tmp_path.name)
    assert len(load_data(tmp_path / "a-040.tar", **WHOLE).train) == 40


def test_splits_by_the_names_of_shards(tmp_path):
    x, y = pictures(), classes()
    for name, rows in (("train-0", slice(0, 40)), ("train-1", slice(40, 60)), ("val-0", slice(60, 70))):
        pack(tmp_path / f"{name}.tar", samples(x[rows], y[rows]))
    pack(tmp_path / "test-0.tar", samples(x[70:], y[70:]))
    data = load_data(tmp_path)
    assert {name: len(split) for name, split in data.splits.items()} == {"train": 60, "validation": 10, "test": 20}
    assert data.test.first(20).y.tolist() == y[70:].tolist()
    assert len(load_data(tmp_path / "test-*.tar", **WHOLE).train) == 20
    pack(tmp_path / "more.tar", samples(x[:3], y[:3]))
    with pytest.raises(ValueError, match=r"more.tar names no split, and others beside it do .* rename it"):
        load_data(tmp_path)


def test_a_folder_of_arrays_is_an_unpacked_npz(tmp_path, monkeypatch):
    x, y = pictures(), np.array(["cat", "dog", "cow"])[classes() % 3]
    held = {"x_train": x[:60], "y_train": y[:60], "x_test": x[60:], "y_test": y[60:]}
    np.savez(tmp_path / "all.npz", **held)
    folder = tmp_path / "all"
    folder.mkdir()
    for key, values in held.items():
        np.save(folder / f"{key}.npy", values)
    packed, memory, mapped = load_data(tmp_path / "all.npz"), load_data(folder), load_data(folder, buffer=20)
    assert isinstance(memory.train, InMemorySplit)
    assert isinstance(mapped.train, BufferedSplit)
    assert packed.classes == memory.classes == mapped.classes == ("cat", "cow", "dog")
    assert packed.protocol["fingerprint"] == memory.protocol["fingerprint"]
    assert all(equal(*(d.splits[name].first(9)[:2] for d in (packed, memory))) for name in packed.splits)
    assert equal(packed.test.first(30), mapped.test.first(30))
    monkeypatch.setattr(numpy, "available_memory", lambda: 2000)
    with pytest.raises(ValueError, match=r"all.npz unpacks to .* GB, more than the memory that is free: unzip it"):
        load_data(tmp_path / "all.npz")


def test_members_of_a_tar(tmp_path):
    """Captions, masks, what a Mac leaves and folders are passed over; .npy members are arrays."""
    x = pictures(4)
    members = []
    for i in range(4):
        members += [(f"./d/{i}.PNG", png(x[i])), (f"./d/{i}.txt", b"a cat"), (f"./d/{i}.mask.png", png(x[0] * 0))]
        members += [(f"./d/._{i}.png", b"what a Mac leaves"), (f"./d/{i}.json", b"{}")]
    data = load_data(pack(tmp_path / "a.tar", members), **WHOLE)
    assert data.train.y is None
    assert np.array_equal(data.train.first(4).x.mul(255).byte()[:, 0].numpy(), x)
    numbers = [(f"{i}.txt", str(i).encode()) for i in range(4)]
    data = load_data(pack(tmp_path / "b.tar", members[:0] + numbers + list(samples(x))), **WHOLE)
    assert data.train.y is None  # 000000 is not 0
    data = load_data(pack(tmp_path / "c.tar", [(f"{int(n[:6])}.png", c) for n, c in samples(x)] + numbers), **WHOLE)
    assert data.train.y.tolist() == [0, 1, 2, 3]
    rows = np.linspace(-1, 1, 20).reshape(4, 5)
    saved = []
    for i, row in enumerate(rows):
        np.save(file := io.BytesIO(), row)
        saved.append((f"{i}.npy", file.getvalue()))
    data = load_data(pack(tmp_path / "d.tar", saved), **WHOLE)
    assert np.array_equal(data.train.first(4).x.numpy(), rows.astype(np.float32))
    assert not data.discrete


def test_grey_pictures_among_colour(tmp_path):
    x = pictures(6)
    colour = pictures(1, (6, 5, 3))[0]
    data = load_data(pack(tmp_path / "a.tar", samples([*x, colour])), **WHOLE)
    assert data.shape == (3, 6, 5)
    assert torch.equal(data.train.first(1).x[0, 0], data.train.first(1).x[0, 2])
    assert np.array_equal(data.train.gather(torch.tensor([6])).x[0].mul(255).byte().permute(1, 2, 0).numpy(), colour)


def test_the_index_of_large_shards_is_kept_until_they_change(tmp_path, monkeypatch):
    monkeypatch.setattr(tar, "INDEX_CACHE_MIN_BYTES", 0)
    made = []
    index = tar.build_index
    monkeypatch.setattr(tar, "build_index", lambda shards: made.append(shards) or index(shards))
    as_tar(tmp_path, pictures(), classes())
    first, again = load_data(tmp_path), load_data(tmp_path)
    assert len(made) == 1
    assert first.protocol == again.protocol
    assert equal(first.train.first(9), again.train.first(9))
    pack(tmp_path / "a-080.tar", samples(pictures(12, seed=1), classes(12)))
    assert len(load_data(tmp_path, **WHOLE).train) == 92
    assert len(made) == 2


def test_columns_of_a_table(tmp_path):
    rng = np.random.default_rng(0)
    columns = {"a": rng.random(30), "b": rng.integers(0, 9, 30), "c": rng.random(30) > 0.5, "target": rng.random(30)}
    pq.write_table(pa.table(columns), tmp_path / "t.parquet", row_group_size=7)
    data = load_data(tmp_path / "t.parquet", buffer=30, **WHOLE)
    want = np.column_stack([columns[name] for name in "abc"]).astype(np.float32)
    assert np.array_equal(data.train.first(30).x.numpy(), want)
    assert np.array_equal(data.train.first(30).y.numpy(), columns["target"].astype(np.float32))
    assert data.classes is None
    names = pa.array(["x", "y", "x"] * 10).dictionary_encode()
    fixed = pa.FixedSizeListArray.from_arrays(pa.array(np.arange(60, dtype=np.float32)), 2)
    pq.write_table(pa.table({"id": range(30), "x": fixed, "label": names}), tmp_path / "f.parquet")
    data = load_data(tmp_path / "f.parquet", **WHOLE)
    assert data.train.first(2).x.tolist() == [[0, 1], [2, 3]]
    assert data.classes == ("x", "y")
    assert data.train.first(3).y.tolist() == [0, 1, 0]


def test_the_buffer_of_parquet_holds_a_row_group_at_least(tmp_path):
    as_parquet(tmp_path, pictures(), classes())
    assert load_data(tmp_path, buffer=9, **WHOLE).train.buffer == 9
    with pytest.raises(ValueError, match=r"buffer=8 is less than a row group, .* has up to 9 rows: give at least 9"):
        load_data(tmp_path, buffer=8)


def test_parquet_without_pyarrow(tmp_path, monkeypatch):
    as_parquet(tmp_path, pictures(4), classes(4))
    monkeypatch.delitem(sys.modules, "elbowroom.data.readers.parquet", raising=False)
    monkeypatch.delitem(sys.modules, "elbowroom.data.readers.arrow", raising=False)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ValueError, match=r'a-000.parquet needs pyarrow, .*: pip install "elbowroom\[parquet\]"'):
        load_data(tmp_path)


# knowing it again


def test_a_changed_file_is_noticed(tmp_path, monkeypatch):
    monkeypatch.setattr(numpy, "PARTIAL_HASH_BYTES", 1000)
    np.save(tmp_path / "mine.npy", pictures())
    (tmp_path / "tar").mkdir()
    as_tar(tmp_path / "tar", pictures(), classes())
    made = [train(load_data(tmp_path / source), tmp_path / f"run-{source}", steps=2) for source in ("mine.npy", "tar")]
    for run in made:
        assert run.data().protocol["fingerprint"] == run.record["data"]["fingerprint"]
    with open(tmp_path / "mine.npy", "r+b") as file:
        file.seek(1500)
        file.write(b"\x07")
    pack(tmp_path / "tar" / "a-040.tar", samples(pictures(40, seed=1), classes(40)))
    for run in made:
        with pytest.raises(ValueError, match=r"has changed since .* was trained \(fingerprint"):
            run.data()


def test_a_large_file_is_known_again_in_memory_and_mapped(tmp_path, monkeypatch):
    monkeypatch.setattr(numpy, "PARTIAL_HASH_BYTES", 1000)
    np.save(tmp_path / "mine.npy", pictures())
    memory, mapped = load_data(tmp_path / "mine.npy"), load_data(tmp_path / "mine.npy", buffer=40)
    assert isinstance(memory.train, InMemorySplit)
    assert memory.protocol["fingerprint"] == mapped.protocol["fingerprint"]
    assert load_data(tmp_path / "mine.npy", validation=3).protocol["fingerprint"] != memory.protocol["fingerprint"]
    drawn = [load_data(tmp_path / "mine.npy", binarize="dynamic", buffer=b).protocol["fingerprint"] for b in (None, 40)]
    assert drawn[0] != drawn[1]  # in memory validation is drawn in turn, mapped by row


# what is wrong, in one line


def spoiled(folder):
    """Sources that cannot be used, with the words of the error; those that show only on reading are read."""
    x, y = pictures(), classes()

    def at(name):
        (folder / name).parent.mkdir(exist_ok=True)
        return folder / name

    def table(name, columns, **more):
        pq.write_table(pa.table(columns), at(name), **more)
        return name

    numbers = np.zeros((3000, 4), dtype=np.float32)
    numbers[1000, 2] = np.nan
    np.save(at("nan.npy"), numbers)
    yield "nan.npy", r"row 1000 of nan.npy has NaN or infinite values: expected finite numbers; remove or fill them"
    numbers[1000, 2] = 1
    np.save(at("huge.npy"), np.where(numbers > 0, 1e300, 0))
    yield "huge.npy", "row 1000 of huge.npy has NaN or infinite values"
    bits = np.zeros((3000, 4), dtype=np.uint8)
    bits[1000, 1] = 9
    np.save(at("bits.npy"), bits)
    yield "bits.npy", r"row 1000 of bits.npy has the value 9, and those looked at first have only 0 to 1: save them"
    wide = np.full((3000, 2, 2), 99)
    wide[1000, 1, 1] = -3
    np.save(at("wide.npy"), wide)
    yield "wide.npy", "row 1000 of wide.npy has the value -3, and those looked at first have only 0 to 255"
    np.save(at("cut.npy"), x)
    at("cut.npy").write_bytes(at("cut.npy").read_bytes()[:1000])
    yield "cut.npy", "cut.npy is not a whole .npy file .* fetch it again"
    np.save(at("flat.npy"), np.zeros(9))
    yield "flat.npy", r"flat.npy has shape \(9,\): expected \(N, D\)"

    pack(at("broken.tar"), [*samples(x[:20]), ("oops.png", b"no picture"), *samples(x[20:], start=20)])
    yield "broken.tar", r"oops.png in .*broken.tar cannot be read \(not a picture\): mend it or take it out"
    pack(at("cut.tar"), samples(x))
    at("cut.tar").write_bytes(at("cut.tar").read_bytes()[:20_000])
    yield "cut.tar", "cut.tar is not a whole .tar file .* it is damaged or cut short"
    at("no.tar").write_text("hello" * 999)
    yield "no.tar", "no.tar is not a whole .tar file"
    with tarfile.open(at("packed.tar.gz"), "w:gz"):
        pass
    yield "packed.tar.gz", r"packed.tar.gz is compressed, .*: unpack it \(gunzip packed.tar.gz\)"
    pack(at("none.tar"), [("readme.md", b"nothing")])
    yield "none.tar", "none.tar holds no pictures: expected .bmp, .* or .npy members"
    pack(at("sizes/0.tar"), samples(x))
    pack(at("sizes/1.tar"), samples(pictures(9, (4, 4))))
    yield "sizes", r"000000.png in .*1.tar is 4x4 of uint8, and those looked at first are 6x5 of uint8: .* resize=28"
    pack(at("colour.tar"), samples([*pictures(800, (2, 2)), *pictures(3, (2, 2, 3)), *pictures(800, (2, 2))]))
    yield "colour.tar", "000800.png in .*colour.tar is in colour, and those looked at first are grey"
    pack(at("labels.tar"), [*samples(x, y), ("odd.png", png(x[0]))])
    yield "labels.tar", "1 of 91 examples have no label, such as odd in .*labels.tar: expected a .cls"
    pack(at("words.tar"), [("a.png", png(x[0])), ("a.cls", b"cat")])
    yield "words.tar", r"a.cls in .*words.tar is b'cat': expected the whole number of a class"
    pack(at("twice.tar"), [("a.png", png(x[0])), ("a.jpg", png(x[0]))])
    yield "twice.tar", "twice.tar holds more than one picture called a: expected one"

    yield table("text.parquet", {"a": [1.0], "name": ["x"]}), "column 'name' of .*text.parquet holds string values"
    yield table("bare.parquet", {"label": [1, 2]}), "bare.parquet has no columns for examples"
    yield table("empty.parquet", {"a": pa.array([], pa.float32())}), "empty.parquet is empty: expected at least one row"
    yield table("two.parquet", {"a": [[1]], "b": [[2]]}), r"has 2 columns of lists \(a, b\): expected one"
    uneven = [[1.0, 2.0]] * 5 + [[1.0]]
    yield table("uneven.parquet", {"a": uneven}), "row 5 of .*uneven.parquet has a list of 1 where others have 2"
    groups = [[1.0, 2.0]] * 30 + [[1.0]] * 30
    yield (
        table("groups.parquet", {"a": groups}, row_group_size=10),
        "row 30 of .*groups.parquet is 1 of float64, and the first row of .* is 2 of float64: expected one length",
    )
    gap = {"a": [1.0, None, 3.0]}
    yield table("gap.parquet", gap), "row 1 of .*gap.parquet has a field with nothing in it: fill it, or leave the row"
    unlabelled = {"a": [1.0, 2.0, 3.0], "label": [1, 2, None]}
    yield table("unlabelled.parquet", unlabelled), "the label of row 2 of .*unlabelled.parquet has a field with nothing"
    yield table("nan.parquet", {"a": [1.0, float("nan")]}), "row 1 of .*nan.parquet has NaN or infinite values"
    table("differ/0.parquet", {"a": [1.0], "b": [1.0]})
    table("differ/1.parquet", {"a": [1.0], "c": [1.0]})
    yield "differ", "the column 'b' is missing in .*1.parquet and double in .*0.parquet: expected the same columns"
    yield table("bad.parquet", {"image": [png(x[0]), b"oops"]}), r"row 1 of .*bad.parquet cannot be read \(not a pict"
    at("cut.parquet").write_bytes(at("bare.parquet").read_bytes()[:100])
    yield "cut.parquet", "cut.parquet is not a whole .parquet file"

    pack(at("mixed/a.tar"), samples(x))
    table("mixed/a.parquet", {"a": [1.0]})
    yield "mixed", r"shards of several kinds \(.parquet, .tar\) in .*mixed: name those of one by a pattern"
    pack(at("beside/a.tar"), samples(x))
    at("beside/b.png").write_bytes(png(x[0]))
    yield "beside", r"beside holds shards \(a.tar\) and other examples \(b.png\): name the shards by a pattern"
    yield "sizes/{0..2}.tar", r"no file matches .*sizes/2.tar \(looked for"
    yield "sizes/x*.tar", r"no file matches .*sizes/x\*.tar"
    yield "*.npy", r"bits.npy matches .* and is no shard: expected .tar, .parquet or .csv files; narrow it"


def test_what_cannot_be_used_is_told_in_one_line(tmp_path):
    for name, words in spoiled(tmp_path):
        with pytest.raises(ValueError, match=words) as error:
            for _ in load_data(tmp_path / name, buffer=5000, **WHOLE).train.batches(100):
                pass
        assert "\n" not in str(error.value), name


@pytest.mark.parametrize(
    ("source", "options", "words"),
    [
        (
            "digits",
            {"buffer": 10},
            "buffer=10 is for what is read in parts: .npy files, shards, .* and digits is none of them: leave it out",
        ),
        (pictures(), {"buffer": 10}, "buffer=10 is for what is read in parts: .* and an array is none of them"),
        ("a.png", {"buffer": 10}, "buffer=10 is for what is read in parts: .* and a.png is none of them: leave it out"),
        ("a.npy", {"buffer": 0}, "buffer=0: expected a number of examples, at least 1"),
        ("a.npy", {"buffer": 0.5}, "buffer=0.5: expected a number of examples"),
        ("a.npy", {"resize": 4}, "resize=4 is for pictures in files, and a.npy is none of them"),
        ("t.parquet", {"resize": 4}, "resize=4 is for pictures in files, and t.parquet is none of them: leave it out"),
        ("n.tar", {"resize": 4}, r"0.npy in .*n.tar cannot be read \(an array, and resize=4 is for pictures\)"),
        ("f.npy", {"binarise": "dynamic", "buffer": 99}, "row 0 of the source .* has 7: rescale them"),
        (
            "s.npy",
            {"binarise": "threshold", "buffer": 99},
            r"row 1000 of s.npy has values outside \[0, 1\]: rescale",
        ),
    ],
)
def test_options_that_do_not_fit_are_told(tmp_path, source, options, words):
    (tmp_path / "a.png").write_bytes(png(pictures()[0]))
    np.save(tmp_path / "a.npy", pictures())
    np.save(tmp_path / "f.npy", np.full((20, 3), 7.0))
    seldom = np.zeros((3000, 2), dtype=np.float32)
    seldom[1000] = 7
    np.save(tmp_path / "s.npy", seldom)
    pq.write_table(pa.table({"a": [1.0, 2.0]}), tmp_path / "t.parquet")
    np.save(file := io.BytesIO(), np.zeros((4, 4)))
    pack(tmp_path / "n.tar", [("0.npy", file.getvalue())])
    source = tmp_path / source if isinstance(source, str) and "." in source else source
    with pytest.raises(ValueError, match=words) as error:
        list(load_data(source, **WHOLE, **options).train.batches(100))
    assert "\n" not in str(error.value)


def test_values_are_judged_by_a_part_of_them_and_the_record_says_so(tmp_path):
    x = np.zeros((30_000, 3), dtype=np.float32)
    x[0, 1] = 2.0  # among those looked at
    np.save(tmp_path / "x.npy", x)
    data = load_data(tmp_path / "x.npy", buffer=1000)
    assert data.find_out_of_range(0, 1)[1:] == (0, 2.0)
    assert not data.binary
    assert data.protocol["preprocessing"] == "values judged by 1,024 of 30,000 examples"
    assert load_data(tmp_path / "x.npy").protocol["preprocessing"] == "none"


# the page


def test_the_blocks_of_the_page_run(root, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = (root / "docs" / "data.md").read_text(encoding="utf-8")
    ran, names = 0, {"__name__": "page"}
    for language, code in re.findall(r"^```(python|bash)\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
        if language == "python":
            exec(compile(code, "docs/data.md", "exec"), names)
            ran += 1
            continue
        for line in code.splitlines():
            words = shlex.split(line, comments=True)
            if words[:1] == ["elbowroom"]:
                assert main(words[1:]) == 0, line
                ran += 1
    assert ran >= 5
