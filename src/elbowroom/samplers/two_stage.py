"""A second VAE, fitted to the latents of the first."""

from __future__ import annotations

import math
from typing import Any, Self

import torch
from torch import Tensor

from elbowroom import noise
from elbowroom.families import DiagonalNormal
from elbowroom.models.base import Model
from elbowroom.models.conditional import Conditional
from elbowroom.models.priors import StandardNormal
from elbowroom.samplers.base import SAMPLERS
from elbowroom.samplers.optimization import minimize
from elbowroom.samplers.standard import standard_log_density
from elbowroom.samplers.whitened import WhitenedSampler

#: Draws of the importance estimate of a log-density.
N_IMPORTANCE_DRAWS = 64


class TwoStageSampler(WhitenedSampler):
    r"""Two-stage VAE: latents are drawn from a second VAE, fitted to them.

    .. math:: u \sim \mathcal N(0, I), \quad z \sim p(z \mid u)

    Dai & Wipf 2019, arXiv 1903.05789: u has as many dimensions as z, and p(z|u) is a normal with learned variances.
    Deviation: two hidden layers where the paper has three, and a variance for each dimension, which depends on u, where
    the paper learns one. :meth:`log_density` is an importance estimate with 64 draws from q(u|z), a lower bound on
    log p(z) in expectation; the draws come from :mod:`elbowroom.noise`.

    Args:
        size: of a latent, D.
        hidden: the width of the hidden layers.

    >>> latents = torch.randn(100, 2, generator=torch.Generator().manual_seed(0))
    >>> TwoStageSampler.fit(latents, steps=10)().sample((3,)).shape
    torch.Size([3, 2])
    """

    has_exact_density = False

    def __init__(self, size: int, hidden: int = 256) -> None:
        super().__init__(size, hidden=hidden)
        encoder = Conditional.mlp(size, DiagonalNormal(size), (hidden, hidden))
        self.model = Model(encoder, Conditional.mlp(size, DiagonalNormal(size), (hidden, hidden)), StandardNormal(size))

    @classmethod
    def fit(cls, latents: Tensor, hidden: int = 256, steps: int = 1500, **options: Any) -> Self:
        with noise.seeded_rng(0), noise.global_rng():
            sampler = cls(latents.shape[1], hidden, **options)
            model = sampler.model
            minimize(model, lambda z: -model.draw(z).elbo.mean(), sampler.whiten(latents), steps)
        return sampler

    @property
    def noise_size(self) -> int:
        return 2 * self.size

    @property
    def numbers_per_latent(self) -> int:
        return N_IMPORTANCE_DRAWS * int(self.settings["hidden"])

    def transform_whitened(self, eps: Tensor) -> Tensor:
        u, own_eps = eps.chunk(2, -1)
        p = self.model.decoder(u)
        z: Tensor = p.mean + p.variance.sqrt() * own_eps
        return z

    def whitened_log_density(self, z: Tensor) -> Tensor:
        # As evaluation draws for examples, (samples, examples, ...), so that noise keyed by the example fits.
        flat = z.reshape(-1, z.shape[-2], self.size) if z.dim() > 1 else z.reshape(1, 1, self.size)
        q = self.model.encoder(flat)
        eps = noise.standard_normal(torch.Size((N_IMPORTANCE_DRAWS * len(flat), *flat.shape[1:])), flat)
        u = q.mean + q.variance.sqrt() * eps.reshape(N_IMPORTANCE_DRAWS, *flat.shape)
        log_w: Tensor = self.model.decoder(u).log_prob(flat) + standard_log_density(u) - q.log_prob(u)
        return (log_w.logsumexp(0) - math.log(N_IMPORTANCE_DRAWS)).reshape(z.shape[:-1])


SAMPLERS.add("two-stage", TwoStageSampler)
