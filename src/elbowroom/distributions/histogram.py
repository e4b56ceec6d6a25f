"""Histogram distribution: a density that is constant on bins, for numbers that no normal fits."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from elbowroom.distributions.base import UncheckedDistribution, broadcast_shapes, sample_categorical


class Histogram(UncheckedDistribution):
    r"""A piecewise constant density on bins, with some mass left for values beyond the outermost edges.

    .. math:: p(x) = (1 - m) \, \frac{\pi_k}{e_{k+1} - e_k} \text{ for } e_k \le x < e_{k+1}, \quad
        p(x) = \frac{m}{2 s} e^{-d(x) / s} \text{ at the distance } d \text{ beyond}

    with :math:`\pi = \mathrm{softmax}(\mathrm{logits})` and s the width of all bins together. Draws are uniform within
    a bin, but at the center of an atom, and never beyond the edges.

    Args:
        logits: (..., K).
        edges: increasing, (..., K + 1) or (K + 1,); of a histogram with fewer bins the last ones are infinite, and
            the logits there minus infinity.
        atoms: which bins hold one value, (..., K) or (K,).
        unseen_mass: the probability m of values beyond the edges; 0 for none.

    >>> p = Histogram(torch.zeros(2), torch.tensor([0.0, 1.0, 3.0]), torch.tensor([True, False]))
    >>> p.log_prob(torch.tensor([0.5, 2.0, 4.0])).exp(), p.mean
    (tensor([0.5000, 0.2500, 0.0000]), tensor(1.2500))
    """

    def __init__(self, logits: Tensor, edges: Tensor, atoms: Tensor, unseen_mass: float = 0.0) -> None:
        self.logits, self.edges, self.atoms, self.unseen_mass = logits.log_softmax(-1), edges, atoms, unseen_mass
        self.last_bin = edges.isfinite().sum(-1, keepdim=True) - 2
        super().__init__(logits.shape[:-1])

    def _of_bin(self, values: Tensor, index: Tensor) -> Tensor:
        """Return the values (..., K) of the bins with an index, of its shape."""
        return values.expand(*index.shape, -1).gather(-1, index[..., None]).squeeze(-1)

    @property
    def mean(self) -> Tensor:
        centers = ((self.edges[..., 1:] + self.edges[..., :-1]) / 2).nan_to_num(0.0, posinf=0.0)
        return (self.logits.exp() * centers).sum(-1)

    def log_prob(self, value: Tensor) -> Tensor:
        value = value.expand(broadcast_shapes(value.shape, self.batch_shape))
        index = ((value.detach()[..., None] >= self.edges).sum(-1, keepdim=True) - 1).clamp_min(0)
        index = index.minimum(self.last_bin).squeeze(-1)
        scores = self._of_bin(self.logits, index) - self._of_bin(self.edges.diff(), index).log()
        low, high = self.edges[..., 0], self.edges.gather(-1, self.last_bin + 1).squeeze(-1)
        distance = (low - value).maximum(value - high)
        if not self.unseen_mass:
            return scores.where(distance <= 0, -torch.inf)
        width = high - low
        beyond = math.log(self.unseen_mass / 2) - width.log() - distance / width
        return (scores + math.log1p(-self.unseen_mass)).where(distance <= 0, beyond)

    def sample(self, sample_shape: Any = torch.Size()) -> Tensor:
        index = sample_categorical(self.logits, sample_shape)
        share = torch.rand(index.shape, dtype=self.edges.dtype, device=self.edges.device)
        share = share.where(~self._of_bin(self.atoms, index), 0.5)
        return self._of_bin(self.edges[..., :-1], index) + share * self._of_bin(self.edges.diff(), index)
