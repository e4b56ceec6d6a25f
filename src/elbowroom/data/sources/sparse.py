"""Sparse matrices of scipy, with or without labels."""

from __future__ import annotations

from typing import Any

from elbowroom.data.options import ReadOptions
from elbowroom.data.raw import RawDataset
from elbowroom.data.readers.sparse import read_sparse_rows
from elbowroom.data.sources.registry import Classes, object_reader


def is_sparse(source: Any) -> bool:
    """Return whether a source is a sparse matrix, or a pair of one and labels."""
    x = source[0] if isinstance(source, tuple) and len(source) == 2 else source
    return type(x).__module__.startswith("scipy.sparse")


@object_reader("sparse", "a sparse matrix", matches=is_sparse, options=("buffer",))
def read_sparse(source: Any, options: ReadOptions, classes: Classes, where: str) -> RawDataset:
    """Read the rows of a sparse matrix (N, D).

    Raises:
        ValueError: a matrix that is empty, or not of numbers.
    """
    matrix, y = source if isinstance(source, tuple) else (source, None)
    raw = read_sparse_rows(matrix, y, options, classes, where)
    raw.name = type(matrix).__name__
    return raw
