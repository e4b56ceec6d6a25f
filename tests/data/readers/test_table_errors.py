"""Tables that cannot be read: the message names file, row and column, in one line."""

import pyarrow as pa
import pytest

from elbowroom.data import load_data

from .table_files import WHOLE, write_table

COLUMNS = [
    {"name": "height", "kind": "number", "mean": 170.0, "sd": 10.0},
    {"name": "town", "kind": "category", "categories": ["Bonn", "Rome"]},
]


MALFORMED = [
    (
        "height,town\n1.6,Bonn\n2,Oslo\n,Oslo",
        {"columns": COLUMNS},
        "line 3 of .*t.csv has the unknown category 'Oslo' in the column 'town', in 2 of 3 rows: expected Bonn, Rome",
    ),
    ("height\n1.6\n2", {"columns": COLUMNS}, "t.csv lacks the column 'town': expected height, town; add it"),
    (
        "height,town\n1.6,Bonn\ntall,Rome\nx,Rome",
        {"columns": COLUMNS},
        "line 3 of .*t.csv has 'tall' in the column 'height', where numbers are expected, one of 2 such rows",
    ),
    (
        "height,town\ninf,Bonn",
        {"columns": COLUMNS},
        "line 2 of .*t.csv has 'inf' in the column 'height', where num",
    ),
    (
        "a,b\n1.5,1\n2.5,2\n3.5,none",
        {},
        "line 4 of .*t.csv has 'none' in the column 'b', where 2 of 3 are numbers: .* columns='b=category', on",
    ),
    (
        "a,b,c d\n1.5,1,x\n2.5,2,y\n3.5,none,x\n" + "\n".join(f"n{i},{i},x" for i in range(40)),
        {"columns": "c d=category"},
        r"'a' has 43 different texts in 43 rows, as ids, too many for categories; .* where 42 of 43 are numbers.*"
        r"Say what they are: columns='c d=category,a=drop,b=drop', on .* --columns 'c d=.*,b=drop'",
    ),
    (
        "height,town,a\ntall,Oslo,x",
        {"columns": COLUMNS},
        "has 'tall' in the column 'height', where numbers are expected: .*; line 2 .* the unknown category 'Oslo'",
    ),
    ("a\n1.5\n2", {"columns": COLUMNS}, "t.csv lacks the columns 'height', 'town': expected height, town; add them"),
    ("a,b\n1.5,x\n2.5,y", {"columns": "b=date"}, "'b' has 'x' and others that are no dates of one form. Say"),
    ("a,b\n1.5,x\n2.5,y", {"columns": "a=cyclic"}, "'a' has '1.5' and others that are no dates.* --columns a=number"),
    ("a,b\n1.5,x\n1.5,x", {}, "t.csv has no columns for examples: .*; nothing varies in 'a', 'b'"),
    ("a,b\n1.5,x\n2.5,y", {"columns": "b=number"}, "has 'x' in the column 'b', where numbers are expected.*b=drop'"),
    (
        "a,b\n" + "\n".join(f"{i}.5,n{i}" for i in range(99)),
        {},
        "t.csv: 'b' has 99 different texts in 99 rows, as ids, too many for categories. Say .*, .* --columns b=drop",
    ),
    ("a,b\n1,2", {"columns": "c=drop"}, "unknown column of t.csv 'c'.*Known: a, b"),
    (
        "a,b\n1,2",
        {"columns": "a=text"},
        "columns: 'a=text' is not understood: give NAME=number, NAME=category, .* or NAME=drop",
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
    (
        "a" * 300 + ",b\n3,4",
        {},
        "first line of .*t.csv holds a text of 300 characters: expected the names of the columns",
    ),
    ("a,b,a\n1,2,3", {}, "t.csv has more than one column called 'a': expected a name for each"),
    ("a,,b\n1,2,3", {}, "t.csv has a column without a name"),
    ("a,b", {}, "t.csv has no rows: expected a line of names, then a line for every example"),
    ("", {}, "t.csv has no rows"),
    ('a,b\n1,"2' + "x" * 200_000, {}, "t.csv is no table of text .field larger than field limit"),
    ("a,b\n1,2", {"buffer": 9}, "buffer=9 is for what is read in parts: .* and t.csv is none of them"),
    ("a,b\n1,2", {"resize": 9}, "resize=9 is for images in files, and t.csv is none of them: leave it out"),
    ("a,b\n1.5,2\n2.5,3\n3.5,4", {"binarize": "threshold"}, "binarize='threshold' needs values in .0, 1."),
    ("a,b\n1.5,2\n2.5,3\n3.5,4", {"flip": True}, r"flip is for images, and the examples have shape \(2,\)"),
]


@pytest.mark.parametrize(("lines", "options", "message"), MALFORMED)
def test_error_names_the_problem_in_one_line(tmp_path, lines, options, message):
    (tmp_path / "t.csv").write_text(lines)
    with pytest.raises(ValueError, match=message) as error:
        load_data(tmp_path / "t.csv", **WHOLE, **options)
    assert "\n" not in str(error.value)


MISMATCHED = [
    (
        {"t.parquet": {"a": [1.0, 2.0], "took": pa.array([1, 2], pa.duration("ms"))}},
        r"column 'took' of .*t.parquet holds duration.* values: expected numbers, texts, booleans or .*='took=drop'",
    ),
    ({"t.parquet": {"a": pa.array([], pa.float32())}}, "t.parquet is empty: expected at least one row"),
    ({"t.parquet": {"a": [1.0, 1.0], "b": pa.nulls(2)}}, "t.parquet has no columns for examples: expected numbers"),
    ({"train.parquet": {"a": [1.0]}, "train-2.parquet": {"b": [1.0]}}, "columns of .* are a and those of .* b: expec"),
    ({"train.csv": {"a": [1, 2]}, "train-2.csv": {"a": [1], "b": [2]}}, "columns of .* are a and those of .* a, b: e"),
    ({"train.csv": {"a": [1.5, 2.5]}, "test.csv": {"b": [1]}}, "lacks the column 'a': expected a; add it"),
]


@pytest.mark.parametrize(("files", "message"), MISMATCHED)
def test_mismatched_files(tmp_path, files, message):
    for name, columns in files.items():
        write_table(tmp_path / name, columns)
    with pytest.raises(ValueError, match=message):
        load_data(tmp_path / ("t*." + next(iter(files)).rpartition(".")[2]))


def test_damaged_and_missing_files(tmp_path):
    (tmp_path / "t.csv").write_bytes(b"\xff\xfea\x00,")
    with pytest.raises(ValueError, match=r"t.csv is not a whole .csv file \(.utf-16-le. codec can't decode"):
        load_data(tmp_path / "t.csv")
    with pytest.raises(ValueError, match=r"no such file or folder: .*gone.csv"):
        load_data(tmp_path / "gone.csv")
