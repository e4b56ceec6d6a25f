"""Sparse matrices of scipy, with or without labels and names of their columns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from elbowroom.data.options import ReadOptions
from elbowroom.data.raw import RawDataset
from elbowroom.data.readers.sparse import read_sparse_rows
from elbowroom.data.sources.registry import Classes, object_reader

#: What a dict of a sparse matrix may hold: the matrix, labels of its rows and names of its columns.
KEYS = ("x", "y", "items")


def is_sparse(source: Any) -> bool:
    """Return whether a source is a sparse matrix, a pair of one and labels, or a dict with one as x."""
    if isinstance(source, Mapping):
        x = source.get("x")
    else:
        x = source[0] if isinstance(source, tuple) and len(source) == 2 else source
    return type(x).__module__.startswith("scipy.sparse")


@object_reader("sparse", "a sparse matrix", matches=is_sparse, options=("buffer",))
def read_sparse(source: Any, options: ReadOptions, classes: Classes, where: str) -> RawDataset:
    """Read the rows of a sparse matrix (N, D).

    Raises:
        ValueError: a matrix that is empty, or not of numbers, names of another number, or another key of a dict.
    """
    if isinstance(source, Mapping):
        unknown = next((key for key in source if key not in KEYS), None)
        if unknown is not None:
            raise ValueError(f"the dict has the unknown key {unknown!r}: expected {', '.join(KEYS)}")
        matrix, y, items = map(source.get, KEYS)
    else:
        (matrix, y), items = source if isinstance(source, tuple) else (source, None), None
    raw = read_sparse_rows(matrix, y, options, classes, where, items)
    raw.name = type(matrix).__name__
    return raw
