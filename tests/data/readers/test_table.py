"""Tables of numbers and categories: reading files, labels and splits."""

import pytest
import torch

from elbowroom.data import BufferedSplit, InMemorySplit, load_data
from elbowroom.data.readers import table

from .table_files import WHOLE, decode_split, people, write_table


@pytest.mark.parametrize("suffix", ["csv", "tsv", "parquet"])
def test_read_table_with_all_column_kinds(tmp_path, suffix):
    table = people()
    data = load_data(write_table(tmp_path / f"people.{suffix}", table), **WHOLE)
    assert isinstance(data.train, InMemorySplit)
    assert (data.name, data.shape, data.discrete, data.binary) == ("people", (4,), False, False)
    assert [(c.name, c.kind, c.n_categories) for c in data.columns] == [
        *[("height", "number", 0), ("town", "category", 3)],
        *[("voted", "category", 2), ("children", "number", 0)],
    ]
    assert data.columns[2].categories == ("False", "True")
    assert (data.columns[3].decimals, data.columns[3].low, data.columns[3].high) == (0, 0, 3)
    assert data.classes == ("cat", "dog")
    assert data.train.y.tolist() == [int(name == "dog") for name in table["label"]]
    want = zip(table["height"], table["town"], table["voted"], table["children"], strict=True)
    for (height, town, voted, children), row in zip(want, decode_split(data), strict=True):
        assert row[0] == (None if height is None else pytest.approx(height, abs=1e-4))
        assert row[1:] == [town, str(voted), pytest.approx(children, abs=1e-4)]
    missing = sum(value is None for name in ("height", "town") for value in table[name])
    assert f"numbers standardised by the training rows, {missing} cells missing" in data.protocol["preprocessing"]


def test_read_csv_with_other_delimiters_quotes_and_line_endings(tmp_path):
    path = tmp_path / "t.csv"
    lines = [";name;size", '0;"a;b"; 1.5', "", "1;c ;?", '2;"a;b";3', "3;c;-2"]
    path.write_text("\ufeff" + "\r\n".join(lines), encoding="utf-8")
    data = load_data(path, **WHOLE)
    want = [("a;b", 1.5), ("c", None), ("a;b", 3.0), ("c", -2.0)]
    assert [(c.name, c.kind) for c in data.columns] == [("name", "category"), ("size", "number")]
    assert decode_split(data) == [[n, s if s is None else pytest.approx(s)] for n, s in want]


def test_label_column(tmp_path):
    table = people()
    path = write_table(tmp_path / "people.csv", table)
    by_town = load_data(write_table(tmp_path / "t.csv", people() | {"town": ["x", "y"] * 30}), label="town", **WHOLE)
    assert by_town.classes == ("x", "y")
    assert [c.name for c in by_town.columns] == ["height", "voted", "children", "label"]
    none = load_data(path, label="", **WHOLE)
    assert (none.train.y, none.classes, len(none.columns)) == (None, None, 5)
    numbers = load_data(path, label="children", **WHOLE)
    assert numbers.train.y.tolist() == table["children"]
    assert numbers.classes == ("0", "1", "2", "3")
    numeric = {"a": [i % 7 for i in range(40)], "target": [i / 3 for i in range(40)]}
    targets = load_data(write_table(tmp_path / "u.csv", numeric), **WHOLE)
    assert torch.allclose(targets.train.y, torch.arange(40) / 3)
    assert len(load_data(path, only="dog", **WHOLE).train) == table["label"].count("dog")


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_file_names_give_the_splits(tmp_path, suffix):
    for name, n in (("train", 40), ("test", 9)):
        write_table(tmp_path / f"{name}.{suffix}", people(n))
    write_table(tmp_path / f"train-2.{suffix}", people(20, seed=1) | {"town": ["Lima", "Bonn"] * 10})
    data = load_data(tmp_path / f"*.{suffix}", validation=0)
    assert data.protocol["sizes"] == {"train": 60, "test": 9}
    assert data.columns[1].categories == ("Bonn", "Lima", "Oslo, old", "Rome")
    one = load_data(tmp_path / f"test.{suffix}", columns=data.columns, **WHOLE)
    assert torch.allclose(one.train.x, data.test.x, atol=1e-6, equal_nan=True)
    assert torch.equal(one.train.y, data.test.y)


def test_numbers_larger_than_memory_or_with_a_buffer_are_read_in_parts(tmp_path, monkeypatch):
    path = write_table(tmp_path / "t.parquet", {"a": [1.5, 2.0, 9.0], "b": [1, 2, 3]})
    assert isinstance(load_data(path, buffer=9, **WHOLE).train, BufferedSplit)
    monkeypatch.setattr(table, "available_memory", lambda: 9)
    data = load_data(path, **WHOLE)
    assert isinstance(data.train, BufferedSplit)
    assert data.columns is None
    assert data.train.first(3).x.tolist() == [[1.5, 1.0], [2.0, 2.0], [9.0, 3.0]]


def test_missing_values_are_out_of_range_unless_allowed(tmp_path):
    data = load_data(write_table(tmp_path / "people.csv", people()), **WHOLE)
    split, row, value = data.find_out_of_range(-99, 99)
    assert (split, row, value != value) == ("train", 3, True)
    assert data.find_out_of_range(-99, 99, missing=True) is None
    assert data.find_out_of_range(-99, 1.5, missing=True)[2] > 1.5
