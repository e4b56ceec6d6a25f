"""Fréchet distance (FID) and kernel distance (KID) between two sets of feature vectors."""

from __future__ import annotations

import math

import torch
from torch import Tensor

#: Bootstrap samples of the sets for the standard error of the Fréchet distance.
BOOTSTRAP_SAMPLES = 20
#: Vectors in one block of the kernel distance, at most.
MAX_BLOCK_SIZE = 1000
#: Blocks of the kernel distance, at least.
MIN_BLOCKS = 10


def frechet_distance(x: Tensor, y: Tensor) -> tuple[float, float]:
    r"""Return the squared Fréchet distance of two sets, as normals (Heusel et al. 2017, arXiv 1706.08500).

    .. math:: \|\mu_x - \mu_y\|^2 + \operatorname{tr}(\Sigma_x + \Sigma_y - 2 (\Sigma_x \Sigma_y)^{1/2})

    The estimate is biased upwards, by less the more vectors there are: compare only at equal numbers, together with the
    floor at that number.

    Args:
        x: (N, D), float64.
        y: (M, D).

    Returns:
        The distance, and its standard deviation over bootstrap samples of both sets.

    >>> x = torch.tensor([[-1.0], [1.0]], dtype=torch.float64)
    >>> round(frechet_distance(x, 3 * x + 5)[0], 6)  # 5² + (3 − 1)² times the variance, 2
    33.0
    """
    return frechet_from_moments(moments(x), moments(y)), _bootstrap_error(x, y)


def moments(x: Tensor) -> tuple[Tensor, Tensor]:
    """Return mean (D,) and covariance (D, D) of vectors (N, D)."""
    centered = x - (mean := x.mean(0))
    return mean, centered.T @ centered / max(len(x) - 1, 1)


def frechet_from_moments(first: tuple[Tensor, Tensor], second: tuple[Tensor, Tensor]) -> float:
    """Return the squared Fréchet distance of two normals, each given by mean and covariance."""
    (mean_x, cov_x), (mean_y, cov_y) = first, second
    values, vectors = torch.linalg.eigh(cov_x)
    root = vectors * values.clamp_min(0).sqrt() @ vectors.T
    # This symmetric product has the eigenvalues of cov_x @ cov_y, so the trace of the square root is the same.
    cross = torch.linalg.eigvalsh(root @ cov_y @ root).clamp_min(0).sqrt().sum()
    distance = (mean_x - mean_y).square().sum() + cov_x.trace() + cov_y.trace() - 2 * cross
    return max(float(distance), 0.0)


def _bootstrap_error(x: Tensor, y: Tensor) -> float:
    generator = torch.Generator().manual_seed(0)

    def resampled_moments(z: Tensor) -> tuple[Tensor, Tensor]:
        return moments(z[torch.randint(len(z), (len(z),), generator=generator).to(z.device)])

    distances = [frechet_from_moments(resampled_moments(x), resampled_moments(y)) for _ in range(BOOTSTRAP_SAMPLES)]
    return torch.tensor(distances).std().item()


def kernel_distance(x: Tensor, y: Tensor) -> tuple[float, float]:
    r"""Return the squared maximum mean discrepancy with the kernel :math:`(x^\top y / D + 1)^3`, unbiased.

    Bińkowski et al. 2018, arXiv 1801.01401. The mean over disjoint blocks of at most 1,000 vectors of each set,
    at least ten of them where there are enough. Being unbiased, it may be negative where the sets are alike.

    Args:
        x: (N, D), in random order.
        y: (M, D), likewise.

    Returns:
        The distance, and its standard error over the blocks.

    Raises:
        ValueError: fewer than four vectors in a set.

    Deviation from the paper: its subsets overlap, so their standard deviation says nothing about other examples; blocks
    are disjoint (Zaremba, Gretton & Blaschko 2013, arXiv 1307.1954).

    >>> x = torch.randn(400, 3, dtype=torch.float64)
    >>> value, error = kernel_distance(x[:200], x[200:])
    >>> abs(value) < 5 * error
    True
    """
    n = min(len(x), len(y))
    if n < 4:
        raise ValueError(f"the kernel distance needs at least four vectors of each set, got {len(x)} and {len(y)}")
    blocks = max(math.ceil(n / MAX_BLOCK_SIZE), min(MIN_BLOCKS, n // 2))
    pairs = zip(x[:n].tensor_split(blocks), y[:n].tensor_split(blocks), strict=True)
    values = torch.stack([_mmd2(a, b) for a, b in pairs])
    return values.mean().item(), values.std().item() / math.sqrt(blocks)


def _mmd2(x: Tensor, y: Tensor) -> Tensor:
    """Return the unbiased estimate of the squared MMD of two sets of the same size, (n, D) each."""
    n, dims = x.shape

    def kernel(a: Tensor, b: Tensor) -> Tensor:
        return (a @ b.T / dims + 1) ** 3

    xx, yy = kernel(x, x), kernel(y, y)
    within = (xx.sum() - xx.trace() + yy.sum() - yy.trace()) / (n * (n - 1))
    return within - 2 * kernel(x, y).mean()
