"""Bins of a column of numbers: which values stand for themselves, and where the edges between the others are."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class ColumnBins:
    """Bins between increasing edges, some of which hold a single value, their center (atoms).

    Zeros of a zero-inflated column, counts and the ends of a bounded column are atoms; other values lie in bins of
    about as many rows each, which are narrow where the values are dense and wide in a heavy tail.

    Attributes:
        edges: K + 1 numbers.
        atoms: whether each of the K bins is an atom.

    >>> ColumnBins.parse("-1;-0.5!;0;2")
    ColumnBins(edges=(-1.0, -0.5, 0.0, 2.0), atoms=(False, True, False))
    """

    edges: tuple[float, ...]
    atoms: tuple[bool, ...]

    def __post_init__(self) -> None:
        gaps = [high - low for low, high in zip(self.edges, self.edges[1:], strict=False)]
        if not gaps or not min(gaps) > 0 or not math.isfinite(sum(gaps)) or len(self.atoms) != len(gaps):
            raise ValueError(f"edges of bins {self.spelling}: expected two or more finite numbers that increase")

    @classmethod
    def parse(cls, text: str) -> ColumnBins:
        """Parse edges as :attr:`spelling` has them: those that an atom follows end in an exclamation mark."""
        parts = text.split(";")
        try:
            edges = tuple(float(part.removesuffix("!")) for part in parts)
        except ValueError:
            raise ValueError(f"edges of bins '{text}': write numbers that increase, as -1;-0.5!;0;2") from None
        return cls(edges, tuple(part.endswith("!") for part in parts[:-1]))

    @property
    def spelling(self) -> str:
        """The edges as text, which :meth:`parse` reads: an edge that an atom follows ends in an exclamation mark."""
        marks = ["!" if atom else "" for atom in self.atoms] + [""]
        return ";".join(f"{edge:.9g}{mark}" for edge, mark in zip(self.edges, marks, strict=False))

    def __len__(self) -> int:
        return len(self.atoms)
