"""Text of tables: encodings, delimiters, quotes and what stands before the names."""

import gzip

import pytest

from elbowroom.data import load_data, write_table
from elbowroom.data.readers.csv import find_delimiter

from .table_files import WHOLE, decode_split

LINES = ["größe,ort", "1.5,Köln", "2.5,Łódź", "4,Köln"]
LATIN = ["größe,ort", "1.5,Köln", "2.5,Mölln – Ost", "4,Köln"]
TEXTS = [
    ("utf-8", LINES, ","),
    ("utf-8-sig", LINES, ","),
    ("utf-16", LINES, ","),
    ("cp1252", LATIN, ","),
    ("utf-8", LINES, ";"),
    ("utf-8", LINES, "\t"),
    ("utf-8", LINES, "|"),
    ("utf-16", LINES, ";"),
    ("utf-8", ["sep=,", *LINES], ";"),
    ("utf-8", ["# written by hand", "#", *LINES], ","),
    ("utf-8", [line.replace(",", ",   ") for line in LINES], ","),
]


@pytest.mark.parametrize(("encoding", "lines", "delimiter"), TEXTS)
@pytest.mark.parametrize("ending", ["\n", "\r\n"])
@pytest.mark.parametrize("is_gzipped", [False, True])
def test_same_table_in_any_encoding_and_with_any_delimiter(tmp_path, encoding, lines, delimiter, ending, is_gzipped):
    content = ending.join(lines).replace(",", delimiter).encode(encoding)
    path = tmp_path / ("t.csv.gz" if is_gzipped else "t.csv")
    path.write_bytes(gzip.compress(content) if is_gzipped else content)
    data = load_data(path, **WHOLE)
    assert [(column.name, column.kind) for column in data.columns] == [("größe", "number"), ("ort", "category")]
    towns = [line.replace(", ", ",").rpartition(",")[2].strip() for line in lines[-3:]]
    assert [row[1] for row in decode_split(data)] == towns
    assert ("text read as cp1252" in data.protocol["preprocessing"]) == (encoding == "cp1252")


def test_quoted_cells_hold_delimiters_and_lines(tmp_path):
    (tmp_path / "t.csv").write_text('n,"a, name\nof two lines"\n1.5,"x\ny"\n2.5,"x; z"\n3,"x\ny"\n')
    data = load_data(tmp_path / "t.csv", **WHOLE)
    assert [column.name for column in data.columns] == ["n", "a, name\nof two lines"]
    assert data.columns[1].categories == ("x\ny", "x; z")


@pytest.mark.parametrize(
    ("text", "delimiter"),
    [
        ("a;b\n1,5;2,5\n3,5;4,5", ";"),
        ("name\nx, y", ","),
        ('"a;b;c",d\n"x;y;z",1', ","),
        ("a|b,c|d\n1|2,5|3\n1|2|3", "|"),
        ("a\tb c, d\n1\t2", "\t"),
        ("", ","),
    ],
)
def test_delimiter_is_that_by_which_all_lines_have_as_many_cells(text, delimiter):
    assert find_delimiter(text) == delimiter


def test_spaces_around_cells_mean_nothing_and_are_written_again(tmp_path):
    text = "a, b,label\n1.5, oak , x\n 2.5,oak,x\n3, elm, y\n4, ?, y\n"
    (tmp_path / "t.csv").write_text(text)
    data = load_data(tmp_path / "t.csv", **WHOLE)
    assert (data.columns[1].name, data.columns[1].categories, data.classes) == ("b", ("elm", "oak"), ("x", "y"))
    assert data.train.x[:3, 1].tolist() == [1, 1, 0]
    filled = data.train.x.nan_to_num(1.0)
    write_table(tmp_path / "o.csv", filled, data.protocol, known=data.cells())
    assert (tmp_path / "o.csv").read_text() == text.replace("a, b", "a,b").replace(" ?", "oak")
