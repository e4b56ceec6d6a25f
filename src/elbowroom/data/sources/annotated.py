"""AnnData: counts of cells by genes, with what is known of each cell."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from elbowroom.data.options import ReadOptions
from elbowroom.data.raw import RawDataset
from elbowroom.data.sources.registry import Classes, object_reader
from elbowroom.data.sources.sparse import read_sparse

#: The layer that holds counts where X holds something else, by the custom of those who write such files.
COUNTS_LAYER = "counts"


def is_annotated(source: Any) -> bool:
    """Return whether a source is an AnnData, without importing its package."""
    return type(source).__name__ == "AnnData" and type(source).__module__.partition(".")[0] == "anndata"


@object_reader("annotated", "an AnnData", matches=is_annotated, options=("label", "buffer"))
def read_annotated(source: Any, options: ReadOptions, classes: Classes, where: str) -> RawDataset:
    """Read the counts of an AnnData (N, D): its layer "counts", or X where it has none.

    The names of its variables are those of the items, and the labels a column of ``obs``, as the batch of each cell.

    Raises:
        ValueError: a column that is not there, or what :func:`~elbowroom.data.sources.sparse.read_sparse` refuses.
    """
    from scipy.sparse import csr_matrix

    matrix = source.layers.get(COUNTS_LAYER, source.X)
    if matrix is None:
        raise ValueError(f"{where} has neither X nor a layer '{COUNTS_LAYER}': expected counts in one of them")
    x = csr_matrix(matrix)
    pair = (x, _find_labels(source, options.label, where)) if options.label else x
    raw = read_sparse(pair, replace(options, label=None), classes, where)
    raw.items, raw.name = tuple(map(str, source.var_names)), "AnnData"
    return raw


def _find_labels(source: Any, column: str, where: str) -> np.ndarray:
    """Return a column of ``obs``, categories by their names."""
    if column not in source.obs:
        raise ValueError(f"{where} has no column '{column}' in obs: expected one of {', '.join(source.obs.columns)}")
    values = np.asarray(source.obs[column])
    return values.astype(str) if values.dtype.kind == "O" else values
