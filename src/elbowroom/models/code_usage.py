"""Usage of codes: how often each was chosen, and what that says of all."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class CodeUsage:
    """How often each code, or each value of a sub-index, was chosen: ``counts``, (codes,).

    >>> usage = CodeUsage(torch.tensor([4, 4, 0, 0]))
    >>> usage.share, usage.perplexity
    (tensor(0.5000), tensor(2.))
    """

    counts: Tensor

    @property
    def share(self) -> Tensor:
        """The share of the codes that were chosen at all."""
        return (self.counts > 0).float().mean()

    @property
    def perplexity(self) -> Tensor:
        """The exponential of the entropy of the codes' frequencies: the number of codes that equal use would need."""
        frequency = self.counts / self.counts.sum()
        perplexity: Tensor = torch.special.entr(frequency).sum().exp()
        return perplexity


def count_codes(indices: Tensor, size: int) -> Tensor:
    """Return how often each of ``size`` indices occurs, (size,); unlike bincount without waiting for the device."""
    flat = indices.flatten()
    return torch.zeros(size, dtype=torch.long, device=flat.device).index_add_(0, flat, torch.ones_like(flat))
