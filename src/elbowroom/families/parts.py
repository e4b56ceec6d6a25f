"""Families of latents side by side."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from elbowroom.distributions.parts import IndependentParts
from elbowroom.families.base import Family
from elbowroom.manifolds import ProductManifold


class Parts(Family):
    """Latents of several kinds side by side, as numbers and categories: one vector, a KL for each.

    Args:
        *parts: families of vectors.

    Raises:
        ValueError: a part is a map.

    >>> import torch, elbowroom as er
    >>> family = Parts(er.DiagonalNormal(2), er.Categories(10))
    >>> family.size, family(torch.zeros(5, family.size)).event_shape
    (14, torch.Size([12]))
    """

    def __init__(self, *parts: Family) -> None:
        if any(len(part.shape) > 1 for part in parts):
            raise ValueError("parts of a latent are vectors, and one of these is a map: give each as a vector")
        super().__init__(sum(part.shape[0] for part in parts))
        self.parts, self.sizes = nn.ModuleList(parts), [part.size for part in parts]
        self.size = sum(self.sizes)
        self.manifold = ProductManifold([(part.manifold, part.shape[0]) for part in parts])

    def forward(self, phi: Tensor) -> IndependentParts:
        values = torch.split(phi, self.sizes, -1)
        return IndependentParts([part(value) for part, value in zip(self.parts, values, strict=True)])
