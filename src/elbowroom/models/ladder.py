"""The ladder: several latents, each posterior a compromise between what comes up and what comes down."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.distributions import Distribution

from elbowroom.distributions import Normal
from elbowroom.models.base import GenerativeModel
from elbowroom.models.conditional import Conditional
from elbowroom.models.draw import Draw, Latent


class Ladder(GenerativeModel):
    r"""Latents :math:`z_1, \dots, z_L`, where each posterior merges an upward and a downward message.

    .. math:: q(z_l \mid z_{l+1}, x) = \mathcal N(\mu, \sigma^2),
        \quad \sigma^{-2} = \hat\sigma_l^{-2} + \sigma_{p,l}^{-2},
        \quad \mu = \sigma^2 (\hat\mu_l \hat\sigma_l^{-2} + \mu_{p,l}\, \sigma_{p,l}^{-2})

    Sønderby et al. 2016, arXiv 1602.02282. Deviation: no batch normalisation, so that an example's bound does not
    depend on its company.

    Args:
        climb: for each rung, a network from what came up from the rung below (the data for the first).
        read: for each rung, a conditional from what ``climb`` gave there to the upward message, a :class:`Normal`.
        descend: for each rung but the last, p(z_l | z_{l+1}).
        decoder: z_1 to p(x|z_1).
        prior: p(z_L).
    """

    def __init__(
        self,
        climb: Sequence[nn.Module],
        read: Sequence[Conditional],
        descend: Sequence[Conditional],
        decoder: Conditional,
        prior: nn.Module,
    ) -> None:
        super().__init__()
        self.climb, self.read, self.descend = nn.ModuleList(climb), nn.ModuleList(read), nn.ModuleList(descend)
        self.decoder, self.prior = decoder, prior
        self.latent_shape = read[-1].family.shape

    def draw(self, x: Tensor, c: Tensor | None = None, k: int = 1) -> Draw:
        upward, h = [], x
        for climb, read in zip(self.climb, self.read, strict=True):
            h = climb(h)
            upward.append(read(h))
        q, prior = upward.pop(), self.prior()
        z = q.rsample((k,))
        latents = [Latent(z, q, prior)]
        for descend, message in zip(reversed(self.descend), reversed(upward), strict=True):
            prior = descend(z)
            q = _multiply_normals(message, prior)
            z = q.rsample()
            latents.append(Latent(z, q, prior))
        return Draw(x, self.decoder(z), *reversed(latents), c=c)

    def draw_prior(self, n: int, c: Tensor | None = None) -> Tensor:
        """Codes of the uppermost latent, (n, *latent_shape)."""
        return self.prior().sample((n,))

    def decode(self, z: Tensor, c: Tensor | None = None) -> Distribution:
        """p(x|z_1), from the uppermost latent down; the latents between are drawn on the way."""
        for descend in reversed(self.descend):
            z = descend(z).rsample()
        return self.decoder(z)


def _multiply_normals(up: Normal, down: Normal) -> Normal:
    """The product of two normals: precisions add."""
    log_precision = torch.logaddexp(-up.log_var, -down.log_var)
    log_var = -log_precision
    loc = up.loc * (log_var - up.log_var).exp() + down.loc * (log_var - down.log_var).exp()
    return Normal(loc, log_var)
