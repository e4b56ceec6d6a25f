"""The same column means the same in every kind of table: sources and meanings, with the right value of each."""

import csv
import datetime
import gzip
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from elbowroom.data import load_data, load_like, table_columns

N = 60
WHOLE = {"validation": 0, "test": 0}
WEEKS = [datetime.date(2024, 1, 31) + datetime.timedelta(weeks=i % 50) for i in range(N)]
TIMES = [datetime.datetime(2024, 1, 31, 8, 15) + datetime.timedelta(hours=i % 50) for i in range(N)]
EPOCH = datetime.datetime(1970, 1, 1)


@dataclass(frozen=True)
class ColumnMeaning:
    """The values of a column as a typed table holds them, and what a model has to see.

    Attributes:
        values: of the rows; None is an empty cell.
        kind: of the column.
        numbers: what is standardised, or the index of each category; NaN where the cell is empty.
        cells: as rows are written again, where these are not the values.
    """

    values: list
    kind: str
    numbers: list
    cells: list = field(default_factory=list)


def numbers_of(values, parse=float):
    return [np.nan if value is None else parse(value) for value in values]


def categories_of(values):
    names = sorted({str(value) for value in values if value is not None})
    return numbers_of(values, lambda value: names.index(str(value)))


def as_numbers(values, parse=float, cells=()):
    return ColumnMeaning(values, "number", numbers_of(values, parse), list(cells))


def as_categories(values):
    return ColumnMeaning(values, "category", categories_of(values), [None if v is None else str(v) for v in values])


def as_dates(values, written):
    days = [(datetime.datetime(*moment.timetuple()[:6]) - EPOCH) / datetime.timedelta(days=1) for moment in values]
    return ColumnMeaning(values, "date", days, [moment.strftime(written) for moment in values])


MEANINGS = {
    "whole numbers of few values": as_numbers([i % 3 + 1 for i in range(N)]),
    "whole numbers with empty cells": as_numbers([None if i % 7 == 3 else i % 10 + 1 for i in range(N)]),
    "counts": as_numbers([(i * i) % 31 for i in range(N)]),
    "real numbers": as_numbers([None if i % 7 == 3 else i * 0.25 for i in range(N)]),
    "two whole numbers": as_categories([i % 2 for i in range(N)]),
    "truth values": as_categories([i % 3 == 0 for i in range(N)]),
    "texts": as_categories([None if i % 7 == 3 else ("oak", "ash, old", "elm")[i % 3] for i in range(N)]),
    "leading zeros": as_categories([("01234", "10115", "80331")[i % 3] for i in range(N)]),
    "dates": as_dates(WEEKS, "%Y-%m-%d"),
    "times": as_dates(TIMES, "%Y-%m-%d %H:%M:%S"),
    "money": as_numbers([f"${1000 + i % 50:,}" for i in range(N)], lambda text: float(text[1:].replace(",", ""))),
    "percent": as_numbers([f"{i % 50} %" for i in range(N)], lambda text: float(text[:-2])),
    "decimal comma": as_numbers([f"{i % 50},5" for i in range(N)], lambda text: float(text.replace(",", "."))),
    "dates of texts": ColumnMeaning([f"{day:%d.%m.%Y}" for day in WEEKS], "date", as_dates(WEEKS, "%d.%m.%Y").numbers),
}


def write_csv(path, columns, delimiter=",", open_text=open, encoding="utf-8"):
    with open_text(path, "wt", newline="", encoding=encoding) as file:
        rows = csv.writer(file, delimiter=delimiter)
        rows.writerow(columns)
        rows.writerows(zip(*columns.values(), strict=True))
    return path


def write_parquet(path, columns):
    pq.write_table(pa.table(columns), path)
    return path


def hugging_face(columns):
    import datasets

    return datasets.Dataset(pa.table(columns))


SOURCES = {
    "csv": lambda folder, columns: write_csv(folder / "t.csv", columns),
    "csv with semicolons": lambda folder, columns: write_csv(folder / "t.csv", columns, ";"),
    "csv in UTF-16": lambda folder, columns: write_csv(folder / "t.csv", columns, encoding="utf-16"),
    "gzipped csv": lambda folder, columns: write_csv(folder / "t.csv.gz", columns, open_text=gzip.open),
    "tsv": lambda folder, columns: write_csv(folder / "t.tsv", columns, "\t"),
    "parquet": lambda folder, columns: write_parquet(folder / "t.parquet", columns),
    "pandas": lambda folder, columns: pd.DataFrame(columns),
    "pandas with nullable types": lambda folder, columns: pd.DataFrame(columns).convert_dtypes(),
    "pandas with objects": lambda folder, columns: pd.DataFrame(columns, dtype=object),
    "polars": lambda folder, columns: pl.DataFrame(columns),
    "arrow": lambda folder, columns: pa.table(columns),
    "dict": lambda folder, columns: columns,
    "dict of arrays": lambda folder, columns: {name: pd.Series(cells).to_numpy() for name, cells in columns.items()},
    "Hugging Face": lambda folder, columns: hugging_face(columns),
}
"""How each kind of table holds columns."""

LABELS = ["cat", "dog", "eel"] * (N // 3)
OTHER = [i / 7 for i in range(N)]


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("meaning", MEANINGS)
def test_column_means_the_same_in_every_table(tmp_path, source, meaning):
    right = MEANINGS[meaning]
    made = SOURCES[source](tmp_path, {"other": OTHER, "column": right.values, "label": LABELS})
    data = load_data(made, **WHOLE)
    column = data.columns[1]
    assert (column.name, column.kind) == ("column", right.kind)
    x = data.train.x[:, 1].double().numpy()
    numbers = x if right.kind == "category" else x * column.sd + column.mean
    assert np.allclose(numbers, right.numbers, atol=1e-4, equal_nan=True)
    if right.kind != "category":
        assert np.nanmean(x) == pytest.approx(0, abs=1e-5)
        assert np.nanstd(x) == pytest.approx(1, abs=1e-5)
    assert table_columns(data.train.x, data.protocol)["column"] == (right.cells or right.values)
    assert data.classes == ("cat", "dog", "eel")
    assert data.train.y.tolist() == [0, 1, 2] * (N // 3)


@pytest.mark.parametrize("source", SOURCES)
def test_every_table_has_the_same_record_and_is_coded_by_that_of_another(tmp_path, source):
    columns = {"other": OTHER, **{name: right.values for name, right in MEANINGS.items()}, "label": LABELS}
    text = load_data(write_csv(tmp_path / "first.csv", columns), **WHOLE)
    made = SOURCES[source](tmp_path, columns)
    data = load_data(made, **WHOLE)
    mark = "1000,5 %" if source == "csv with semicolons" else "1000.5 %"  # of numbers that have no decimals
    expected = [
        column | ({"format": mark} if column["name"] == "percent" else {}) for column in text.protocol["columns"]
    ]
    assert data.protocol["columns"] == expected
    assert data.protocol["table"] == text.protocol["table"]
    assert torch.equal(data.train.x.nan_to_num(9), text.train.x.nan_to_num(9))
    part = {name: values[:7] for name, values in columns.items()}
    like = load_like(SOURCES[source](tmp_path, part), text.protocol)
    assert torch.allclose(like.train.x, text.train.x[:7], atol=1e-6, equal_nan=True)
    assert torch.equal(like.train.y, text.train.y[:7])


def label_tables(labels):
    frame = pd.DataFrame({"other": OTHER})
    return {
        "column": frame.assign(label=labels),
        "column by name": frame.assign(species=labels),
        "column of objects": frame.assign(label=np.array(labels, dtype=object)),
        "column of categories": frame.assign(label=pd.Categorical(labels)),
        "Series": (frame, pd.Series(labels)),
        "Series with a name": (frame, pd.Series(labels, name="species")),
        "array": (frame, np.array(labels)),
        "list": (pl.DataFrame({"other": OTHER}), labels),
    }


@pytest.mark.parametrize("labels", [LABELS, [i % 3 for i in range(N)]], ids=["names", "numbers"])
def test_labels_mean_the_same_however_a_table_holds_them(labels):
    for name, source in label_tables(labels).items():
        data = load_data(source, label="species" if name == "column by name" else None, **WHOLE)
        assert data.train.y.tolist() == [0, 1, 2] * (N // 3), name
        assert data.classes == (("cat", "dog", "eel") if labels is LABELS else ("0", "1", "2")), name
        assert [column.name for column in data.columns] == ["other"], name
