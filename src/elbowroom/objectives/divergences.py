"""Divergences between aggregate posterior and prior, estimated from samples of both."""

from __future__ import annotations

import torch
from torch import Tensor

from elbowroom import noise
from elbowroom.models.draw import Draw
from elbowroom.objectives.term import Term

#: Widths of the kernels, in units of the expected squared distance of two standard normals, as in the authors' code.
SCALES = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)


class MMD(Term):
    r"""Maximum mean discrepancy between the batch's latents and as many draws from the prior.

    .. math:: \frac{1}{B(B-1)}\sum_{i \ne j} \left[ k(z_i, z_j) + k(z'_i, z'_j) \right]
        - \frac{2}{B^2} \sum_{i,j} k(z_i, z'_j)

    with the inverse multiquadratic kernel :math:`k(a, b) = C / (C + \|a - b\|^2)`, :math:`C = 2d`, at seven scales.
    Tolstikhin et al. 2018, arXiv 1711.01558. Unbiased, so it may fall a little below zero. Where a model has no prior
    the draws are standard normal. A batch of a single example scores zero.
    """

    name = "mmd"

    def forward(self, draw: Draw, step: Tensor) -> Tensor:
        z = draw.z[0].flatten(1)
        if len(z) < 2:
            return 0 * z.sum()
        with noise.global_rng():
            prior = draw.prior
            prior_z = torch.randn_like(z) if prior is None else prior.sample((len(z),)).flatten(1)
        return mmd(z, prior_z)


def mmd(a: Tensor, b: Tensor) -> Tensor:
    """Return the unbiased squared discrepancy between two samples of equal size, (B, D) each, in O(B²) memory."""
    n = len(a)
    within = sum((_kernel(u, u).sum() - len(SCALES) * n) / (n * (n - 1)) for u in (a, b))
    return within - 2 * _kernel(a, b).mean()


def _kernel(u: Tensor, v: Tensor) -> Tensor:
    """Return the kernel of all pairs, (B, D) and (B, D) to (B, B), summed over the scales."""
    # One matrix product: pairs of differences would take B² D numbers, 67 MB at batch size 512 and 64 dimensions.
    squares = (u.square().sum(-1)[:, None] + v.square().sum(-1) - 2 * u @ v.T).clamp_min(0)
    widths = [2 * u.shape[1] * scale for scale in SCALES]
    return torch.stack([width / (width + squares) for width in widths]).sum(0)
