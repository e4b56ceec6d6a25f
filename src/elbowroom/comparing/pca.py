"""Principal components: the linear code that loses least, exactly, as a baseline."""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from elbowroom.data import Data, freeze
from elbowroom.families import Bernoulli, Family, Gaussian, Point
from elbowroom.models.base import Model
from elbowroom.models.conditional import Conditional
from elbowroom.networks import MLP

#: Numbers in an example, at most: their covariances are taken apart exactly, in a time of the third power.
MAX_EXAMPLE_VALUES = 4096
#: How far the output that is scored as a probability stays from 0 and 1: half a grey level.
PROBABILITY_MARGIN = 1 / 512


def pca(data: Data, latent: int, seed: int = 0) -> Model:
    r"""The first principal components of the training examples, as a model.

    The code is :math:`z = W^\top (x - \mu)`, the reconstruction :math:`\mu + W z`, where the orthonormal columns of
    :math:`W` are the eigenvectors of the covariance with the largest eigenvalues: no affine code of this size has a
    smaller squared error on those examples (Pearson 1901; Hotelling 1933). There is no posterior and no prior. The
    sums are taken in double precision, over any number of examples; the likelihood is a Gaussian with the training
    examples' mean squared error for its variance, its maximum.

    Args:
        data: whose training split is taken, in evaluation mode.
        latent: how many components.
        seed: of pixels that are drawn once, where binarisation is dynamic.

    Raises:
        ValueError: more components than numbers in an example, none, or examples too large for an exact answer.

    >>> import elbowroom as er
    >>> digits = er.load_data("digits")
    >>> er.evaluate(pca(digits, 10), digits, metrics="error")["mse"].value < 0.02
    True
    """
    size = math.prod(data.shape)
    if not 1 <= latent <= size:
        raise ValueError(f"PCA of {latent} components, of examples of {size} numbers: expected 1 to {size}")
    if size > MAX_EXAMPLE_VALUES:
        raise ValueError(
            f"PCA is exact up to {MAX_EXAMPLE_VALUES:,} numbers in an example, and here are {size:,}: leave it out"
        )
    mean, covariance = _mean_and_covariance(data, size, seed)
    values, vectors = torch.linalg.eigh(covariance)
    kept = vectors[:, -latent:].flip(-1)
    lost = values[:-latent].clamp_min(0).sum().item() / size
    family = Gaussian(data.shape, max(math.sqrt(lost), 1e-6))
    encoder = _affine_conditional(data.shape, Point(latent), kept.T, -kept.T @ mean)
    return Model(encoder, _affine_conditional(latent, family, kept, mean), prior=None).eval()


def reconstruction_nats(family: Family, x: Tensor, output: Tensor, train_mse: float) -> Tensor | None:
    r"""What an output is worth under a likelihood of this kind, :math:`-\log p(x|z)`, (B,), nats; ``None`` without one.

    Under a Bernoulli, output clipped into :math:`[1/512, 511/512]` is its probability. Under a Gaussian it is the mean,
    and the scale the model's if that is fixed, else the training examples' root mean squared error.

    Args:
        family: the likelihood of the models it is to stand beside.
        x: examples, (B, *shape).
        output: the reconstructions.
        train_mse: of the training examples, the mean squared error per dimension.
    """
    if isinstance(family, Bernoulli):
        nats = F.binary_cross_entropy(output.clamp(PROBABILITY_MARGIN, 1 - PROBABILITY_MARGIN), x, reduction="none")
    elif isinstance(family, Gaussian):
        variance = train_mse if isinstance(family.scale, str) else family.scale**2
        nats = ((x - output) ** 2 / variance + math.log(2 * math.pi * variance)) / 2
    else:
        return None
    return nats.flatten(1).sum(1)


def describe_reconstruction(family: Family) -> str:
    """How :func:`reconstruction_nats` does it, in words; empty where it does not."""
    if isinstance(family, Bernoulli):
        return "cross-entropy of the output, clipped into [1/512, 511/512]"
    if isinstance(family, Gaussian):
        scale = "the training error's" if isinstance(family.scale, str) else f"{family.scale:g}"
        return f"negated log-density of a Gaussian around the output, its scale {scale}"
    return ""


def _mean_and_covariance(data: Data, size: int, seed: int) -> tuple[Tensor, Tensor]:
    """Mean and covariance of the training examples, from sums around the first batch's mean."""
    n, total, square = 0, torch.zeros(size, dtype=torch.float64), torch.zeros(size, size, dtype=torch.float64)
    near: Tensor | None = None
    for batch in freeze(data.train, seed).batches(2000):
        x = batch.x.flatten(1).double()
        near = x.mean(0) if near is None else near
        x = x - near
        n, total = n + len(x), total + x.sum(0)
        square += x.T @ x
    assert near is not None
    shift = total / n
    return near + shift, square / n - torch.outer(shift, shift)


def _affine_conditional(shape: int | tuple[int, ...], family: Family, weight: Tensor, bias: Tensor) -> Conditional:
    made = Conditional.mlp(shape, family, hidden=())
    assert isinstance(made.net, MLP)
    layer: Any = made.net.layers[-1]
    with torch.no_grad():
        layer.weight.copy_(weight)
        layer.bias.copy_(bias)
    return made
