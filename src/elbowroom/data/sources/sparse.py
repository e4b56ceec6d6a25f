"""Sparse matrices of scipy, with or without labels."""

from __future__ import annotations

from typing import Any

from elbowroom.data.labels import class_names, encode_labels
from elbowroom.data.options import ReadOptions
from elbowroom.data.raw import RawDataset
from elbowroom.data.sources.registry import Classes, object_reader
from elbowroom.data.splits.buffered import BufferedSplit
from elbowroom.data.splits.sparse import SparseRowSource


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
    if matrix.ndim != 2 or 0 in matrix.shape or matrix.dtype.kind not in "buif":
        raise ValueError(
            f"{where} is a sparse matrix of {matrix.shape} and {matrix.dtype} values: expected rows (N, D) of numbers"
        )
    classes = classes or (None if y is None else class_names([y]))
    labels = None if y is None else encode_labels(y, matrix.shape[0], classes, where)
    split = BufferedSplit(SparseRowSource(matrix, where), labels, buffer=options.buffer)
    return RawDataset(split, classes=classes, name=type(matrix).__name__)
