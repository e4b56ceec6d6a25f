"""Running means over batches, kept on the device so that a step never waits for a number."""

from __future__ import annotations

import torch
from torch import Tensor

from elbowroom import distributed


class RunningMean:
    """Means of terms over batches, weighted by batch size; computed on the device, so that a CUDA graph can capture it.

    >>> mean = RunningMean()
    >>> mean.add({"loss": torch.tensor(1.0)}, 3)
    >>> mean.add({"loss": torch.tensor(5.0)}, 1)
    >>> mean.means()
    (4, {'loss': 2.0})
    """

    def __init__(self) -> None:
        self._names: list[str] = []
        self._sums: Tensor | None = None

    def add(self, terms: dict[str, Tensor], examples: int) -> None:
        """Add the means over one batch of so many examples."""
        values = list(terms.values())
        # Double precision where the device has it: ten million single-precision additions lose a digit.
        dtype = torch.float32 if values[0].device.type == "mps" else torch.float64
        sums = torch.stack([*values, torch.ones_like(values[0])]).to(dtype) * examples
        if self._sums is None:
            self._names, self._sums = list(terms), sums
        else:
            self._sums += sums

    def means(self) -> tuple[int, dict[str, float]]:
        """Return the number of examples and the mean of each term over all processes, and reset the sums."""
        if self._sums is None:
            return 0, {}
        *sums, examples = distributed.all_reduce_sum(self._sums.clone()).tolist()
        self._sums.zero_()
        if not examples:
            return 0, {}
        return round(examples), {name: value / examples for name, value in zip(self._names, sums, strict=True)}
