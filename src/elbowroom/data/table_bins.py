"""Bins of the columns of a table, chosen by its training rows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from elbowroom.column_bins import ColumnBins
from elbowroom.data.raw import AnySplit
from elbowroom.data.readers.table_encoding import Column
from elbowroom.data.splits.memory import InMemorySplit

#: The most values of a column that get a bin of their own, and the most bins of the values between them.
MOST_BINS = 64
#: A value gets a bin of its own if one row of so many has it.
ROWS_PER_ATOM = 256
#: Half the width of the bin of a value, as a share of the least distance of two values.
ATOM_HALF_WIDTH = 0.5


def choose_table_bins(columns: Sequence[Column], train: AnySplit) -> list[ColumnBins | None]:
    """Return the bins of each column of numbers, in its encoding; None for categories, and for rows not in memory."""
    if not isinstance(train, InMemorySplit):
        return [None] * len(columns)
    x = train.x.double().cpu().numpy()
    return [None if column.n_categories else choose_bins(x[:, i]) for i, column in enumerate(columns)]


def choose_bins(values: Sequence[float] | np.ndarray, most: int = MOST_BINS) -> ColumnBins | None:
    """Choose the bins of a column by its values; None where it has fewer than two.

    Args:
        values: of the training rows, NaN for a missing one.
        most: the most atoms, and the most bins between them.

    >>> choose_bins([0, 0, 1, 2]).spelling
    '-0.5!;0.5!;1.5!;2.5'
    """
    present = np.asarray(values, dtype=np.float64)
    present = present[np.isfinite(present)]
    different, counts = np.unique(present, return_counts=True)
    if len(different) < 2:
        return None
    # Wide enough for two edges to differ in single precision.
    half = max(ATOM_HALF_WIDTH * np.diff(different).min(), 1e-6 * np.abs(different).max())
    is_atom = _find_atoms(counts, most)
    edges = _rest_edges(different, np.where(is_atom, 0, counts), most, half)
    atoms = different[is_atom]
    # An edge within an atom would split it.
    near = np.abs(edges[:, None] - atoms).min(1, initial=np.inf) < half * (1 + 1e-6)
    return _join(edges[~near], atoms, half)


def _find_atoms(counts: np.ndarray, most: int) -> np.ndarray:
    """Return which values stand for themselves: all where they are few, else the ones that many rows have."""
    if len(counts) <= most:
        return np.ones(len(counts), dtype=bool)
    least = max(2, counts.sum() / ROWS_PER_ATOM, np.sort(counts)[-most])
    return np.asarray(counts >= least)


def _rest_edges(different: np.ndarray, counts: np.ndarray, most: int, half: float) -> np.ndarray:
    """Return edges around the values that are no atoms, halfway between two of them, of as many rows each."""
    rest, below = different[counts > 0], np.cumsum(counts[counts > 0])
    if not len(rest):
        return np.empty(0)
    cuts = np.unique(np.searchsorted(below, below[-1] * np.arange(1, most) / most))
    cuts = cuts[cuts < len(rest) - 1]
    return np.concatenate([[rest[0] - half], (rest[cuts] + rest[cuts + 1]) / 2, [rest[-1] + half]])


def _join(edges: np.ndarray, atoms: np.ndarray, half: float) -> ColumnBins:
    """Return the bins between all edges, those of atoms included; edges that rounding tells apart are one."""
    marked = sorted(
        [(float(e), False) for e in edges] + [(float(a + s * half), s < 0) for a in atoms for s in (-1.0, 1.0)]
    )
    kept: list[tuple[float, bool]] = []
    for edge, starts_atom in marked:
        if kept and edge - kept[-1][0] < half * 0.5:
            kept[-1] = (kept[-1][0], kept[-1][1] or starts_atom)
        else:
            kept.append((edge, starts_atom))
    # As they are spelled, so that a model is the same when it is made again.
    return ColumnBins(tuple(float(f"{edge:.9g}") for edge, _ in kept), tuple(starts for _, starts in kept[:-1]))
