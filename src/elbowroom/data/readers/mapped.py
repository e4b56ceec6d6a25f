"""Arrays in files, as memory maps."""

from __future__ import annotations

import numpy as np
from torch import Tensor

from elbowroom.data.splits.blocks import block_length, split_into_blocks


class ArrayRowSource:
    """The rows of an array (N, ...) that lies in a file and is read through the system's cache, as it is asked for.

    The rows of such a file cost the same in any order, unless a buffer is asked for: then runs of neighbours are read.

    >>> ArrayRowSource(np.arange(6).reshape(3, 2), "x.npy").rows(np.array([0, 2])).tolist()
    [[0, 1], [4, 5]]
    """

    def __init__(self, array: np.ndarray, name: str) -> None:
        self.array, self.name = np.asarray(array), name

    def __len__(self) -> int:
        return len(self.array)

    def read_rows(self, rows: np.ndarray) -> np.ndarray:
        """The examples at ``rows``, in memory."""
        return self.array[rows]

    def block_starts(self, buffer: int | None) -> Tensor | None:
        """Runs of about a MiB, for a buffer."""
        if buffer is None:
            return None
        return split_into_blocks(np.array([0]), len(self), block_length(self.array[0].nbytes, buffer))

    def describe_row(self, row: int) -> str:
        """The row and the file."""
        return f"row {row} of {self.name}"
