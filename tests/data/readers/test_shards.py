"""Shards of tar and parquet files: which files, members, labels and columns."""

import io
import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from elbowroom.data import load_data
from elbowroom.data.readers import tar
from tests.data.sources import (
    WHOLE,
    N,
    all_equal,
    cyclic_labels,
    encode_png,
    random_images,
    tar_members,
    write_parquet_shards,
    write_tar,
    write_tar_shards,
)


def test_shards_by_name_pattern_and_folder(tmp_path):
    x, y = random_images(), cyclic_labels()
    write_tar_shards(tmp_path, x, y)
    names = [tmp_path, tmp_path / "a-*.tar", f"{tmp_path}/a-{{000,040,080}}.tar", str(tmp_path / "a-0?0.tar")]
    for name in names:
        data = load_data(name, **WHOLE)
        assert np.array_equal(data.train.first(N).x.mul(255).byte()[:, 0].numpy(), x)
        assert load_data(data.protocol["source"], **data.protocol["arguments"]).protocol == data.protocol
        assert data.name in ("a", "a-0", tmp_path.name)
    assert len(load_data(tmp_path / "a-040.tar", **WHOLE).train) == 40


def test_splits_by_the_names_of_shards(tmp_path):
    x, y = random_images(), cyclic_labels()
    for name, rows in (("train-0", slice(0, 40)), ("train-1", slice(40, 60)), ("val-0", slice(60, 70))):
        write_tar(tmp_path / f"{name}.tar", tar_members(x[rows], y[rows]))
    write_tar(tmp_path / "test-0.tar", tar_members(x[70:], y[70:]))
    data = load_data(tmp_path)
    assert {name: len(split) for name, split in data.splits.items()} == {"train": 60, "validation": 10, "test": 20}
    assert data.test.first(20).y.tolist() == y[70:].tolist()
    assert len(load_data(tmp_path / "test-*.tar", **WHOLE).train) == 20
    write_tar(tmp_path / "more.tar", tar_members(x[:3], y[:3]))
    with pytest.raises(ValueError, match=r"more.tar names no split, and others beside it do .* rename it"):
        load_data(tmp_path)


def test_members_of_a_tar(tmp_path):
    """Captions, masks, what a Mac leaves and folders are passed over; .npy members are arrays."""
    x = random_images(4)
    members = []
    for i in range(4):
        members += [
            (f"./d/{i}.PNG", encode_png(x[i])),
            (f"./d/{i}.txt", b"a cat"),
            (f"./d/{i}.mask.png", encode_png(x[0] * 0)),
        ]
        members += [(f"./d/._{i}.png", b"what a Mac leaves"), (f"./d/{i}.json", b"{}")]
    data = load_data(write_tar(tmp_path / "a.tar", members), **WHOLE)
    assert data.train.y is None
    assert np.array_equal(data.train.first(4).x.mul(255).byte()[:, 0].numpy(), x)
    numbers = [(f"{i}.txt", str(i).encode()) for i in range(4)]
    data = load_data(write_tar(tmp_path / "b.tar", members[:0] + numbers + list(tar_members(x))), **WHOLE)
    assert data.train.y is None  # 000000 is not 0
    data = load_data(
        write_tar(tmp_path / "c.tar", [(f"{int(n[:6])}.png", c) for n, c in tar_members(x)] + numbers), **WHOLE
    )
    assert data.train.y.tolist() == [0, 1, 2, 3]
    rows = np.linspace(-1, 1, 20).reshape(4, 5)
    saved = []
    for i, row in enumerate(rows):
        np.save(file := io.BytesIO(), row)
        saved.append((f"{i}.npy", file.getvalue()))
    data = load_data(write_tar(tmp_path / "d.tar", saved), **WHOLE)
    assert np.array_equal(data.train.first(4).x.numpy(), rows.astype(np.float32))
    assert not data.discrete


def test_grey_images_among_colour(tmp_path):
    x = random_images(6)
    colour = random_images(1, (6, 5, 3))[0]
    data = load_data(write_tar(tmp_path / "a.tar", tar_members([*x, colour])), **WHOLE)
    assert data.shape == (3, 6, 5)
    assert torch.equal(data.train.first(1).x[0, 0], data.train.first(1).x[0, 2])
    assert np.array_equal(data.train.gather(torch.tensor([6])).x[0].mul(255).byte().permute(1, 2, 0).numpy(), colour)


def test_the_index_of_large_shards_is_kept_until_they_change(tmp_path, monkeypatch):
    monkeypatch.setattr(tar, "INDEX_CACHE_MIN_BYTES", 0)
    made = []
    index = tar.build_index
    monkeypatch.setattr(tar, "build_index", lambda shards: made.append(shards) or index(shards))
    write_tar_shards(tmp_path, random_images(), cyclic_labels())
    first, again = load_data(tmp_path), load_data(tmp_path)
    assert len(made) == 1
    assert first.protocol == again.protocol
    assert all_equal(first.train.first(9), again.train.first(9))
    write_tar(tmp_path / "a-080.tar", tar_members(random_images(12, seed=1), cyclic_labels(12)))
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
    write_parquet_shards(tmp_path, random_images(), cyclic_labels())
    assert load_data(tmp_path, buffer=9, **WHOLE).train.buffer == 9
    with pytest.raises(ValueError, match=r"buffer=8 is less than a row group, .* has up to 9 rows: give at least 9"):
        load_data(tmp_path, buffer=8)


def test_parquet_without_pyarrow(tmp_path, monkeypatch):
    write_parquet_shards(tmp_path, random_images(4), cyclic_labels(4))
    for module in ("columns", "row_source"):
        monkeypatch.delitem(sys.modules, f"elbowroom.data.readers.parquet.{module}", raising=False)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ValueError, match=r'a-000.parquet needs pyarrow, .*: pip install "elbowroom\[parquet\]"'):
        load_data(tmp_path)
