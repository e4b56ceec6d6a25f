"""Data frames and dictionaries of columns: a table in Python is read as its .csv is."""

import datetime

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import torch

from elbowroom.data import load_data, load_like

from .table_files import WHOLE


def test_declared_order_of_categories_is_kept():
    values, order = ["mid", "lo", "hi", "lo"] * 9, ["lo", "mid", "hi", "top"]
    ordered = pd.DataFrame({"a": pd.Categorical(values, categories=order, ordered=True), "b": np.arange(36) / 7})
    enum = pl.DataFrame({"a": pl.Series(values, dtype=pl.Enum(order)), "b": np.arange(36) / 7})
    for frame in (ordered, enum, pa.Table.from_pandas(ordered)):
        assert load_data(frame, **WHOLE).columns[0].categories == tuple(order)
    unordered = pd.DataFrame({"a": pd.Categorical(values), "b": np.arange(36) / 7})
    assert load_data(unordered, **WHOLE).columns[0].categories == ("hi", "lo", "mid")


MISSING = {
    "nullable whole numbers": (pd.array([1, None, 3, 5], dtype="Int64"), [1, None, 3, 5]),
    "nullable truth": (pd.array([True, None, False, True], dtype="boolean"), ["True", None, "False", "True"]),
    "objects": (np.array([1.5, None, 3, 5], dtype=object), [1.5, None, 3, 5]),
    "objects of names": (np.array(["a", None, "b", "b"], dtype=object), ["a", None, "b", "b"]),
    "not a time": (pd.to_datetime(["2024-01-31", None, "2024-02-01", "2024-02-02"]), ["2024-01-31", None]),
    "objects of several kinds": (np.array(["a", None, 1, 1], dtype=object), ["a", None, "1", "1"]),
}


@pytest.mark.parametrize("name", MISSING)
def test_missing_values_of_pandas(name):
    values, cells = MISSING[name]
    data = load_data(pd.DataFrame({"a": values, "b": np.arange(4) / 7}), **WHOLE)
    assert data.train.x[:, 0].isnan().tolist() == [False, True, False, False]
    assert list(data.cells().columns["a"])[: len(cells)] == cells


def test_labels_beside_a_data_frame():
    frame = pd.DataFrame({"age": [30.5, 40, 50, 61], "sex": ["f", "m", "f", "m"]})
    names = pd.Series(["ill", "well", "well", "ill"], name="state")
    for labels in (names, names.to_numpy(object), names.astype("category"), list(names)):
        data = load_data((frame, labels), **WHOLE)
        assert data.classes == ("ill", "well")
        assert data.train.y.tolist() == [0, 1, 1, 0]
        assert [column.name for column in data.columns] == ["age", "sex"]
    assert load_data((frame, [1, 0, 0, 1]), **WHOLE).train.y.tolist() == [1, 0, 0, 1]
    with pytest.raises(ValueError, match="3 labels for 4 rows: expected one number or name for each row"):
        load_data((frame, ["a", "b", "a"]), **WHOLE)


def test_options_of_tables_are_for_data_frames_too():
    frame = pd.DataFrame({"id": [f"n{i}" for i in range(40)], "n": [i % 5 for i in range(40)], "kind": ["a", "b"] * 20})
    data = load_data(frame, columns="id=drop,n=category", label="kind", **WHOLE)
    assert [(column.name, column.kind) for column in data.columns] == [("n", "category")]
    assert data.columns[0].categories == ("0", "1", "2", "3", "4")
    assert list(data.cells().columns) == ["id", "n", "kind"]
    with pytest.raises(ValueError, match="'id' has 40 different texts in 40 rows, as ids"):
        load_data(frame, **WHOLE)
    with pytest.raises(ValueError, match="resize=9 is for images in files, and a DataFrame is none of them"):
        load_data(frame, resize=9)


def test_column_that_is_none_of_a_table_is_named_with_what_leaves_it_out():
    frame = pl.DataFrame({"a": [1.5, 2.5, 3.0], "b": [[1], [2], [3]], "c": [datetime.timedelta(1)] * 3})
    with pytest.raises(
        ValueError, match=r"'b' of the DataFrame holds list.*'c' .* holds duration.*columns='b=drop,c=drop'"
    ):
        load_data(frame, **WHOLE)
    assert len(load_data(frame, columns="b=drop,c=drop", **WHOLE).columns) == 1


def test_whole_numbers_of_any_size_stay_exact():
    ids = [2**60 + i * i for i in range(30)]
    data = load_data(pd.DataFrame({"a": ids, "b": np.arange(30) / 7}), **WHOLE)
    assert list(data.cells().columns["a"]) == ids


def test_splits_of_a_dictionary_are_encoded_together():
    frame = pd.DataFrame({"town": ["Rome", "Oslo"] * 20, "n": [i % 9 for i in range(40)], "label": ["b", "c"] * 20})
    other = pd.DataFrame({"town": ["Bonn", "Rome"], "n": [100, 7], "label": ["c", "a"]})
    data = load_data({"train": frame, "test": other}, validation=0)
    assert data.columns[0].categories == ("Bonn", "Oslo", "Rome")
    assert data.test.x[:, 0].tolist() == [0, 2]
    assert data.classes == ("a", "b", "c")
    assert data.test.y.tolist() == [2, 0]
    assert (data.test.x[0, 1] * data.columns[1].sd + data.columns[1].mean).item() == pytest.approx(100, abs=1e-3)
    assert list(data.cells("test").columns["town"]) == ["Bonn", "Rome"]
    beside = {"train": (frame[["town", "n"]], frame["label"]), "test": (other[["town", "n"]], other["label"])}
    assert torch.equal(load_data(beside, validation=0).test.x, data.test.x)
    assert load_data(beside, validation=0).classes == data.classes


def test_table_of_hugging_face_is_read_as_the_data_frame_of_it():
    datasets = pytest.importorskip("datasets")
    frame = pd.DataFrame({"town": ["Rome", "Oslo"] * 20, "n": [i % 9 for i in range(40)], "label": ["b", "c"] * 20})
    hub = datasets.DatasetDict({name: datasets.Dataset.from_pandas(frame) for name in ("train", "test")})
    data, own = load_data(hub, validation=0), load_data({"train": frame, "test": frame}, validation=0)
    assert data.protocol["columns"] == own.protocol["columns"]
    assert torch.equal(data.test.x, own.test.x)


def test_columns_that_are_numbered_and_many_that_are_constant():
    values = np.random.default_rng(0).integers(0, 256, (50, 30))
    values[:, :9] = 0
    with pytest.warns(UserWarning, match=r"nothing varies: '0' is 0, '1' is 0, .* '5' is 0 and 3 more$"):
        data = load_data(pd.DataFrame(values), **WHOLE)
    assert [column.name for column in data.columns] == [str(i) for i in range(9, 30)]
    assert torch.equal(load_like(pd.DataFrame(values), data.protocol).train.x.isnan(), torch.zeros(50, 21).bool())


def test_column_of_a_name_that_is_there_twice_is_refused():
    frame = pd.DataFrame([[1.5, 2], [3, 4.5]], columns=["a", "a"])
    with pytest.raises(
        ValueError, match="the DataFrame has more than one column of one name: expected a name for each"
    ):
        load_data(frame, **WHOLE)
