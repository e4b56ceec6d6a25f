"""Tables of numbers and categories: how columns are told, coded, and coded again for other tables."""

import csv
import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import elbowroom as er
from elbowroom.cli import main
from elbowroom.data import BufferedSplit, Column, InMemorySplit, load_data, load_like
from elbowroom.data.readers import table

WHOLE = {"validation": 0, "test": 0}


def people(n=60, seed=0):
    """Rows of a height with gaps, a town with gaps, a vote, a number of children, and who they are."""
    rng = np.random.default_rng(seed)
    height = [None if i % 7 == 3 else round(float(h), 4) for i, h in enumerate(rng.normal(170, 10, n))]
    town = [None if i % 9 == 4 else ("Bonn", "Rome", "Oslo, old")[i % 3] for i in range(n)]
    return {
        "height": height,
        "town": town,
        "voted": [bool(i % 2) for i in range(n)],
        "children": [int(c) for c in rng.integers(0, 4, n)],
        "label": [("cat", "dog")[i % 5 > 2] for i in range(n)],
    }


def text(value):
    return "" if value is None else str(value)


def write(path, columns):
    if path.suffix == ".parquet":
        pq.write_table(pa.table(columns), path)
    else:
        with open(path, "w", newline="", encoding="utf-8") as file:
            rows = csv.writer(file, delimiter="\t" if path.suffix == ".tsv" else ",")
            rows.writerow(columns)
            rows.writerows([text(value) for value in row] for row in zip(*columns.values(), strict=True))
    return path


def decoded(data, split="train"):
    """The cells of a split as they were before they were coded."""
    rows = []
    for row in getattr(data, split).x.double().tolist():
        cells = []
        for value, column in zip(row, data.columns, strict=True):
            if value != value:
                cells.append(None)
            else:
                coded = column.categories[int(value)] if column.count else value * column.sd + column.mean
                cells.append(coded)
        rows.append(cells)
    return rows


# reading


@pytest.mark.parametrize("suffix", ["csv", "tsv", "parquet"])
def test_a_table_of_all_kinds(tmp_path, suffix):
    table = people()
    data = load_data(write(tmp_path / f"people.{suffix}", table), **WHOLE)
    assert isinstance(data.train, InMemorySplit)
    assert (data.name, data.shape, data.discrete, data.binary) == ("people", (4,), False, False)
    assert [(c.name, c.kind, c.n_categories) for c in data.columns] == [
        *[("height", "number", 0), ("town", "category", 3)],
        *[("voted", "category", 2), ("children", "category", 4)],
    ]
    assert data.columns[3].categories == ("0", "1", "2", "3")
    assert data.classes == ("cat", "dog")
    assert data.train.y.tolist() == [int(name == "dog") for name in table["label"]]
    want = zip(table["height"], table["town"], table["voted"], table["children"], strict=True)
    for (height, town, voted, children), row in zip(want, decoded(data), strict=True):
        assert row[0] == (None if height is None else pytest.approx(height, abs=1e-4))
        assert row[1:] == [town, row[2], str(children)]
        assert row[2].lower() == str(voted).lower()
    missing = sum(value is None for name in ("height", "town") for value in table[name])
    assert f"numbers standardised by the training rows, {missing} cells missing" in data.protocol["preprocessing"]


def test_numbers_have_mean_0_and_deviation_1_in_train_alone(tmp_path):
    path = write(tmp_path / "people.csv", people(400))
    data = load_data(path, seed=3)
    there = data.train.x[:, 0][~data.train.x[:, 0].isnan()].double()
    assert there.mean() == pytest.approx(0, abs=1e-6)
    assert there.std(correction=0) == pytest.approx(1, abs=1e-6)
    heights = np.array([np.nan if h is None else h for h in people(400)["height"]])
    mine = heights[data.train.origin.numpy()]
    assert data.columns[0].mean == pytest.approx(np.nanmean(mine), rel=1e-9)
    assert data.columns[0].sd == pytest.approx(np.nanstd(mine), rel=1e-6)
    test = torch.from_numpy((heights[data.test.origin.numpy()] - data.columns[0].mean) / data.columns[0].sd).float()
    assert torch.allclose(data.test.x[:, 0], test, atol=1e-5, equal_nan=True)
    again = load_data(data.protocol["source"], **json.loads(json.dumps(data.protocol["arguments"])))
    assert again.protocol == data.protocol
    assert again.columns == data.columns
    assert json.loads(json.dumps(data.protocol["columns"])) == [column.record for column in data.columns]


def test_large_numbers_keep_their_differences(tmp_path):
    """Seconds since 1970: single precision alone would know minutes."""
    seconds = [1_700_000_000 + 7 * i for i in range(50)]
    data = load_data(write(tmp_path / "t.csv", {"when": seconds, "a": [i / 3 for i in range(50)]}), **WHOLE)
    assert [row[0] for row in decoded(data)] == pytest.approx(seconds, abs=1e-3)


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
def test_coding_loses_nothing(tmp_path_factory, rows):
    numbers, names = ([row[place] for row in rows] for place in (0, 1))
    there = [number for number in numbers if number is not None]
    if len(set(there)) < 3 or np.std(there) < 1e-3 or len({name for name in names if name}) < 2:
        return
    folder = tmp_path_factory.mktemp("t")
    columns = {"x": numbers, "name": names}
    for suffix in ("csv", "parquet"):
        path = write(folder / f"t.{suffix}", columns)
        data = load_data(path, columns="x=number", **WHOLE)
        for (number, name), row in zip(rows, decoded(data), strict=True):
            near = None if number is None else pytest.approx(number, abs=1e-6 * max(map(abs, there)) + 1e-6)
            assert row == [near, name]


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (["1.5", "2", "3"] * 9, "number"),
        (["yes", "no", ""] * 9, "category"),
        (["0", "1"], "category"),
        (["0.0", "1.0", "NA"] * 3, "category"),
        ([str(i % 10) for i in range(100)], "category"),
        ([str(i % 10) for i in range(99)], "number"),
        ([str(i % 11) for i in range(1000)], "number"),
        (["1e3", "-2", "+.5"] * 9, "number"),
        (["1_0", "2_0", "x"] * 9, "category"),
        (["3", "x", "y"] * 9, "category"),
    ],
)
def test_what_a_column_holds(tmp_path, values, kind):
    data = load_data(write(tmp_path / "t.csv", {"a": values, "b": [i / 7 for i in range(len(values))]}), **WHOLE)
    assert data.columns[0].kind == kind
    assert data.columns[1].kind == "number"


def test_kinds_can_be_given(tmp_path):
    table = {"zip": ["01", "02", "1", "02"] * 9, "few": [1, 2] * 18, "id": [f"n{i}" for i in range(36)]}
    path = write(tmp_path / "t.csv", table)
    data = load_data(path, columns="zip=category, few=number,id=drop", **WHOLE)
    assert [(c.name, c.kind) for c in data.columns] == [("zip", "category"), ("few", "number")]
    assert data.columns[0].categories == ("01", "02", "1")
    assert [row[0] for row in decoded(data)] == table["zip"]
    same = load_data(path, columns={"zip": "category", "few": "number", "id": "drop"}, **WHOLE)
    assert torch.equal(same.train.x, data.train.x)
    assert load_data(path, **same.protocol["arguments"]).protocol == same.protocol


def test_text_as_it_comes(tmp_path):
    path = tmp_path / "t.csv"
    lines = [";name;size", '0;"a;b"; 1.5', "", "1;c ;?", '2;"a;b";3', "3;c;-2"]
    path.write_text("\ufeff" + "\r\n".join(lines), encoding="utf-8")
    data = load_data(path, **WHOLE)
    want = [("a;b", 1.5), ("c", None), ("a;b", 3.0), ("c", -2.0)]
    assert [(c.name, c.kind) for c in data.columns] == [("name", "category"), ("size", "number")]
    assert decoded(data) == [[n, s if s is None else pytest.approx(s)] for n, s in want]


def test_labels(tmp_path):
    table = people()
    path = write(tmp_path / "people.csv", table)
    by_town = load_data(write(tmp_path / "t.csv", people() | {"town": ["x", "y"] * 30}), label="town", **WHOLE)
    assert by_town.classes == ("x", "y")
    assert [c.name for c in by_town.columns] == ["height", "voted", "children", "label"]
    none = load_data(path, label="", **WHOLE)
    assert (none.train.y, none.classes, len(none.columns)) == (None, None, 5)
    numbers = load_data(path, label="children", **WHOLE)
    assert numbers.train.y.tolist() == table["children"]
    assert numbers.classes == ("0", "1", "2", "3")
    targets = load_data(write(tmp_path / "u.csv", {"a": range(40), "target": [i / 3 for i in range(40)]}), **WHOLE)
    assert torch.allclose(targets.train.y, torch.arange(40) / 3)
    assert len(load_data(path, only="dog", **WHOLE).train) == table["label"].count("dog")


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_splits_by_the_names_of_files(tmp_path, suffix):
    for name, n in (("train", 40), ("test", 9)):
        write(tmp_path / f"{name}.{suffix}", people(n))
    write(tmp_path / f"train-2.{suffix}", people(20, seed=1) | {"town": ["Lima", "Bonn"] * 10})
    data = load_data(tmp_path / f"*.{suffix}", validation=0)
    assert data.protocol["sizes"] == {"train": 60, "test": 9}
    assert data.columns[1].categories == ("Bonn", "Lima", "Oslo, old", "Rome")
    one = load_data(tmp_path / f"test.{suffix}", columns=data.columns, **WHOLE)
    assert torch.allclose(one.train.x, data.test.x, atol=1e-6, equal_nan=True)
    assert torch.equal(one.train.y, data.test.y)


def test_numbers_larger_than_memory_or_with_a_buffer_are_read_in_parts(tmp_path, monkeypatch):
    path = write(tmp_path / "t.parquet", {"a": [1.5, 2.0, 9.0], "b": [1, 2, 3]})
    assert isinstance(load_data(path, buffer=9, **WHOLE).train, BufferedSplit)
    monkeypatch.setattr(table, "available_memory", lambda: 9)
    data = load_data(path, **WHOLE)
    assert isinstance(data.train, BufferedSplit)
    assert data.columns is None
    assert data.train.first(3).x.tolist() == [[1.5, 1.0], [2.0, 2.0], [9.0, 3.0]]


def test_what_is_missing_is_outside_unless_it_may_be(tmp_path):
    data = load_data(write(tmp_path / "people.csv", people()), **WHOLE)
    split, row, value = data.find_out_of_range(-99, 99)
    assert (split, row, value != value) == ("train", 3, True)
    assert data.find_out_of_range(-99, 99, missing=True) is None
    assert data.find_out_of_range(-99, 2.5, missing=True)[2] > 2.5


# other tables, coded alike


def test_another_table_is_coded_as_the_first_was(tmp_path):
    data = load_data(write(tmp_path / "people.csv", people(200)))
    other = people(30, seed=5)
    del other["label"]
    other |= {"children": [None] * 30, "town": ["Rome"] * 30, "more": range(30)}
    order = ("more", "town", "children", "voted", "height")
    path = write(tmp_path / "other.parquet", {name: other[name] for name in order} | {"children": pa.nulls(30)})
    text = write(tmp_path / "other.csv", {name: other[name] for name in order})
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
    lower = [replace_case(column) for column in data.columns]  # booleans are written otherwise in parquet
    assert torch.equal(load_data(path, columns=lower, **WHOLE).train.x.nan_to_num(9), scored.train.x.nan_to_num(9))
    assert "numbers coded as given" in scored.protocol["preprocessing"]


def test_loaded_like_the_first(tmp_path):
    data = load_data(write(tmp_path / "people.csv", people(200)), columns="children=drop")
    path = write(tmp_path / "other.csv", people(30, seed=5))
    protocol = json.loads(json.dumps(data.protocol))
    like, named = load_like(path, protocol), load_data(path, columns=data.columns, **WHOLE)
    assert torch.equal(like.train.x.nan_to_num(9), named.train.x.nan_to_num(9))
    assert like.shape == data.shape
    with pytest.raises(ValueError, match=r"columns=\.\.\. is for tables, and an array is none of them: leave it out"):
        load_like(np.zeros((9, 3)), protocol)


def replace_case(column):
    lower = tuple(name.lower() for name in column.categories) if column.name == "voted" else column.categories
    return Column(column.name, column.kind, lower, column.mean, column.sd)


KNOWN = [
    {"name": "height", "kind": "number", "mean": 170.0, "sd": 10.0},
    {"name": "town", "kind": "category", "categories": ["Bonn", "Rome"]},
]


WRONG = [
    (
        "height,town\n1.6,Bonn\n2,Oslo\n,Oslo",
        {"columns": KNOWN},
        "line 3 of .*t.csv has the unknown category 'Oslo' in the column 'town', in 2 of 3 rows: expected Bonn, Rome",
    ),
    ("height\n1.6\n2", {"columns": KNOWN}, "t.csv lacks the column 'town': expected height, town; add it"),
    (
        "height,town\n1.6,Bonn\ntall,Rome\nx,Rome",
        {"columns": KNOWN},
        "line 3 of .*t.csv has 'tall' in the column 'height', where numbers are expected, one of 2 such rows",
    ),
    (
        "height,town\ninf,Bonn",
        {"columns": KNOWN},
        "line 2 of .*t.csv has 'inf' in the column 'height', where num",
    ),
    (
        "a,b\n1.5,\n2.5,NA\n3.7,",
        {},
        "column 'b' of t.csv is empty in every row: fill it, or leave it out: columns='b=drop', on .* --columns b=drop",
    ),
    ("a,b\n1.5,7\n2.5,7\n3.5,", {}, "column 'b' of t.csv is 7 in every row that has it: there is nothing to learn"),
    (
        "a,b\n1.5,1\n2.5,2\n3.5,none",
        {},
        "line 4 of .*t.csv has 'none' in the column 'b', where 67% are numbers: .* columns='b=category'",
    ),
    (
        "a,b\n" + "\n".join(f"{i}.5,n{i}" for i in range(99)),
        {},
        "column 'b' of t.csv has 99 different texts in 99 rows, too many for categories: make them numbers or fewer",
    ),
    ("a,b\n1,2", {"columns": "c=drop"}, "unknown column of t.csv 'c'.*Known: a, b"),
    (
        "a,b\n1,2",
        {"columns": "a=text"},
        "columns: 'a=text' is not understood: give NAME=number, NAME=category or",
    ),
    ("a,b\n1,2", {"columns": "a"}, "columns: '=a' is not understood"),
    ("a,b\n1,2\n3,4", {"label": "lable"}, "unknown column of t.csv 'lable'"),
    ("a,b\n1,2\n3,4", {"columns": "a=drop,b=drop"}, "t.csv has no columns for examples: expected numbers or categor"),
    (
        "a,label\n1.5,x\n3,\n4,",
        {},
        "line 3 of .*t.csv has no label in the column 'label', one of 2 such rows: fill it, leave the row out, or",
    ),
    ("a,b\n1,2,3", {}, "line 2 of .*t.csv has 3 cells and its first line 2: expected as many"),
    ("1,2\n3,4", {}, "first line of .*t.csv holds numbers: expected the names of the columns"),
    ("a,b,a\n1,2,3", {}, "t.csv has more than one column called 'a': expected a name for each"),
    ("a,,b\n1,2,3", {}, "t.csv has a column without a name"),
    ("a,b", {}, "t.csv has no rows: expected a line of names, then a line for every example"),
    ("", {}, "t.csv has no rows"),
    ('a,b\n1,"2' + "x" * 200_000, {}, "t.csv is no table of text .field larger than field limit"),
    ("a,b\n1,2", {"buffer": 9}, "buffer=9 is for what is read in parts: .* and t.csv is none of them"),
    ("a,b\n1,2", {"resize": 9}, "resize=9 is for pictures in files, and t.csv is none of them: leave it out"),
    ("a,b\n1.5,2\n2.5,3\n3.5,4", {"binarise": "threshold"}, "binarise='threshold' needs values in .0, 1."),
    ("a,b\n1.5,2\n2.5,3\n3.5,4", {"flip": True}, r"flip is for pictures, and the examples have shape \(2,\)"),
]


@pytest.mark.parametrize(("lines", "options", "words"), WRONG)
def test_what_is_wrong_is_told_in_one_line(tmp_path, lines, options, words):
    (tmp_path / "t.csv").write_text(lines)
    with pytest.raises(ValueError, match=words) as error:
        load_data(tmp_path / "t.csv", **WHOLE, **options)
    assert "\n" not in str(error.value)


def test_a_column_that_training_rows_lack(tmp_path):
    table = {"a": [i / 3 for i in range(40)], "b": [None] * 40}
    kept = load_data(write(tmp_path / "t.csv", {"a": table["a"]})).train.origin.tolist()
    away = [i for i in range(40) if i not in kept]
    table["b"] = [i / 7 if i in away else None for i in range(40)]
    with pytest.raises(ValueError, match="column 'b' has nothing in the rows that are trained on: fill it, or"):
        load_data(write(tmp_path / "t.csv", table))
    table["b"] = [i / 7 if i in away else 1.5 for i in range(40)]
    with pytest.raises(ValueError, match="column 'b' has one value in the rows that are trained on"):
        load_data(write(tmp_path / "t.csv", table))


FILES = [
    (
        {"t.parquet": {"a": [1.0, 2.0], "when": pa.array([1, 2], pa.timestamp("ms"))}},
        r"column 'when' of .*t.parquet holds timestamp\[ms\] values: expected numbers, texts or .*='when=drop'",
    ),
    ({"t.parquet": {"a": pa.array([], pa.float32())}}, "t.parquet is empty: expected at least one row"),
    ({"t.parquet": {"a": [1.0, 2.0], "b": pa.nulls(2)}}, "column 'b' of t.parquet is empty in every row"),
    ({"train.parquet": {"a": [1.0]}, "train-2.parquet": {"b": [1.0]}}, "columns of .* are a and those of .* b: expec"),
    ({"train.csv": {"a": [1, 2]}, "train-2.csv": {"a": [1], "b": [2]}}, "columns of .* are a and those of .* a, b: e"),
    ({"train.csv": {"a": [1.5, 2.5]}, "test.csv": {"b": [1]}}, "lacks the column 'a': expected a; add it"),
]


@pytest.mark.parametrize(("files", "words"), FILES)
def test_files_that_do_not_fit(tmp_path, files, words):
    for name, columns in files.items():
        write(tmp_path / name, columns)
    with pytest.raises(ValueError, match=words):
        load_data(tmp_path / ("t*." + next(iter(files)).rpartition(".")[2]))


def test_a_damaged_file(tmp_path):
    (tmp_path / "t.csv").write_bytes(b"a,b\n1,\xff\n")
    with pytest.raises(ValueError, match=r"t.csv is not a whole .csv file \(.utf-8. codec can't decode"):
        load_data(tmp_path / "t.csv")
    with pytest.raises(ValueError, match=r"no such file or folder: .*gone.csv"):
        load_data(tmp_path / "gone.csv")


# training


def mixed(n=400, seed=0, away=0.15):
    """Rows of which one number and one category each follow from two others, with a share of the cells emptied."""
    rng = np.random.default_rng(seed)
    size, age = rng.normal(size=(2, n))
    columns = {
        "height": [f"{170 + 10 * v + rng.normal():.3f}" for v in size],
        "weight": [f"{70 + 12 * v + rng.normal():.3f}" for v in size],
        "age": [f"{40 + 9 * v:.3f}" for v in age],
        "school": [("none", "primary", "higher")[int(np.clip(v + 1.5, 0, 2))] for v in age],
    }
    full = {name: list(cells) for name, cells in columns.items()}
    for cells in columns.values():
        for place in np.flatnonzero(rng.random(n) < away):
            cells[place] = None
    return columns, full


SMALL = ["--latent", "2", "--hidden", "32", "--lr", "0.01", "--batch-size", "50", "--device", "cpu"]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A folder with a table of mixed columns and gaps, and a run on it that no likelihood was asked for."""
    folder = tmp_path_factory.mktemp("table")
    columns, full = mixed()
    write(folder / "people.csv", columns)
    source, out = str(folder / "people.csv"), str(folder / "run")
    assert main(["train", "vae", "--data", source, *SMALL, "--epochs", "30", "--out", out]) == 0
    return folder, full


def test_a_table_with_empty_cells_trains_without_a_word(trained):
    run = er.Run(trained[0] / "run")
    assert run.record["arguments"]["likelihood"] == "columns:1,1,1,3"
    assert [type(c).__name__ for c in run.model().decoder.family.columns] == ["Gaussian"] * 3 + ["Classes"]
    assert run.metrics("test")[-1]["elbo"] > run.metrics("test")[0]["elbo"] + 0.5
    from elbowroom.runs.command import repeat_command

    assert "--likelihood" not in repeat_command(run.record).line


def test_the_bound_is_that_of_the_cells_that_are_there(trained):
    """Emptied cells take their own log-probability out of the row's, and nothing else changes at the same code."""
    model, data = er.load(trained[0] / "run"), er.Run(trained[0] / "run").data()
    x = data.test.x[~data.test.x.isnan().any(1)][:9]
    p = model.decode(torch.randn(9, 2))
    alone = torch.stack([c.log_prob(x[:, i : i + 1]) for i, c in enumerate(p.columns)], 1)
    gone = torch.rand(x.shape) < 0.4
    torch.testing.assert_close(p.log_prob(x.masked_fill(gone, torch.nan)), alone.masked_fill(gone, 0).sum(1))
    nothing = model.draw(torch.full((2, 4), torch.nan), k=3)
    assert torch.equal(nothing.log_px, torch.zeros(3, 2))
    torch.testing.assert_close(nothing.elbo, -nothing.kl)


def test_what_is_missing_is_filled_in_and_the_rest_is_kept(trained, capsys):
    folder, full = trained
    for split in ("train", "test"):
        out = ["--split", split, "-n", "400", "--out", str(folder / "f.csv")]
        assert main(["reconstruct", str(folder / "run"), *out]) == 0
        with open(folder / "f.csv", newline="", encoding="utf-8") as file:
            names, *rows = csv.reader(file)
        assert names == list(full)
        part = getattr(er.Run(folder / "run").data(), split)
        empty = part.x.isnan().numpy()
        truth = np.array([[full[name][i] for name in names] for i in part.origin.tolist()])
        filled = np.array(rows)
        assert (filled != "").all()
        kept, given = filled[:, :3][~empty[:, :3]].astype(float), truth[:, :3][~empty[:, :3]].astype(float)
        assert kept == pytest.approx(given, abs=1e-3)
        assert (filled[:, 3] == truth[:, 3])[~empty[:, 3]].all()
    capsys.readouterr()


def test_heights_are_told_from_weights(trained):
    folder, _ = trained
    model, data = er.load(folder / "run"), er.Run(folder / "run").data()
    x = data.train.x[~data.train.x.isnan().any(1)]
    for column in (0, 1):
        again = model.reconstruct(x.index_fill(1, torch.tensor([column]), torch.nan))[:, column]
        assert (again - x[:, column]).square().mean() < 0.35 * x[:, column].var()
    school = model.reconstruct(x.index_fill(1, torch.tensor([3]), torch.nan))[:, 3]
    majority = x[:, 3].long().bincount().max() / len(x)
    assert (school == x[:, 3]).float().mean() > majority + 0.1


def test_a_table_is_judged_by_what_is_there(trained):
    figures = er.evaluate(trained[0] / "run", samples=5)
    assert {"mse", "category_error"} <= set(figures)
    for name in ("elbo", "importance_bound", "mse", "category_error"):
        assert figures[name].value == figures[name].value, name
    assert 0 <= figures["category_error"].value < 0.5
    assert figures["mse"].value < 0.5
    data, model = er.Run(trained[0] / "run").data(), er.load(trained[0] / "run")
    x = data.test.x[:, :3]
    off = (model.reconstruct(data.test.x)[:, :3] - x).square()
    by_row = [off[i][~x[i].isnan()].mean().item() for i in range(len(x)) if not x[i].isnan().all()]
    assert figures["mse"].value == pytest.approx(np.mean(by_row), rel=1e-4)


def test_strange_rows_are_found_with_cells_missing(trained, capsys):
    """The other table is coded as the first: only so are its heights strange."""
    folder, _ = trained
    columns, _ = mixed(60, seed=9)
    columns["height"] = [cell and f"{float(cell) + 60:.3f}" for cell in columns["height"]]
    write(folder / "tall.csv", columns)
    found = er.anomalies(folder / "run", str(folder / "tall.csv"), score=["elbo", "likelihood_ratio"], samples=3)
    assert found["elbo"]["auroc"].value > 0.85
    assert found.protocol["other"]["columns"] == er.Run(folder / "run").record["data"]["columns"]
    write(folder / "new.csv", columns | {"school": ["night"] * 60})
    assert main(["anomalies", str(folder / "run"), "--data", str(folder / "new.csv")]) == 2
    assert "unknown category 'night' in the column 'school'" in capsys.readouterr().err


def test_another_table_goes_through_the_model_and_comes_back(trained, capsys):
    folder, _ = trained
    columns, _ = mixed(12, seed=3)
    write(folder / "other.csv", columns | {"school": [None] * 12})
    made = ["--input", str(folder / "other.csv"), "--out", str(folder / "o.csv")]
    assert main(["reconstruct", str(folder / "run"), *made]) == 0
    assert main(["sample", str(folder / "run"), "-n", "7", "--out", str(folder / "s.csv")]) == 0
    for name, count in (("o.csv", 12), ("s.csv", 7)):
        with open(folder / name, newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        assert len(rows) == count
        assert {row["school"] for row in rows} <= {"none", "primary", "higher"}
        assert all(100 < float(row["height"]) < 240 for row in rows)
    assert main(["sample", str(folder / "run"), "--out", str(folder / "s.png")]) == 2
    assert "give an --out that ends in .npz or .csv" in capsys.readouterr().err


def test_a_run_on_a_table_goes_on_bit_for_bit(tmp_path, trained):
    from elbowroom import serialization
    from elbowroom.training.state import STEP, STOP

    data = load_data(trained[0] / "people.csv")

    @er.on.step
    def halt(state):
        state[STOP] = "interrupted" if state[STEP] == 7 else ""

    for out, callbacks in (("whole", ()), ("half", (halt,))):
        torch.manual_seed(0)
        er.fit(*er.recipes.vae(data.shape, latent=2), data, steps=16, out=tmp_path / out, callbacks=callbacks)
    er.resume(tmp_path / "half", callbacks=())
    for name, tensor in serialization.named_tensors(er.load(tmp_path / "whole")).items():
        assert torch.equal(serialization.named_tensors(er.load(tmp_path / "half"))[name], tensor), name


@pytest.mark.report
def test_a_report_of_a_table(tmp_path, trained):
    out = tmp_path / "run"
    data = str(trained[0] / "people.csv")
    assert main(["train", "conv_vae", "--data", data, "--size", "s", "--steps", "6", "--out", str(out)]) == 0
    assert er.Run(out).record["arguments"]["likelihood"] == "columns:1,1,1,3"
    assert "cells missing" in (out / "report.html").read_text(encoding="utf-8")


def test_another_likelihood_is_refused_with_the_flag_that_helps(tmp_path, trained, capsys):
    flags = ["--data", str(trained[0] / "people.csv"), "--out", str(tmp_path / "run")]
    assert main(["train", "vae", *flags, "--likelihood", "gaussian"]) == 2
    said = capsys.readouterr().err
    assert "holds nan" in said
    assert "or use --likelihood columns" in said
    assert main(["train", "vae", "--likelihood", "columns", "--out", str(tmp_path / "run")]) == 2
    assert "likelihood 'columns' is for tables, and examples of 1x8x8 are none" in capsys.readouterr().err


def test_rows_with_other_categories_are_refused(trained):
    x = np.array([[0.0, 0.0, 0.0, 2.0], [0.0, 0.0, 0.0, 3.0]])
    data = load_data(x, **WHOLE)
    with pytest.raises(ValueError, match=r"value 3 in column 4, row 1 of the source .*none of the Classes of 0 to 2"):
        er.evaluate(er.load(trained[0] / "run"), data, split="train", samples=1)


def test_a_table_of_numbers_takes_a_likelihood_that_is_asked_for(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    numbers = {name: [i % 17 / n for i in range(90)] for n, name in ((3, "a"), (7, "b"))}
    write(tmp_path / "people.csv", {"id": [f"n{i}" for i in range(90)], **numbers, "kind": ["x", "y", "z"] * 30})
    wishes = ["--data", "people.csv", "--label", "kind", "--columns", "id=drop", "--likelihood", "gaussian"]
    small = ["--latent", "2", "--hidden", "8", "--steps", "3", "--batch-size", "8", "--out", "run", "--device", "cpu"]
    assert main(["train", "vae", *wishes, *small]) == 0
    about = er.Run("run").record["data"]
    assert er.Run("run").record["arguments"]["likelihood"] == "gaussian"
    assert about["arguments"]["columns"] == "id=drop"
    assert [column["name"] for column in about["columns"]] == ["a", "b"]
    assert er.Run("run").data().classes == ("x", "y", "z")
