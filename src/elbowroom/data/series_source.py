"""What is known of a source of series."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class SeriesSource:
    """What is known of a source of series.

    Attributes:
        channels: their names.
        has_gaps: whether values are missing, or series shorter than the others.
        overlap: how many windows on each side of one share steps with it.
    """

    channels: tuple[str, ...]
    has_gaps: bool = False
    overlap: int = 0
