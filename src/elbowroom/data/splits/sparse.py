"""Rows of a sparse matrix, made dense a batch at a time."""

from __future__ import annotations

from typing import Any

import numpy as np


class SparseRowSource:
    """The rows of a scipy sparse matrix (N, D), which a split that is read in parts makes dense a buffer at a time.

    >>> import scipy.sparse
    >>> SparseRowSource(scipy.sparse.csr_matrix(np.eye(3)), "x").read_rows(np.array([1]))
    array([[0., 1., 0.]])
    """

    def __init__(self, matrix: Any, name: str) -> None:
        self.matrix, self.name = matrix.tocsr(), name

    def __len__(self) -> int:
        return int(self.matrix.shape[0])

    def read_rows(self, rows: np.ndarray) -> np.ndarray:
        """Return the rows, dense."""
        dense: np.ndarray = self.matrix[rows].toarray()
        return dense

    def block_starts(self, buffer: int | None) -> None:
        """Return None: rows cost the same in any order."""

    def describe_row(self, row: int) -> str:
        """Return the row and the matrix."""
        return f"row {row} of {self.name}"
