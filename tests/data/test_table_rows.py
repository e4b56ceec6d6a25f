"""Rows written as tables: known cells as they were, others in the form of their column."""

import csv

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from elbowroom.data import draw_labels, draw_missing, load_data, load_like, table_columns, write_table
from tests.data.readers.table_files import WHOLE

TEXT = """id,zip,price,share,on,items,score,empty,plan,label
00a,01234,"$1,005.50",45 %,31.01.2024,3,0.123456789012,,x,dog
00b,,,7 %,,,,,x,cat
00c,10115,"$20.00",,01.02.2024,10,1e-3,,x,dog
00d,80331,"-$3.25",100 %,29.02.2024,1,7,,x,cat
"""
CHOICES = {"columns": "id=drop"}


@pytest.fixture
def data(tmp_path):
    (tmp_path / "t.csv").write_text(TEXT)
    with pytest.warns(UserWarning, match=r"^t.csv: left out, since nothing varies: 'empty' is empty, 'plan' is x$"):
        return load_data(tmp_path / "t.csv", **CHOICES, **WHOLE)


def read_text(path):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.reader(file))


def test_known_cells_are_written_as_they_were_and_the_others_are_filled(tmp_path, data):
    filled = torch.full_like(data.train.x, 99.0)
    filled[:, [c.name == "zip" for c in data.columns]] = 1.0
    names = write_table(tmp_path / "o.csv", filled, data.protocol, known=data.cells())
    before, after = read_text(tmp_path / "t.csv"), read_text(tmp_path / "o.csv")
    assert names == before[0] == after[0]
    for old, new in zip(before[1:], after[1:], strict=True):
        assert [b for a, b in zip(old, new, strict=True) if a] == [cell for cell in old if cell]
    assert after[2][1] == "10115"
    assert after[2][2].startswith("$")
    assert after[3][3] == "100 %"  # whole numbers stay within what was seen
    assert after[2][4:6] == ["29.02.2024", "10"]
    assert [row[7] for row in after[1:]] == [""] * 4  # nothing is known of a column that is empty


def test_decoded_rows_are_written_in_the_form_of_their_columns(tmp_path, data):
    write_table(tmp_path / "o.csv", data.train.x, data.protocol, y=data.train.y)
    names, *rows = read_text(tmp_path / "o.csv")
    assert names == [name for name in TEXT.split("\n")[0].split(",") if name != "id"]
    assert rows[0] == ["01234", "$1,005.50", "45 %", "31.01.2024", "3", "0.123457", "", "x", "dog"]
    assert rows[1] == ["", "", "7 %", "", "", "", "", "x", "cat"]


@pytest.mark.parametrize("suffix", ["csv", "tsv", "parquet"])
def test_written_table_is_read_as_the_same_rows(tmp_path, data, suffix):
    path = tmp_path / f"o.{suffix}"
    write_table(path, data.train.x, data.protocol, y=data.train.y)
    again = load_like(path, data.protocol)
    assert torch.allclose(again.train.x, data.train.x, atol=1e-5, equal_nan=True)
    assert again.classes == data.classes
    assert torch.equal(again.train.y, data.train.y)


def test_parquet_has_types(tmp_path):
    frame = pd.DataFrame(
        {
            "n": [1, 2, 3, 9],
            "x": [1.5, None, 2.5, 7.25],
            "on": pd.to_datetime(["2024-01-31", "2024-02-01", "2024-03-01", "2024-03-02"]),
            "at": pd.to_datetime(["2024-01-31 08:15:00", None, "2024-03-01 00:00:00", "2024-03-02 00:00:00"]),
            "name": ["a", "b", "b", None],
        }
    )
    data = load_data(frame, **WHOLE)
    for known in (None, data.cells()):
        write_table(tmp_path / "o.parquet", data.train.x, data.protocol, known=known)
        written = pd.read_parquet(tmp_path / "o.parquet")
        kinds = [written[name].dtype.kind for name in ("n", "x", "on", "at")]
        assert kinds == ["i", "f", "M", "M"]
        assert written["on"].tolist() == frame["on"].tolist()
        assert written["x"].isna().tolist() == [False, True, False, False]


def test_rows_of_splits_have_their_own_cells(tmp_path):
    n = 50
    frame = pd.DataFrame({"row": [f"r{i}" for i in range(n)], "a": np.arange(n) / 7, "kind": ["x", "y"] * (n // 2)})
    data = load_data(frame, columns="row=drop", label="kind", only="y", seed=3)
    for name, split in data.splits.items():
        cells = data.cells(name)
        assert len(cells) == len(split)
        decoded = split.x[:, 0] * data.columns[0].sd + data.columns[0].mean
        assert cells.columns["a"] == pytest.approx(decoded.tolist(), abs=1e-5)
        assert set(cells.columns["kind"]) == {"y"}
    other = load_data(frame[["a"]], validation=frame[["a"]][:3] + 100)
    assert other.cells("validation") is None
    assert len(other.cells("train")) == 50
    assert (other.validation.x > 9).all()
    assert load_data(np.zeros((9, 3)), **WHOLE).cells() is None


def test_several_rows_for_each_known_one_and_further_columns(data):
    columns = table_columns(
        data.train.x.repeat(2, 1), data.protocol, known=data.cells(), extra={"draw": [1] * 4 + [2] * 4}
    )
    assert list(columns)[:3] == ["draw", "id", "zip"]
    assert columns["id"] == ["00a", "00b", "00c", "00d"] * 2


def test_record_from_before_has_numbers_with_seven_digits(tmp_path):
    record = {"columns": [{"name": "a", "kind": "number", "mean": 1.0, "sd": 3.0}]}
    write_table(tmp_path / "o.csv", torch.tensor([[1 / 9]]), record)
    assert read_text(tmp_path / "o.csv") == [["a"], ["1.333333"]]
    with pytest.raises(ValueError, match=r"this model was not trained on a table.*ends in .npz"):
        write_table(tmp_path / "o.csv", torch.zeros(1, 1), {})


def test_missing_cells_are_drawn_in_their_share():
    record = {"columns": [{"name": n, "kind": "number", "missing": m} for n, m in (("a", 0.0), ("b", 0.3))]}
    torch.manual_seed(0)
    empty = draw_missing(torch.zeros(4000, 2), record).isnan().double().mean(0)
    assert empty[0] == 0
    assert empty[1] == pytest.approx(0.3, abs=0.03)
    same = [draw_missing(torch.zeros(9, 2), record, torch.Generator().manual_seed(1)) for _ in range(2)]
    assert torch.equal(same[0].isnan(), same[1].isnan())


def test_labels_are_drawn_in_their_shares():
    frame = {"a": np.arange(400) / 7, "label": ["x"] * 300 + ["y"] * 100}
    protocol = load_data(frame, **WHOLE).protocol
    assert protocol["table"]["label_shares"] == [0.75, 0.25]
    torch.manual_seed(0)
    assert draw_labels(4000, protocol).double().mean().item() == pytest.approx(0.25, abs=0.03)
    assert draw_labels(9, load_data({"a": np.arange(40) / 7}, **WHOLE).protocol) is None


CELLS = st.one_of(
    st.none(),
    st.integers(-(10**12), 10**12),
    st.decimals(-(10**6), 10**6, places=2, allow_nan=False).map(float),
)


@settings(deadline=None, max_examples=50)
@given(st.lists(CELLS, min_size=4, max_size=30))
def test_own_numbers_decode_to_themselves(values):
    """Whole numbers and those of few decimals are exact again, but for what single precision does not hold."""
    there = [value for value in values if value is not None]
    if len(set(there)) < 3 or max(there) - min(there) > 1e5:
        return
    data = load_data({"a": values, "b": np.arange(len(values)) / 7}, columns="a=number", **WHOLE)
    spacing = np.spacing(np.nanmax(np.abs(data.train.x[:, 0].numpy()))) * data.columns[0].sd
    if spacing > 0.01 / 4:  # rounded once when it is standardised, and again when it is stored
        return
    assert table_columns(data.train.x, data.protocol)["a"] == values


@pytest.mark.parametrize(
    ("separator", "mark", "ending", "expected"),
    [(";", ",", "csv", ";"), (";", ",", "tsv", "\t"), (";", ".", "csv", ","), (",", ".", "csv", ",")],
)
def test_written_numbers_are_read_again_as_the_same(separator, mark, ending, expected, tmp_path):
    """Beside a comma, 1,234 would be a thousand."""
    lines = [separator.join((f"{i / 7:.3f}".replace(".", mark), f"{i * i % 7}")) for i in range(20)]
    (tmp_path / "source.csv").write_text("\n".join([f"a{separator}b", *lines]))
    data = load_data(tmp_path / "source.csv", **WHOLE)
    target = tmp_path / f"written.{ending}"
    write_table(target, data.train.x, data.protocol)
    assert target.read_text().startswith(f"a{expected}b\n")
    means = [column.mean for column in (*data.columns, *load_data(target, **WHOLE).columns)]
    assert means[:2] == pytest.approx(means[2:], rel=1e-5)
