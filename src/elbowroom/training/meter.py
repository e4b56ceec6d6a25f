"""Means over the examples of many batches, without asking the device for a number each step."""

from __future__ import annotations

import torch
from torch import Tensor


class Meter:
    """Sums of terms, weighted by the size of their batches.

    >>> meter = Meter()
    >>> meter.add({"loss": torch.tensor(1.0)}, 3)
    >>> meter.add({"loss": torch.tensor(5.0)}, 1)
    >>> meter.means()
    {'loss': 2.0}
    """

    def __init__(self) -> None:
        self.examples = 0
        self._names: list[str] = []
        self._sums: Tensor | None = None

    def add(self, terms: dict[str, Tensor], examples: int) -> None:
        """Take in the means over one batch."""
        values = torch.stack(list(terms.values()))
        # Double precision where the device has it: ten million single-precision additions lose a digit.
        values = (values if values.device.type == "mps" else values.double()) * examples
        if self._sums is None:
            self._names, self._sums = list(terms), values
        else:
            self._sums += values
        self.examples += examples

    def means(self) -> dict[str, float]:
        """The mean of each term; the meter starts anew."""
        if self._sums is None:
            return {}
        means = dict(zip(self._names, (self._sums / self.examples).tolist(), strict=True))
        self.examples, self._sums = 0, None
        return means
