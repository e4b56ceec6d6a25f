"""Exact principal component analysis (PCA) as a baseline model."""

from __future__ import annotations

import math

import torch.nn.functional as F
from torch import Tensor

from elbowroom.data import Data
from elbowroom.families import Bernoulli, Family, Gaussian
from elbowroom.latent.exact_pca import exact_pca
from elbowroom.models.linear import LinearAutoencoder

#: The distance from 0 and 1 to which an output is clipped that is scored as a probability: half a grey level.
PROBABILITY_MARGIN = 1 / 512


def pca(data: Data, latent: int, seed: int = 0) -> LinearAutoencoder:
    r"""Return a model whose encoder and decoder are the first principal components of the training examples.

    The latent is :math:`z = W^\top (x - \mu)`, the reconstruction :math:`\mu + W z`, where the orthonormal columns of
    :math:`W` are the eigenvectors of the covariance with the largest eigenvalues: no affine encoding of this size has a
    smaller squared error on those examples (Pearson 1901; Hotelling 1933). There is no posterior and no prior. The
    sums are taken in double precision, over any number of examples; the likelihood is a Gaussian whose variance is its
    maximum-likelihood value, the mean squared error of the training examples.

    Args:
        data: the data; its training split is used, in evaluation mode.
        latent: the number of components.
        seed: the seed of pixels that are drawn once, where binarization is dynamic.

    Raises:
        ValueError: ``latent`` is below 1 or above the number of values in an example, or that is too large.

    >>> import elbowroom as er
    >>> digits = er.load_data("digits")
    >>> er.evaluate(pca(digits, 10), digits, metrics="reconstruction")["mse"].value < 0.02
    True
    """
    size = math.prod(data.shape)
    if not 1 <= latent <= size:
        raise ValueError(f"PCA of {latent} components, of examples of {size} numbers: expected 1 to {size}")
    found = exact_pca(data, seed)
    scale = max(math.sqrt(found.residual(latent)), 1e-6)
    model = LinearAutoencoder(data.shape, latent, scale)
    model.set_components(found.directions[:, :latent], found.mean)
    return model.eval()


def reconstruction_nats(family: Family, x: Tensor, output: Tensor, train_mse: float) -> Tensor | None:
    r"""Return the reconstruction term :math:`-\log p(x|z)` of a plain output under a likelihood, (B,), in nats.

    Under a Bernoulli, output clipped into :math:`[1/512, 511/512]` is its probability. Under a Gaussian it is the mean,
    and the scale is the family's if that is fixed, else the training examples' root mean squared error. Other families
    give ``None``.

    Args:
        family: the likelihood of the models to compare with.
        x: examples, (B, *shape).
        output: the reconstructions, (B, *shape).
        train_mse: the mean squared error per dimension of the training examples.
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
    """Describe in words how :func:`reconstruction_nats` scores an output; empty for other families."""
    if isinstance(family, Bernoulli):
        return "cross-entropy of the output, clipped into [1/512, 511/512]"
    if isinstance(family, Gaussian):
        scale = "the training error's" if isinstance(family.scale, str) else f"{family.scale:g}"
        return f"negated log-density of a Gaussian around the output, its scale {scale}"
    return ""
