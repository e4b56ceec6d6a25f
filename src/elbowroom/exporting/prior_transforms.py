"""Reparameterized priors: learned priors as transformations of standard normals."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.distributions import Distribution, MixtureSameFamily

from elbowroom import noise
from elbowroom.distributions import CodeCategorical, Normal


def prior_transform(prior: Distribution | None) -> nn.Module | None:
    """Return a module from n to n latents, drawn from a prior by standard normals of :mod:`elbowroom.noise`.

    ``None`` for a prior that already draws its latents from such normals.

    >>> import elbowroom as er
    >>> model, _ = er.recipes.vamp_vae((1, 8, 8), latent=3, components=5)
    >>> prior_transform(model.latent_prior())(4).shape
    torch.Size([4, 3])
    """
    if isinstance(prior, MixtureSameFamily) and isinstance(prior.component_distribution, Normal):
        return MixtureTransform(prior, prior.component_distribution)
    return CodebookTransform(prior) if isinstance(prior, CodeCategorical) else None


class MixtureTransform(nn.Module):
    r"""A draw from a mixture of normals: :math:`z = \mu_k + \sigma_k \epsilon`.

    The component k is the first whose cumulative weight reaches :math:`\Phi(\epsilon_0)`, of one further normal.
    """

    cumulative: Tensor
    loc: Tensor
    scale: Tensor

    def __init__(self, prior: MixtureSameFamily, components: Normal) -> None:
        super().__init__()
        self.register_buffer("cumulative", prior.mixture_distribution.probs.detach().cumsum(-1)[:-1])
        self.register_buffer("loc", components.loc.detach())
        self.register_buffer("scale", components.variance.detach().sqrt())

    def forward(self, n: int) -> Tensor:
        k = (_draw_uniform(n, 1, self.loc) > self.cumulative).sum(-1)
        eps = noise.standard_normal(torch.Size((n, *self.loc.shape[1:])), self.loc)
        return self.loc[k] + self.scale[k] * eps


class CodebookTransform(nn.Module):
    """A draw from a learned prior of codes: each sub-index of each position by one normal."""

    def __init__(self, prior: CodeCategorical) -> None:
        super().__init__()
        self.quantizer = prior.quantizer
        for h, log_probs in enumerate(prior.log_probs):
            self.register_buffer(f"cumulative_{h}", log_probs.detach().exp().cumsum(-1)[:, :-1])

    def forward(self, n: int) -> Tensor:
        positions, sizes = self.quantizer.shape[0], self.quantizer.index_sizes
        like = self.get_buffer("cumulative_0")
        u = _draw_uniform(n, positions * len(sizes), like).reshape(n, positions, len(sizes))
        indices = [(u[..., h, None] > self.get_buffer(f"cumulative_{h}")).sum(-1) for h in range(len(sizes))]
        return self.quantizer.decode_indices(torch.stack(indices, -1))


def _draw_uniform(n: int, size: int, like: Tensor) -> Tensor:
    r"""Return uniform numbers (n, size): :math:`\Phi(\epsilon)` of standard normals."""
    return 0.5 * (1 + torch.erf(noise.standard_normal(torch.Size((n, size)), like) / 2**0.5))
