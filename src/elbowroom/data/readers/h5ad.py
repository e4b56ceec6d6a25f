"""Reader of .h5ad files, as anndata writes them: counts of cells by genes."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np

from elbowroom.data.file_io import io_errors
from elbowroom.data.options import ReadOptions
from elbowroom.data.raw import RawDataset
from elbowroom.data.readers.listing import Listing
from elbowroom.data.readers.registry import reader
from elbowroom.data.readers.sparse import read_sparse_rows

#: The layer that holds counts where X holds something else, by the custom of those who write such files.
COUNTS_LAYER = "counts"


@reader("h5ad", "an .h5ad file (AnnData)", (".h5ad",), ("label", "buffer"))
def read_h5ad(listing: Listing, options: ReadOptions) -> RawDataset:
    """Read a file as :func:`read_counts` reads an AnnData.

    Raises:
        ValueError: anndata is not installed, or a damaged file.
    """
    try:
        anndata = importlib.import_module("anndata")
    except ImportError:
        raise ValueError(f"{listing.path} needs anndata to be read: pip install anndata") from None
    with io_errors(listing.path):
        source = anndata.read_h5ad(listing.path)
    return read_counts(source, options, None, listing.path.name)


def read_counts(source: Any, options: ReadOptions, classes: tuple[str, ...] | None, where: str) -> RawDataset:
    """Read the counts of an AnnData (N, D): its layer "counts", or X where it has none.

    The names of its variables are those of the items, and the labels a column of ``obs``, as the batch of each cell.

    Raises:
        ValueError: neither counts nor X, a column that is not there, or a matrix that is empty or not of numbers.
    """
    from scipy.sparse import csr_matrix

    matrix = source.layers.get(COUNTS_LAYER, source.X)
    if matrix is None:
        raise ValueError(f"{where} has neither X nor a layer '{COUNTS_LAYER}': expected counts in one of them")
    y = _find_labels(source, options.label, where) if options.label else None
    return read_sparse_rows(csr_matrix(matrix), y, options, classes, where, source.var_names)


def _find_labels(source: Any, column: str, where: str) -> np.ndarray:
    """Return a column of ``obs``, categories by their names."""
    if column not in source.obs:
        raise ValueError(f"{where} has no column '{column}' in obs: expected one of {', '.join(source.obs.columns)}")
    values = np.asarray(source.obs[column])
    return values.astype(str) if values.dtype.kind == "O" else values
