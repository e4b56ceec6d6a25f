"""Which rows of files are read together."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

BLOCK_BYTES = 2**20
"""Bytes of a file that are read in one go where its order is shuffled in a buffer."""


def evenly_spaced_blocks(count: int, number: int, length: int) -> np.ndarray:
    """The positions of ``number`` runs of ``length`` neighbours, spread evenly over ``count``; ascending, each once.

    >>> evenly_spaced_blocks(100, 3, 2).tolist(), evenly_spaced_blocks(3, 2, 2).tolist()
    ([0, 1, 49, 50, 98, 99], [0, 1, 2])
    """
    begins = np.linspace(0, max(0, count - length), number).astype(np.int64)
    rows = np.unique(begins[:, None] + np.arange(length))
    return rows[rows < count]


def split_into_blocks(begins: np.ndarray, count: int, length: int) -> Tensor:
    """The first rows of runs of ``length`` rows at most, none of them across one of ``begins``.

    >>> split_into_blocks(np.array([0, 5]), 9, 3)
    tensor([0, 3, 5, 8])
    """
    ends = [*begins[1:], count]
    return torch.cat([torch.arange(begin, end, length) for begin, end in zip(begins, ends, strict=True)])


def block_length(row_bytes: float, buffer: int | None) -> int:
    """The rows of a run of one block, or fewer where a buffer would not hold a good number of blocks."""
    length = max(1, int(BLOCK_BYTES // row_bytes))
    return length if buffer is None else min(length, max(1, buffer // 16))


def longest_block(blocks: Tensor, count: int) -> int:
    """The rows of the longest block."""
    return int(torch.diff(blocks, append=torch.tensor([count])).max())
