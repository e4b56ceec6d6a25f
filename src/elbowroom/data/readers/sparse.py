"""Reader of sparse matrices in .npz files, as scipy writes them."""

from __future__ import annotations

import zipfile
from typing import Any

import numpy as np

from elbowroom.data.file_io import io_errors
from elbowroom.data.labels import class_names, encode_labels
from elbowroom.data.options import ReadOptions
from elbowroom.data.raw import RawDataset
from elbowroom.data.readers.listing import Listing
from elbowroom.data.readers.registry import reader
from elbowroom.data.splits.buffered import BufferedSplit
from elbowroom.data.splits.sparse import SparseRowSource

#: Arrays of which one is in each file of a sparse matrix that can be read by row, beside its format and shape.
PARTS = {"format.npy", "shape.npy", "data.npy"}


def is_sparse_file(listing: Listing, options: ReadOptions) -> bool:
    """Return whether what is listed is one .npz file with the parts of a sparse matrix."""
    if not listing.is_file or not zipfile.is_zipfile(listing.path):
        return False
    with zipfile.ZipFile(listing.path) as archive:
        return set(archive.namelist()) >= PARTS


@reader("sparse", "a .npz file of a sparse matrix (scipy.sparse.save_npz)", (".npz",), ("buffer",), is_sparse_file)
def read_sparse_file(listing: Listing, options: ReadOptions) -> RawDataset:
    """Read the rows of a sparse matrix (N, D), made dense a buffer at a time.

    Arrays beside it are their labels, y, and the names of their D values, items.

    Raises:
        ValueError: a damaged file, a matrix that is empty, or labels or names of another number.
    """
    import scipy.sparse

    path = listing.path
    with io_errors(path), np.load(path, allow_pickle=False) as stored:
        matrix = scipy.sparse.load_npz(path)
        y, items = (stored[name] if name in stored.files else None for name in ("y", "items"))
    return read_sparse_rows(matrix, y, options, None, str(path), items)


def read_sparse_rows(
    matrix: Any, y: Any, options: ReadOptions, classes: tuple[str, ...] | None, where: str, items: Any = None
) -> RawDataset:
    """Read the rows of a sparse matrix (N, D), their labels and the names of their values, where there are any.

    Rows are made dense a buffer at a time.

    Raises:
        ValueError: a matrix that is empty or not of numbers, or labels or names of another number.
    """
    if matrix.ndim != 2 or 0 in matrix.shape or matrix.dtype.kind not in "buif":
        raise ValueError(
            f"{where} is a sparse matrix of {matrix.shape} and {matrix.dtype} values: expected rows (N, D) of numbers"
        )
    names = None if items is None else tuple(map(str, items))
    if names is not None and len(names) != matrix.shape[1]:
        raise ValueError(f"{where} has {matrix.shape[1]:,} columns and {len(names):,} items: expected a name for each")
    classes = classes or (None if y is None else class_names([y]))
    labels = None if y is None else encode_labels(y, matrix.shape[0], classes, where)
    split = BufferedSplit(SparseRowSource(matrix, where), labels, buffer=options.buffer)
    return RawDataset(split, classes=classes, items=names)
