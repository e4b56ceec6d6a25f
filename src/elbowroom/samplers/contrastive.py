"""A normal that a critic reweighs, which tells its draws from latents: the noise-contrastive prior."""

from __future__ import annotations

import math
from typing import Any, Self

import torch
import torch.nn.functional as F
from torch import Tensor

from elbowroom import noise
from elbowroom.networks import MLP
from elbowroom.samplers.base import SAMPLERS
from elbowroom.samplers.optimization import minimize
from elbowroom.samplers.standard import standard_log_density
from elbowroom.samplers.whitened import WhitenedSampler

#: Draws of the normal by which the constant of the density is estimated.
CONSTANT_DRAWS = 1 << 16


class ContrastiveSampler(WhitenedSampler):
    r"""The normal of the latents, reweighed by a critic that tells latents from its draws: contrastive:PROPOSALS (100).

    .. math:: p(z) = \frac1Z\, r(z)\, \mathcal N(z; \mu, \Sigma), \quad
        \log r = \arg\max_T E_{q(z)} \log \sigma(T(z)) + E_{\mathcal N} \log (1 - \sigma(T(z)))

    Aneja et al. 2021, arXiv 2010.02917 (NCP-VAE): the best critic is the log-ratio of the densities. Z is one where it
    is, and estimated by 65,536 draws. A draw is sampling-importance-resampling: of so many proposals of the normal one
    is taken, in proportion to r; with few it is nearer to the normal than the density says.

    Deviation: the base is the normal with mean and covariance of the latents, where the paper has the prior.

    Args:
        size: of a latent, D.
        proposals: of a draw.
        hidden: the width of the critic's two hidden layers.

    >>> latents = torch.randn(100, 2, generator=torch.Generator().manual_seed(0))
    >>> ContrastiveSampler.fit(latents, proposals=5, steps=10)().sample((3,)).shape
    torch.Size([3, 2])
    """

    option = "proposals"
    log_constant: Tensor

    def __init__(self, size: int, proposals: int = 100, hidden: int = 128) -> None:
        super().__init__(size, proposals=proposals, hidden=hidden)
        self.proposals = proposals
        self.critic = MLP(size, size=1, hidden=(hidden, hidden))
        # At first the ratio is one, and the density is the normal.
        for parameter in list(self.critic.parameters())[-2:]:
            torch.nn.init.zeros_(parameter)
        self.register_buffer("log_constant", torch.zeros(()))

    @classmethod
    def fit(cls, latents: Tensor, proposals: int = 100, hidden: int = 128, steps: int = 1500, **options: Any) -> Self:
        with noise.seeded_rng(0):
            sampler = cls(latents.shape[1], proposals, hidden, **options)
            minimize(sampler.critic, sampler._classification_loss, sampler.whiten(latents), steps)
            with torch.no_grad():
                log_ratio = sampler._log_ratio(torch.randn(CONSTANT_DRAWS, sampler.size))
                sampler.log_constant.copy_(log_ratio.logsumexp(0) - math.log(CONSTANT_DRAWS))
        return sampler

    def _classification_loss(self, z: Tensor) -> Tensor:
        return F.softplus(-self._log_ratio(z)).mean() + F.softplus(self._log_ratio(torch.randn_like(z))).mean()

    def _log_ratio(self, z: Tensor) -> Tensor:
        ratio: Tensor = self.critic(z)[..., 0]
        return ratio

    @property
    def noise_size(self) -> int:
        return self.proposals * self.size + 1

    @property
    def numbers_per_latent(self) -> int:
        return 2 * int(self.settings["hidden"])

    def transform_whitened(self, eps: Tensor) -> Tensor:
        proposals = torch.unflatten(eps[..., 1:], -1, (self.proposals, self.size))
        shares = self._log_ratio(proposals).softmax(-1).cumsum(-1)
        index = (noise.to_uniform(eps[..., :1]) > shares).sum(-1).clamp_max(self.proposals - 1)
        return proposals.take_along_dim(index[..., None, None], -2)[..., 0, :]

    def whitened_log_density(self, z: Tensor) -> Tensor:
        return self._log_ratio(z) - self.log_constant + standard_log_density(z)


SAMPLERS.add("contrastive", ContrastiveSampler)
