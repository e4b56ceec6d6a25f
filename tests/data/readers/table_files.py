"""Tables for tests: rows of people, written to files, and decoded again."""

import csv

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

WHOLE = {"validation": 0, "test": 0}


def people(n=60, seed=0):
    """Return columns of a height and a town with missing cells, a vote, a number of children, and a label."""
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


def write_table(path, columns):
    """Write columns as .csv, .tsv or .parquet, by the ending of the path; None is an empty cell."""
    if path.suffix == ".parquet":
        pq.write_table(pa.table(columns), path)
    else:
        with open(path, "w", newline="", encoding="utf-8") as file:
            rows = csv.writer(file, delimiter="\t" if path.suffix == ".tsv" else ",")
            rows.writerow(columns)
            rows.writerows(
                ["" if value is None else str(value) for value in row] for row in zip(*columns.values(), strict=True)
            )
    return path


def decode_split(data, split="train"):
    """Return the cells of a split as they were before they were encoded."""

    def decode(value, column):
        if value != value:
            return None
        return column.categories[int(value)] if column.n_categories else value * column.sd + column.mean

    rows = getattr(data, split).x.double().tolist()
    return [[decode(*pair) for pair in zip(row, data.columns, strict=True)] for row in rows]
