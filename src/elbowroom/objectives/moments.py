"""Penalty on the covariance of the latents."""

from __future__ import annotations

import torch
from torch import Tensor

from elbowroom import errors
from elbowroom.models.draw import Draw
from elbowroom.objectives.term import Term

#: Whose covariance is penalized.
COVARIANCES = ("means", "latents")


class LatentCovariance(Term):
    r"""Penalty on the covariance C of the latents: squares of what lies beside its diagonal, and of C_ii − 1.

    .. math:: \sum_{i \ne j} C_{ij}^2 + \lambda \sum_i (C_{ii} - 1)^2

    Kumar, Sattigeri & Balakrishnan 2018, arXiv 1711.00848. C is that of the posterior means, as in DIP-VAE-I, or of the
    latents themselves, in DIP-VAE-II: :math:`\operatorname{Cov}[\mu(x)] + E[\operatorname{diag} \sigma^2(x)]`. Each
    pair counts twice. The covariance of means is that of the batch, divided by its size.

    Args:
        of: means or latents.
        diagonal: λ, the weight of the diagonal relative to the rest.

    Raises:
        ValueError: there is no such covariance, or the weight is negative.

    >>> LatentCovariance("latents", diagonal=1.0)
    latent_covariance
    """

    name = "latent_covariance"

    def __init__(self, of: str = "means", diagonal: float = 10.0) -> None:
        super().__init__()
        if of not in COVARIANCES:
            raise errors.unknown_name("covariance", of, COVARIANCES)
        if diagonal < 0:
            raise ValueError(f"diagonal, the weight of the variances, must be at least 0, got {diagonal:g}")
        self.of, self.diagonal = of, diagonal

    def forward(self, draw: Draw, step: Tensor) -> Tensor:
        covariance = _covariance(draw.q.mean.flatten(1))
        if self.of == "latents":
            covariance = covariance + torch.diag(draw.q.variance.flatten(1).mean(0))
        variances = covariance.diagonal()
        beside = covariance.square().sum() - variances.square().sum()
        return beside + self.diagonal * (variances - 1).square().sum()


def _covariance(values: Tensor) -> Tensor:
    """Return the covariance of a batch, divided by its size: (B, D) to (D, D)."""
    centered = values - values.mean(0)
    return centered.T @ centered / len(values)
