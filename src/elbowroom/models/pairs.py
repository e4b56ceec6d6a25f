"""A model that learns from pairs of examples: in training the two share a part of their posterior."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from elbowroom.distributions.latent import Normal
from elbowroom.models.base import Model
from elbowroom.models.conditional import Conditional
from elbowroom.models.draw import BoundConditional, Draw, Latent
from elbowroom.models.inputs import takes_examples

Average = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]
"""From means and log-variances of two normals, (B, 2, D) each, to those of their average, (B, D)."""


def average_parameters(loc: Tensor, log_var: Tensor) -> tuple[Tensor, Tensor]:
    r"""Average means and variances: :math:`\mu = \frac12 \sum_i \mu_i`, :math:`\sigma^2 = \frac12 \sum_i \sigma_i^2`.

    Hosoya 2019, arXiv 1809.02383, as in disentanglement_lib.

    >>> average_parameters(torch.tensor([[[0.0], [2.0]]]), torch.zeros(1, 2, 1))
    (tensor([[1.]]), tensor([[0.]]))
    """
    return loc.mean(1), log_var.logsumexp(1) - math.log(2)


def multiply_densities(loc: Tensor, log_var: Tensor) -> tuple[Tensor, Tensor]:
    r"""Multiply the densities.

    .. math:: \sigma^{-2} = \sum_i \sigma_i^{-2}, \quad \mu = \sigma^2 \sum_i \mu_i / \sigma_i^2

    Bouchacourt, Tomioka & Nowozin 2018, arXiv 1705.08841: evidence accumulates over a group.

    >>> multiply_densities(torch.tensor([[[0.0], [2.0]]]), torch.zeros(1, 2, 1))
    (tensor([[1.]]), tensor([[-0.6931]]))
    """
    weights = (-log_var).softmax(1)
    return (weights * loc).sum(1), -(-log_var).logsumexp(1)


def average_densities(loc: Tensor, log_var: Tensor) -> tuple[Tensor, Tensor]:
    r"""Multiply the square roots of the densities, :math:`q \propto \sqrt{q_1 q_2}`: equal ones give themselves.

    The mean is that of the product, and the variance twice its variance. It is what Ada-ML-VAE does in
    disentanglement_lib, and what ML-VAE does there, whose paper has the product.

    >>> average_densities(torch.tensor([[[0.0], [2.0]]]), torch.zeros(1, 2, 1))
    (tensor([[1.]]), tensor([[0.]]))
    """
    mean, product_log_var = multiply_densities(loc, log_var)
    return mean, product_log_var + math.log(2)


def find_shared(loc: Tensor, log_var: Tensor) -> Tensor:
    r"""Return which dimensions two posteriors seem to share, (B, 2, D) to (B, D): those whose distance is small.

    .. math:: \delta_i < \tfrac12 \left( \max_j \delta_j + \min_j \delta_j \right),
        \quad \delta_i = \mathrm{KL}(q(z_i \mid x_1) \,\|\, q(z_i \mid x_2))

    Locatello et al. 2020, arXiv 2002.02886. Where all distances are equal none is below their middle, and none is
    shared; of two equal images that makes no difference.

    >>> find_shared(torch.tensor([[[0.0, 0.0], [0.1, 3.0]]]), torch.zeros(1, 2, 2))
    tensor([[ True, False]])
    """
    (first, second), (log_var_1, log_var_2) = loc.unbind(1), log_var.unbind(1)
    distance = (log_var_1 - log_var_2).exp() + (first - second).square() * (-log_var_2).exp() + log_var_2 - log_var_1
    middle = (distance.amax(1, keepdim=True) + distance.amin(1, keepdim=True)) / 2
    return distance < middle


class PairedModel(Model):
    """A VAE whose training examples come in pairs, (B, 2, *shape), that share a part of their posterior.

    Of a pair, the posteriors of the shared dimensions are replaced by their average; each image is then drawn and
    decoded by itself, so that a draw is one of 2B examples, and the ELBO of training that of their shared posterior. Of
    single examples it is the plain VAE: encoding, evaluation and all that follows are those of
    :class:`~elbowroom.models.base.Model`.

    Args:
        encoder: x to a diagonal normal q(z|x).
        decoder: z to p(x|z).
        prior: () to p(z).
        average: of two posteriors.
        n_shared: dimensions that are shared, the first ones; ``None`` for those that :func:`find_shared` finds.

    Raises:
        ValueError: more shared dimensions than the latent has, or none.

    >>> import elbowroom as er
    >>> model, _ = er.recipes.gvae((1, 8, 8), latent=4, shared=3)
    >>> draw = model.draw(torch.rand(5, 2, 1, 8, 8))
    >>> draw.z.shape, torch.equal(draw.q.mean[0, :3], draw.q.mean[1, :3])
    (torch.Size([1, 10, 4]), True)
    """

    def __init__(
        self,
        encoder: Conditional,
        decoder: Conditional,
        prior: nn.Module | None,
        average: Average,
        n_shared: int | None,
    ) -> None:
        super().__init__(encoder, decoder, prior)
        size = self.latent_shape[-1]
        if n_shared is not None and not 1 <= n_shared <= size:
            raise ValueError(f"shared={n_shared} dimensions of a latent of {size}: give from 1 to {size}")
        self.average, self.n_shared = average, n_shared

    @property
    def learns_from_pairs(self) -> bool:
        return True

    @takes_examples
    def draw(self, x: Tensor, c: Tensor | None = None, k: int = 1) -> Draw:
        if x.dim() != len(self.shape) + 2:
            return super().draw(x, c, k)
        images = x.flatten(0, 1)
        q = self.share(self.encoder(images))
        z = q.rsample(torch.Size((k,)))
        encoder, decoder = BoundConditional(self.encoder), BoundConditional(self.decoder)
        prior = None if self.prior is None else self.prior()
        return Draw(images, decoder(z), Latent(z, q, prior), encoder=encoder, decoder=decoder)

    def share(self, q: Normal) -> Normal:
        """Return the posteriors of pairs, neighbours in the batch (2B,), with their shared dimensions averaged."""
        loc, log_var = (part.reshape(-1, 2, part.shape[-1]) for part in (q.loc, q.log_var.expand_as(q.loc)))
        if self.n_shared is None:
            is_shared = find_shared(loc, log_var)
        else:
            is_shared = torch.arange(loc.shape[-1], device=loc.device) < self.n_shared
        mean, mean_log_var = self.average(loc, log_var)
        shared_loc, shared_log_var = (
            torch.where(is_shared[..., None, :], average[:, None], own).flatten(0, 1)
            for average, own in ((mean, loc), (mean_log_var, log_var))
        )
        return Normal(shared_loc, shared_log_var)
