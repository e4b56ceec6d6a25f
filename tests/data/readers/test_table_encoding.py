"""The encoding of columns: inferred kinds, standardisation, and the encoding of a second table like a first."""

import json

import numpy as np
import pyarrow as pa
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from elbowroom.data import Column, load_data, load_like, table_columns
from elbowroom.data.coding import recorded_arguments

from .table_files import WHOLE, decode_split, people, write_table


def test_numbers_are_standardized_by_the_training_rows(tmp_path):
    path = write_table(tmp_path / "people.csv", people(400))
    data = load_data(path, seed=3)
    there = data.train.x[:, 0][~data.train.x[:, 0].isnan()].double()
    assert there.mean() == pytest.approx(0, abs=1e-6)
    assert there.std(correction=0) == pytest.approx(1, abs=1e-6)
    heights = np.array([np.nan if h is None else h for h in people(400)["height"]])
    training = heights[data.train.source_rows.numpy()]
    assert data.columns[0].mean == pytest.approx(np.nanmean(training), rel=1e-9)
    assert data.columns[0].sd == pytest.approx(np.nanstd(training), rel=1e-6)
    standardized = (heights[data.test.source_rows.numpy()] - data.columns[0].mean) / data.columns[0].sd
    assert torch.allclose(data.test.x[:, 0], torch.from_numpy(standardized).float(), atol=1e-5, equal_nan=True)
    again = load_data(data.protocol["source"], **json.loads(json.dumps(data.protocol["arguments"])))
    assert again.protocol == data.protocol
    assert again.columns == data.columns
    assert json.loads(json.dumps(data.protocol["columns"])) == [column.record for column in data.columns]


def test_large_numbers_keep_their_differences(tmp_path):
    """Seconds since 1970: single precision alone would know minutes."""
    seconds = [1_700_000_000 + 7 * i for i in range(50)]
    data = load_data(write_table(tmp_path / "t.csv", {"when": seconds, "a": [i / 3 for i in range(50)]}), **WHOLE)
    assert [row[0] for row in decode_split(data)] == pytest.approx(seconds, abs=1e-3)


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(
            st.one_of(st.none(), st.floats(-1e6, 1e6, width=32)),
            st.one_of(st.none(), st.sampled_from(["a", "b b", 'c"', "d,d", "é"])),
        ),
        min_size=4,
        max_size=30,
    )
)
def test_decoding_inverts_encoding(tmp_path_factory, rows):
    numbers, names = ([row[place] for row in rows] for place in (0, 1))
    there = [number for number in numbers if number is not None]
    if len(set(there)) < 3 or np.std(there) < 1e-3 or len({name for name in names if name}) < 2:
        return
    folder = tmp_path_factory.mktemp("t")
    columns = {"x": numbers, "name": names}
    for suffix in ("csv", "parquet"):
        path = write_table(folder / f"t.{suffix}", columns)
        data = load_data(path, columns="x=number", **WHOLE)
        for (number, name), row in zip(rows, decode_split(data), strict=True):
            near = None if number is None else pytest.approx(number, abs=1e-6 * max(map(abs, there)) + 1e-6)
            assert row == [near, name]


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (["1.5", "2", "3"] * 9, "number"),
        (["yes", "no", ""] * 9, "category"),
        (["0", "1"], "category"),
        (["0.0", "1.0", "NA"] * 3, "category"),
        ([str(i % 3) for i in range(100)], "number"),
        (["1", "2", ""] * 9, "category"),
        (["1.5", "2.5"] * 9, "number"),
        (["01234", "10115", "80331"] * 9, "category"),
        (["0.5", "0", "00.5"] * 9, "category"),
        (["$1,005", "$20"] * 9, "number"),
        (["45 %", "7 %", "0,5 %"] * 9, "number"),
        (["20,5", "7", "-1,25"] * 9, "number"),
        (["1.005,50", "20", "1.000.000"] * 9, "number"),
        (["12 kg", "7 kg", "9 kg"] * 9, "category"),
        (["2020-01-31", "2021-02-28", ""] * 9, "date"),
        (["31.12.2020 08:15", "1.2.2021 23:59"] * 9, "date"),
        (["2020-01-31", "never"] * 9, "category"),
        (["1e3", "-2", "+.5"] * 9, "number"),
        (["1_0", "2_0", "x"] * 9, "category"),
        (["3", "x", "y"] * 9, "category"),
    ],
)
def test_infer_column_kind(tmp_path, values, kind):
    data = load_data(write_table(tmp_path / "t.csv", {"a": values, "b": [i / 7 for i in range(len(values))]}), **WHOLE)
    assert data.columns[0].kind == kind
    assert data.columns[1].kind == "number"


def test_column_kinds_can_be_given(tmp_path):
    table = {"zip": ["01", "02", "1", "02"] * 9, "few": [1, 2] * 18, "id": [f"n{i}" for i in range(36)]}
    path = write_table(tmp_path / "t.csv", table)
    data = load_data(path, columns="zip=category, few=number,id=drop", **WHOLE)
    assert [(c.name, c.kind) for c in data.columns] == [("zip", "category"), ("few", "number")]
    assert data.columns[0].categories == ("01", "02", "1")
    assert [row[0] for row in decode_split(data)] == table["zip"]
    same = load_data(path, columns={"zip": "category", "few": "number", "id": "drop"}, **WHOLE)
    assert torch.equal(same.train.x, data.train.x)
    assert load_data(path, **same.protocol["arguments"]).protocol == same.protocol


def test_another_table_with_the_same_encoding(tmp_path):
    data = load_data(write_table(tmp_path / "people.csv", people(200)))
    other = people(30, seed=5)
    del other["label"]
    other |= {"children": [None] * 30, "town": ["Rome"] * 30, "more": range(30)}
    order = ("more", "town", "children", "voted", "height")
    path = write_table(tmp_path / "other.parquet", {name: other[name] for name in order} | {"children": pa.nulls(30)})
    text = write_table(tmp_path / "other.csv", {name: other[name] for name in order})
    for columns in (data.columns, json.loads(json.dumps(data.protocol["columns"]))):
        scored = load_data(text, columns=columns, **WHOLE)
        assert scored.columns == data.columns
        assert scored.train.y is None
        assert scored.train.x[:, 3].isnan().all()
        assert scored.train.x[:, 1].eq(2).all()
        heights = torch.tensor([np.nan if h is None else h for h in other["height"]], dtype=torch.double)
        want = (heights - data.columns[0].mean) / data.columns[0].sd
        assert torch.allclose(scored.train.x[:, 0], want.float(), equal_nan=True)
        assert load_data(text, **scored.protocol["arguments"]).protocol == scored.protocol
    typed = load_data(path, columns=data.columns, **WHOLE)
    assert torch.equal(typed.train.x.nan_to_num(9), scored.train.x.nan_to_num(9))
    assert "numbers coded as given" in scored.protocol["preprocessing"]


def test_load_like_encodes_as_the_first_table(tmp_path):
    data = load_data(write_table(tmp_path / "people.csv", people(200)), columns="children=drop")
    path = write_table(tmp_path / "other.csv", people(30, seed=5))
    protocol = json.loads(json.dumps(data.protocol))
    like, named = load_like(path, protocol), load_data(path, columns=data.columns, **WHOLE)
    assert torch.equal(like.train.x.nan_to_num(9), named.train.x.nan_to_num(9))
    assert like.shape == data.shape
    with pytest.raises(ValueError, match=r"columns=\.\.\. is for tables, and an array is none of them: leave it out"):
        load_like(np.zeros((9, 3)), protocol)


def test_truth_values_of_other_spelling_and_numbers_of_other_form_are_the_same_categories(tmp_path):
    """Runs on a .parquet from before have its truth values in lower case."""
    known = [Column("a", "category", ("false", "true")), Column("b", "category", ("0", "1"))]
    path = write_table(tmp_path / "t.csv", {"a": ["True", "FALSE", "false"], "b": ["1.0", "0", "1"]})
    assert load_data(path, columns=known, **WHOLE).train.x.tolist() == [[1, 1], [0, 0], [0, 1]]


def test_table_of_a_run_from_before_is_encoded_as_then_to_the_last_bit(tmp_path):
    """Version 0.2 took few whole numbers and dates for categories; its record states the hash of its values."""
    rows = [
        (f"n{i}", i * i % 7 + 1, None if i % 9 == 4 else f"{i * 37 % 101 / 7:.3f}", ("01234", "10115")[i % 2])
        for i in range(300)
    ]
    table = dict(zip(("id", "stars", "x", "zip"), zip(*rows, strict=True), strict=True))
    table |= {"when": [("2020-01-01", "2021-02-03")[i % 3 > 0] for i in range(300)]}
    path = write_table(tmp_path / "t.csv", table | {"label": ["ab"[i % 5 > 2] for i in range(300)]})
    columns = [
        {"name": "stars", "kind": "category", "categories": ["1", "2", "3", "5"]},
        {"name": "x", "kind": "number", "mean": 7.13, "sd": 4.15},
        {"name": "zip", "kind": "category", "categories": ["1234", "10115"]},
        {"name": "when", "kind": "category", "categories": ["2020-01-01", "2021-02-03"]},
    ]
    protocol = {"columns": columns, "arguments": {"columns": "id=drop", "seed": 5, "stratified": False}}
    data = load_data(path, **recorded_arguments(protocol))
    assert data.protocol["fingerprint"] == "e5fa955cc6f5f169"
    assert [(column.name, column.kind, list(column.categories)) for column in data.columns] == [
        (column["name"], column["kind"], column.get("categories", [])) for column in columns
    ]
    assert load_data(path, columns="id=drop", seed=5).columns[0].kind == "number"


DOUBTFUL = {
    "1,005": "'a' read as numbers written like 1,000.5",
    "01/02/2021": "'a' read as dates %m/%d/%Y, the month first",
}


@pytest.mark.parametrize("text", DOUBTFUL)
def test_guess_that_may_be_wrong_is_said_once(tmp_path, text):
    cells = [text, text[:-1] + "2", text[:-1] + "7"] * 9
    path = write_table(tmp_path / "t.csv", {"a": cells, "b": [i / 7 for i in range(27)]})
    with pytest.warns(UserWarning, match=f"^t.csv: {DOUBTFUL[text]}$"):
        data = load_data(path)
    assert DOUBTFUL[text] in data.protocol["preprocessing"]
    again = load_data(path, **recorded_arguments(data.protocol))
    assert again.protocol["fingerprint"] == data.protocol["fingerprint"]
    assert again.columns == data.columns


def test_ids_and_columns_of_one_value_are_said_once(tmp_path):
    table = {
        "id": range(1, 31),
        "x": [i / 7 for i in range(30)],
        "country": ["UK"] * 30,
        "clientId": [i * i for i in range(30)],
    }
    path = write_table(tmp_path / "t.csv", table)
    said = (
        "nothing varies: 'country' is UK; 'id' and 'clientId' may be no more than an id of each row, .*"
        "--columns x=number,id=drop,clientId=drop$"
    )
    with pytest.warns(UserWarning, match=said):
        data = load_data(path, columns="x=number")
    again = load_data(path, **recorded_arguments(data.protocol))
    assert again.protocol["fingerprint"] == data.protocol["fingerprint"]
    assert again.protocol["table"]["constants"] == {"country": "UK"}


def test_cyclic_dates(tmp_path):
    days = [f"2024-{i % 12 + 1:02}-{i % 28 + 1:02} {i % 24:02}:00" for i in range(60)]
    path = write_table(tmp_path / "t.csv", {"on": days, "x": [i / 7 for i in range(60)]})
    data = load_data(path, columns="on=cyclic", **WHOLE)
    parts = [f"on: {name} of {cycle}" for cycle in ("year", "week", "day") for name in ("sin", "cos")]
    assert [column.name for column in data.columns] == ["on", *parts, "x"]
    decoded = [data.train.x[:, i] * column.sd + column.mean for i, column in enumerate(data.columns)]
    for sine, cosine in ((1, 2), (3, 4), (5, 6)):
        assert torch.allclose(decoded[sine] ** 2 + decoded[cosine] ** 2, torch.ones(60), atol=1e-4)
    hours = torch.arange(60) % 24
    assert torch.allclose(decoded[5], torch.sin(hours * 2 * torch.pi / 24), atol=1e-4)
    assert list(table_columns(data.train.x, data.protocol)) == ["on", "x"]
    assert table_columns(data.train.x, data.protocol)["on"] == days
    assert torch.allclose(load_like(path, data.protocol).train.x, data.train.x, atol=1e-5)
    again = load_data(path, **recorded_arguments(data.protocol))
    assert again.protocol["fingerprint"] == data.protocol["fingerprint"]


def test_categories_can_be_given_in_their_order(tmp_path):
    path = write_table(tmp_path / "t.csv", {"size": ["S", "L", "M", "S"], "x": [1.5, 2, 3, 4]})
    data = load_data(path, columns={"size": ["S", "M", "L", "XL"]}, **WHOLE)
    assert data.columns[0].categories == ("S", "M", "L", "XL")
    assert data.protocol["arguments"]["columns"] == "size=S|M|L|XL"
    assert load_data(path, columns="size=S|M|L|XL", **WHOLE).protocol == data.protocol
    assert data.train.x[:, 0].tolist() == [0, 2, 1, 0]
    assert load_data(path, **json.loads(json.dumps(data.protocol["arguments"]))).protocol == data.protocol
    with pytest.raises(ValueError, match=r"line 3 of .* has the unknown category 'L' in the column 'size'"):
        load_data(path, columns={"size": ["S", "M"]}, **WHOLE)
