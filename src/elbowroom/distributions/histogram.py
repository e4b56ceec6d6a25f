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
        edges: increasing, (K + 1,).
        atoms: which bins hold one value, (K,).
        unseen_mass: the probability m of values beyond the edges; 0 for none.

    >>> p = Histogram(torch.zeros(2), torch.tensor([0.0, 1.0, 3.0]), torch.tensor([True, False]))
    >>> p.log_prob(torch.tensor([0.5, 2.0, 4.0])).exp(), p.mean
    (tensor([0.5000, 0.2500, 0.0000]), tensor(1.2500))
    """

    def __init__(self, logits: Tensor, edges: Tensor, atoms: Tensor, unseen_mass: float = 0.0) -> None:
        self.logits, self.edges, self.atoms, self.unseen_mass = logits.log_softmax(-1), edges, atoms, unseen_mass
        super().__init__(logits.shape[:-1])

    @property
    def mean(self) -> Tensor:
        return self.logits.exp() @ ((self.edges[1:] + self.edges[:-1]) / 2)

    def log_prob(self, value: Tensor) -> Tensor:
        value = value.expand(broadcast_shapes(value.shape, self.batch_shape))
        n_bins, edges = len(self.atoms), self.edges
        index = (torch.bucketize(value.detach().contiguous(), edges, right=True) - 1).clamp(0, n_bins - 1)
        scores = self.logits.expand(*value.shape, -1).gather(-1, index[..., None]).squeeze(-1)
        scores = scores - edges.diff()[index].log()
        distance = (edges[0] - value).maximum(value - edges[-1])
        if not self.unseen_mass:
            return scores.where(distance <= 0, -torch.inf)
        width = edges[-1] - edges[0]
        beyond = math.log(self.unseen_mass / 2) - width.log() - distance / width
        return (scores + math.log1p(-self.unseen_mass)).where(distance <= 0, beyond)

    def sample(self, sample_shape: Any = torch.Size()) -> Tensor:
        index = sample_categorical(self.logits, sample_shape)
        share = torch.rand(index.shape, dtype=self.edges.dtype, device=self.edges.device)
        share = share.where(~self.atoms[index], 0.5)
        return self.edges[index] + share * self.edges.diff()[index]
