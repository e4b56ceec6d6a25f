"""Priors as transformations of standard normals, so that a sample is a function of its noise."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from elbowroom import noise
from elbowroom.distributions import Normal
from elbowroom.models.base import GenerativeModel
from elbowroom.models.priors import CodePrior, Mixture, VampPrior


def prior_transform(model: GenerativeModel) -> nn.Module | None:
    """How n codes come of the normals of the source in force; ``None`` where the prior draws by such itself.

    >>> import elbowroom as er
    >>> model, _ = er.recipes.vamp_vae((1, 8, 8), latent=3, components=5)
    >>> prior_transform(model)(4).shape
    torch.Size([4, 3])
    """
    prior = getattr(model, "prior", None)
    return next((make(prior) for kind, make in TRANSFORMS.items() if isinstance(prior, kind)), None)


class MixtureTransform(nn.Module):
    r"""A component by one normal, a place in it by as many as a code is long: :math:`z = \mu_k + \sigma_k \epsilon`.

    The component is the first whose cumulative weight reaches :math:`\Phi(\epsilon_0)`.
    """

    cumulative: Tensor
    loc: Tensor
    scale: Tensor

    def __init__(self, prior: nn.Module) -> None:
        super().__init__()
        with torch.no_grad():
            p = prior()
            part = p.component_distribution
            assert isinstance(part, Normal)
            self.register_buffer("below", p.mixture_distribution.probs.cumsum(-1)[:-1])
            self.register_buffer("loc", part.loc)
            self.register_buffer("scale", part.variance.sqrt())

    def forward(self, n: int) -> Tensor:
        k = (_draw_uniform(n, 1, self.loc) > self.cumulative).sum(-1)
        eps = noise.standard_normal(torch.Size((n, *self.loc.shape[1:])), self.loc)
        return self.loc[k] + self.scale[k] * eps


class CodebookTransform(nn.Module):
    """A code of the codebook at every position, each by one normal."""

    cumulative: Tensor
    codebook: Tensor

    def __init__(self, prior: nn.Module) -> None:
        super().__init__()
        with torch.no_grad():
            p = prior()
            self.register_buffer("below", p.logits.exp().cumsum(-1)[:, :-1])
            self.register_buffer("codes", p.codebook)

    def forward(self, n: int) -> Tensor:
        return self.codebook[
            (_draw_uniform(n, len(self.cumulative), self.codebook)[..., None] > self.cumulative).sum(-1)
        ]


def _draw_uniform(n: int, size: int, like: Tensor) -> Tensor:
    """Uniform numbers (n, size), each the share of a standard normal that lies below what was drawn."""
    return 0.5 * (1 + torch.erf(noise.standard_normal(torch.Size((n, size)), like) / 2**0.5))


#: By the kind of prior.
TRANSFORMS: dict[type[nn.Module], Callable[[nn.Module], nn.Module]] = {
    Mixture: MixtureTransform,
    VampPrior: MixtureTransform,
    CodePrior: CodebookTransform,
}
