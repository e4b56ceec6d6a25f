"""Exact principal component analysis (PCA) of training examples, and angles between subspaces."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from elbowroom.data import Data, freeze

#: The largest number of values of an example: the eigendecomposition of their covariance takes cubic time.
MAX_EXAMPLE_VALUES = 4096
#: Examples of a batch over which sums are taken.
BATCH_SIZE = 2000


@dataclass(frozen=True)
class PrincipalComponents:
    """The principal components of training examples, in double precision.

    Attributes:
        mean: (D,).
        covariance: (D, D), of the examples as a population.
        variances: its eigenvalues, the largest first, (D,).
        directions: its eigenvectors, as columns in this order, (D, D).
    """

    mean: Tensor
    covariance: Tensor
    variances: Tensor
    directions: Tensor

    def residual(self, n: int) -> float:
        """Return what n components leave of the variance, per dimension: the mean squared error."""
        return self.variances[n:].clamp_min(0).sum().item() / len(self.mean)


def exact_pca(data: Data, seed: int = 0) -> PrincipalComponents:
    """Return the principal components of all training examples (Pearson 1901; Hotelling 1933).

    Args:
        data: its training split is used, in evaluation mode.
        seed: of pixels that are drawn once, where binarization is dynamic.

    Raises:
        ValueError: an example has too many values.

    >>> import elbowroom as er
    >>> round(exact_pca(er.load_data("digits")).residual(64), 6)
    0.0
    """
    size = math.prod(data.shape)
    if size > MAX_EXAMPLE_VALUES:
        raise ValueError(
            f"PCA is exact up to {MAX_EXAMPLE_VALUES:,} numbers in an example, and here are {size:,}: leave it out"
        )
    mean, covariance = _mean_and_covariance(data, size, seed)
    variances, directions = torch.linalg.eigh(covariance)
    return PrincipalComponents(mean, covariance, variances.flip(0), directions.flip(1))


def _mean_and_covariance(data: Data, size: int, seed: int) -> tuple[Tensor, Tensor]:
    """Return mean and covariance of the training examples.

    Sums are taken around the mean of the first batch: around zero, squares of large values would lose digits.
    """
    n, total, square = 0, torch.zeros(size, dtype=torch.float64), torch.zeros(size, size, dtype=torch.float64)
    center: Tensor | None = None
    for batch in freeze(data.train, seed).batches(BATCH_SIZE):
        x = batch.x.flatten(1).double()
        center = x.mean(0) if center is None else center
        x = x - center
        n, total = n + len(x), total + x.sum(0)
        square += x.T @ x
    assert center is not None
    shift = total / n
    return center + shift, square / n - torch.outer(shift, shift)


def subspace_angles(a: Tensor, b: Tensor) -> Tensor:
    """Return the principal angles between the spans of the columns of (D, n) and (D, m), in degrees, the largest last.

    By sines for small angles and cosines for large ones, as each loses digits where it is flat (Björck & Golub 1973,
    doi 10.2307/2005662).

    >>> subspace_angles(torch.eye(3)[:, :2], torch.eye(3)[:, 1:]).round()
    tensor([ 0., 90.])
    """
    p, q = (torch.linalg.qr(columns)[0] for columns in (a, b))
    cosines = torch.linalg.svdvals(p.T @ q).clamp(0, 1)
    smaller, larger = (q, p) if q.shape[1] <= p.shape[1] else (p, q)
    sines = torch.linalg.svdvals(smaller - larger @ (larger.T @ smaller)).flip(0).clamp(0, 1)
    return torch.where(cosines > math.sqrt(0.5), sines.asin(), cosines.acos()).rad2deg()


def principal_axes(directions: Tensor, covariance: Tensor) -> Tensor:
    """Return an orthonormal basis of the span of columns (D, n), along which data of this covariance varies most first.

    Any basis of the same span is an equally good linear autoencoder; these are what its components are compared by.
    """
    basis = torch.linalg.qr(directions)[0]
    axes: Tensor = torch.linalg.eigh(basis.T @ covariance @ basis)[1].flip(1)
    own: Tensor = basis @ axes
    return own
