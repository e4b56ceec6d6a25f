"""Planar flow."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from elbowroom.families.flows.base import Flow, register_flow, solve_tanh

#: Shift by which softplus is 1 at 0.
_UNIT_SHIFT = math.log(math.e - 1)


class PlanarFlow(Flow):
    r"""Planar flow: space is moved along u, by how much depends on the distance to a plane.

    .. math:: f(z) = z + \hat u \tanh(w \cdot z + b), \quad
        \log |\det| = \log(1 + \hat u \cdot w \,(1 - \tanh^2(w \cdot z + b)))

    Rezende & Mohamed 2015, arXiv 1505.05770, equations 10 to 12, with w, u, b from the encoder. :math:`\hat u` has
    :math:`w \cdot \hat u > -1`, by which the map is invertible. Deviation: that bound is shifted so that at u = 0 the
    flow is the identity; the paper's is not, and begins with a contraction.

    Args:
        latent: D.
    """

    def __init__(self, latent: int) -> None:
        super().__init__()
        self.latent, self.size = latent, 2 * latent + 1

    def forward(self, z: Tensor, phi: Tensor) -> tuple[Tensor, Tensor]:
        w, u, b, wu = self._read(phi)
        h = torch.tanh((z * w).sum(-1) + b)
        return z + u * h[..., None], torch.log1p(wu * (1 - h.square()))

    def inverse(self, z: Tensor, phi: Tensor) -> tuple[Tensor, Tensor]:
        w, u, b, wu = self._read(phi)
        # With α = w·z₀: α + w·u tanh(α + b) = w·z, an equation of one unknown.
        alpha = solve_tanh((z * w).sum(-1), wu, torch.ones_like(wu), b)
        h = torch.tanh(alpha + b)
        return z - u * h[..., None], torch.log1p(wu * (1 - h.square()))

    def _read(self, phi: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return w, û, b and w·û."""
        w, u, b = torch.split(phi, [self.latent, self.latent, 1], -1)
        product = (w * u).sum(-1)
        bounded = F.softplus(product + _UNIT_SHIFT) - 1
        u = u + (bounded - product)[..., None] * w / (w.square().sum(-1, keepdim=True) + 1e-12)
        return w, u, b[..., 0], bounded


@register_flow("planar", "Moves space along a direction, by the distance to a plane.", layers=10)
def planar(latent: int, context: int, index: int) -> PlanarFlow:
    """Return a planar flow."""
    return PlanarFlow(latent)
