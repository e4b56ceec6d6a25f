"""Radial flow."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from elbowroom.families.flows.base import Flow, register_flow


class RadialFlow(Flow):
    r"""Radial flow: space is moved away from a point, or towards it.

    .. math:: f(z) = z + \frac{\beta}{\alpha + r} (z - c), \quad r = \| z - c \|, \quad
        \log |\det| = (D - 1) \log\left(1 + \frac{\beta}{\alpha + r}\right)
        + \log\left(1 + \frac{\alpha \beta}{(\alpha + r)^2}\right)

    Rezende & Mohamed 2015, arXiv 1505.05770, equation 14, with c, α > 0 and β > -α from the encoder:
    :math:`\alpha = \mathrm{softplus}(a)` and :math:`\beta = \mathrm{softplus}(a + b) - \alpha`. Deviation: the paper's
    β is :math:`\mathrm{softplus}(b) - \alpha`; ours is the identity at b = 0. The inverse is the root of a quadratic
    equation of r.

    Args:
        latent: D.
    """

    def __init__(self, latent: int) -> None:
        super().__init__()
        self.latent, self.size = latent, latent + 2

    def forward(self, z: Tensor, phi: Tensor) -> tuple[Tensor, Tensor]:
        c, alpha, beta = self._read(phi)
        # The square root of zero has no gradient: the center itself is no draw, but may be a mean.
        r = ((z - c).square().sum(-1) + 1e-12).sqrt()
        return z + (beta / (alpha + r))[..., None] * (z - c), self._log_det(r, alpha, beta)

    def inverse(self, z: Tensor, phi: Tensor) -> tuple[Tensor, Tensor]:
        c, alpha, beta = self._read(phi)
        distance = ((z - c).square().sum(-1) + 1e-12).sqrt()
        # r² + p r - α R = 0, by the formula that does not cancel.
        p = alpha + beta - distance
        root = (p.square() + 4 * alpha * distance).sqrt()
        r = torch.where(p > 0, 2 * alpha * distance / (p.abs() + root), (root - p) / 2)
        return c + (z - c) / (1 + beta / (alpha + r))[..., None], self._log_det(r, alpha, beta)

    def _log_det(self, r: Tensor, alpha: Tensor, beta: Tensor) -> Tensor:
        around = torch.log1p(beta / (alpha + r))
        return (self.latent - 1) * around + torch.log1p(alpha * beta / (alpha + r).square())

    def _read(self, phi: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return c, α and β."""
        c, a, b = torch.split(phi, [self.latent, 1, 1], -1)
        alpha = F.softplus(a)
        return c, alpha[..., 0], (F.softplus(a + b) - alpha)[..., 0]


@register_flow("radial", "Moves space away from a point, or towards it.", layers=10)
def radial(latent: int, context: int, index: int) -> RadialFlow:
    """Return a radial flow."""
    return RadialFlow(latent)
