"""Splits whose values are encoded as they are read, by a coding that may be replaced."""

from __future__ import annotations

import copy
from typing import Self

from elbowroom.data.value_coding import ValueCoding, ValueSummary


class Encodable:
    """A split that reads values as they are stored, and encodes them by its ``coding``.

    ``summary`` is what a look at the values found, before any coding.
    """

    summary: ValueSummary
    coding: ValueCoding
    shape: tuple[int, ...]

    @property
    def has_pixels(self) -> bool:
        """Whether the values are pixels, 256 levels divided by 255."""
        return self.coding.has_pixels

    def encode(self, coding: ValueCoding) -> Self:
        """Return the same examples with their values made by this coding."""
        other = copy.copy(self)
        other._set_coding(coding)
        return other

    def _set_coding(self, coding: ValueCoding) -> None:
        self.coding = coding
        self.shape = coding.shape_of(self.summary.shape)
