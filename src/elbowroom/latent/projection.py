"""Projections of latents to two dimensions: principal components and t-SNE."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

#: Iterations of t-SNE. Twice as many lower its divergence by a fourteenth on latents of MNIST, and change no group.
TSNE_STEPS = 500


class Projection(NamedTuple):
    """Latents projected on their principal axes.

    Attributes:
        points: (N, dims), in the units of the latents.
        axes: orthonormal, (dims, D).
        explained_variance_ratio: share of the variance along each axis, (dims,).
    """

    points: Tensor
    axes: Tensor
    explained_variance_ratio: Tensor


def principal_components(z: Tensor, dims: int = 2) -> Projection:
    """Return the principal components of latents (N, D).

    The sign of an axis is chosen such that its largest entry is positive.

    Raises:
        ValueError: fewer examples or dimensions than ``dims``, or latents that are all the same.

    >>> z = torch.tensor([[0.0, 0.0, 0.0], [2.0, 0.0, 0.0], [0.0, 1.0, 0.0], [2.0, 1.0, 0.0]])
    >>> principal_components(z).explained_variance_ratio
    tensor([0.8000, 0.2000])
    """
    if min(z.shape) < dims:
        raise ValueError(f"{dims} principal axes need as many examples and dimensions, got latents {tuple(z.shape)}")
    _check_not_constant(z)
    centered = (z - z.mean(0)).double()
    _, singular_values, axes = torch.linalg.svd(centered, full_matrices=False)
    axes = axes[:dims]
    axes = axes * axes.gather(1, axes.abs().argmax(1, keepdim=True)).sign()
    variance = singular_values.square()
    ratio = variance[:dims] / variance.sum().clamp_min(1e-30)
    return Projection((centered @ axes.T).to(z), axes.to(z), ratio.to(z))


def tsne(z: Tensor, perplexity: float = 30.0, seed: int = 0) -> Tensor:
    """Embed latents (N, D) in a plane by t-SNE, which keeps neighbours together: (N, 2), without unit.

    van der Maaten & Hinton 2008, Journal of Machine Learning Research 9, as scikit-learn computes it, started from the
    principal components, in 500 steps, on a single thread, so that the same latents give the same points.

    Args:
        z: the latents.
        perplexity: about the number of neighbours; limited to (N - 1) / 3.
        seed: of the approximations.

    Raises:
        ValueError: fewer than five latents, or latents that are all the same.

    >>> tsne(torch.randn(20, 3)).shape
    torch.Size([20, 2])
    """
    if len(z) < 5:
        raise ValueError(f"t-SNE needs at least 5 latents to have neighbours, got {len(z)}")
    _check_not_constant(z)
    from sklearn.manifold import TSNE
    from threadpoolctl import threadpool_limits

    perplexity = min(perplexity, (len(z) - 1) / 3)
    # With several threads the order of summation varies, and they wait for each other on a busy machine.
    with threadpool_limits(1):
        method = TSNE(2, perplexity=perplexity, init="pca", max_iter=TSNE_STEPS, random_state=seed)
        # an array whatever sklearn.set_config(transform_output=) says, unlike the result of fit_transform
        points = method.fit(z.double().numpy()).embedding_
    return torch.from_numpy(points).float()


def _check_not_constant(z: Tensor) -> None:
    """Check that latents are finite and not all the same, since one point has neither axes nor neighbours."""
    if not z.isfinite().all():
        raise ValueError("some latents are infinite or NaN: the training diverged; lower its learning rate")
    if bool((z == z[0]).all()):
        raise ValueError(f"all {len(z)} latents are the same: they tell nothing of the data, and have no plane")
