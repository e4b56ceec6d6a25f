"""Reader of sparse matrices in .npz files, as scipy writes them."""

from __future__ import annotations

import zipfile

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
    """Read the rows of a sparse matrix (N, D), made dense a buffer at a time; an array y beside it is their labels.

    Raises:
        ValueError: a damaged file, a matrix that is empty, or labels of another number.
    """
    import scipy.sparse

    path = listing.path
    with io_errors(path), np.load(path, allow_pickle=False) as stored:
        matrix = scipy.sparse.load_npz(path)
        y = stored["y"] if "y" in stored.files else None
    if 0 in matrix.shape:
        raise ValueError(f"{path} is a sparse matrix of {matrix.shape}: expected rows (N, D) of numbers")
    classes = None if y is None else class_names([y])
    labels = None if y is None else encode_labels(y, matrix.shape[0], classes, str(path))
    return RawDataset(BufferedSplit(SparseRowSource(matrix, path.name), labels, buffer=options.buffer), classes=classes)
