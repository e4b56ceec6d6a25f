"""A normalizing flow as prior."""

from __future__ import annotations

import torch
from torch import nn

from elbowroom.distributions.flow import FlowDistribution
from elbowroom.families.base import Shape
from elbowroom.families.flow_posterior import FlowPosterior
from elbowroom.models.priors.registry import PriorContext, register_prior

#: Standard deviation of the learned numbers at the start: near zero, where most flows are the identity.
START_SCALE = 0.1


class FlowPrior(nn.Module):
    r"""A normalizing flow as prior: the family of flow posteriors, at numbers that are learned.

    .. math:: \log p(z) = \log \mathcal N(f^{-1}(z); \mu, \sigma^2) - \log |\det \partial f / \partial z_0|

    Chen et al. 2017, arXiv 1611.02731, with "maf", their autoregressive prior, which scores at once and draws one
    number after the other. Deviation: the normal that it starts from has a learned mean and variance.

    Args:
        latent: size or shape of z.
        flow: a name in :data:`elbowroom.families.flows.FLOWS`, as "maf:4".

    >>> FlowPrior(2, "realnvp")().sample((3,)).shape
    torch.Size([3, 2])
    """

    def __init__(self, latent: Shape, flow: str = "maf") -> None:
        super().__init__()
        self.family = FlowPosterior(latent, flow, context=0)
        self.phi = nn.Parameter(START_SCALE * torch.randn(self.family.size))
        self.numbers_per_latent = max(self.phi.numel(), 1)

    def forward(self) -> FlowDistribution:
        density: FlowDistribution = self.family(self.phi)
        return density


@register_prior(
    "flow", "A normalizing flow: maf, realnvp, nsf and others (Chen et al. 2017, arXiv 1611.02731).", "FLOW"
)
def flow(context: PriorContext, name: str = "maf") -> FlowPrior:
    """Return a flow of this name."""
    return FlowPrior(context.latent, name)
