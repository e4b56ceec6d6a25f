"""Ladder VAE: several latents, each posterior the product of a bottom-up and a top-down normal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn
from torch.distributions import Distribution

from elbowroom.distributions import Normal
from elbowroom.models.base import GenerativeModel
from elbowroom.models.conditional import Conditional
from elbowroom.models.draw import Draw, Latent
from elbowroom.models.inputs import takes_examples, takes_latents


class Ladder(GenerativeModel):
    r"""A ladder VAE: latents :math:`z_1, \dots, z_L`, each posterior merging bottom-up and top-down information.

    .. math:: q(z_l \mid z_{l+1}, x) = \mathcal N(\mu, \sigma^2),
        \quad \sigma^{-2} = \hat\sigma_l^{-2} + \sigma_{p,l}^{-2},
        \quad \mu = \sigma^2 (\hat\mu_l \hat\sigma_l^{-2} + \mu_{p,l}\, \sigma_{p,l}^{-2})

    Sønderby et al. 2016, arXiv 1602.02282. Deviation: no batch normalisation, so that an example's bound does not
    depend on the rest of the batch.

    Args:
        climb: for each latent, the bottom-up network from the features below (for the first, from the data).
        read: for each latent, a conditional from the output of its ``climb`` to the bottom-up :class:`Normal`.
        descend: for each latent but the last, p(z_l | z_{l+1}).
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

    @property
    def latents(self) -> dict[str, tuple[int, ...]]:
        families = [cast("Conditional", read).family for read in self.read]
        return {f"z{i}": family.shape for i, family in enumerate(families, 1)}

    @takes_examples
    def draw(self, x: Tensor, c: Tensor | None = None, k: int = 1) -> Draw:
        bottom_up, h = [], x
        for climb, read in zip(self.climb, self.read, strict=True):
            h = climb(h)
            bottom_up.append(read(h))
        q, prior = bottom_up.pop(), self.prior()
        z = q.rsample((k,))
        latents = [Latent(z, q, prior)]
        for descend, likelihood in zip(reversed(self.descend), reversed(bottom_up), strict=True):
            prior = descend(z)
            q = _multiply_normals(likelihood, prior)
            z = q.rsample()
            latents.append(Latent(z, q, prior))
        return Draw(x, self.decoder(z), *reversed(latents), c=c)

    @takes_latents
    def decode(self, z: Tensor, c: Tensor | None = None) -> Distribution:
        self.refuse_condition(c)
        for descend in reversed(self.descend):
            z = descend(z).rsample()
        p: Distribution = self.decoder(z)
        return p


def _multiply_normals(up: Normal, down: Normal) -> Normal:
    """Multiply two normals: their precisions add."""
    log_precision = torch.logaddexp(-up.log_var, -down.log_var)
    log_var = -log_precision
    loc = up.loc * (log_var - up.log_var).exp() + down.loc * (log_var - down.log_var).exp()
    return Normal(loc, log_var)
