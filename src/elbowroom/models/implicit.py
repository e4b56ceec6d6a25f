"""A model whose posterior is a network's output for an example and noise, without a density."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.distributions import Distribution

from elbowroom import noise
from elbowroom.distributions import Delta
from elbowroom.models.base import Model
from elbowroom.models.conditional import Conditional


class ImplicitPosterior(Delta):
    r"""A posterior that is drawn and has no density: :math:`z = f(x, \epsilon)`, with standard normals.

    Its ``mean`` is the draw of no noise.

    Args:
        encoder: from examples and noise to a point.
        x: examples, (B, *shape).
        noise_size: how many normals a draw takes.
    """

    no_density_reason: ClassVar[str] = "the density of an implicit posterior, a network's output for noise, is unknown"

    def __init__(self, encoder: Conditional, x: Tensor, noise_size: int) -> None:
        self.encoder, self.x, self.noise_size = encoder, x, noise_size
        super().__init__(encoder(x, x.new_zeros(len(x), noise_size)).mean)

    def rsample(self, sample_shape: Any = torch.Size()) -> Tensor:
        shape = torch.Size((*sample_shape, len(self.x), self.noise_size))
        eps = noise.standard_normal(shape, self.value)
        count = eps.numel() // max(1, len(self.x) * self.noise_size)
        every = self.x.expand(count, *self.x.shape).flatten(0, 1)
        z: Tensor = self.encoder(every, eps.reshape(-1, self.noise_size)).mean
        return z.reshape(*shape[:-1], *z.shape[1:])


class ImplicitModel(Model):
    r"""A model with an implicit posterior: any that a network of x and noise can draw.

    Mescheder, Nowozin & Geiger 2017, arXiv 1701.04722. It has no density, so that ELBO and KL are undefined; a critic
    estimates the KL in training (:class:`~elbowroom.objectives.adversarial.PosteriorRatio`).

    Args:
        encoder: from examples and noise to a point of the latent space.
        decoder: z to p(x|z).
        prior: () to p(z).
        noise_size: how many standard normals the encoder takes.

    >>> import elbowroom as er
    >>> model, _ = er.recipes.avb((1, 8, 8), latent=2)
    >>> model.draw(torch.rand(5, 1, 8, 8), k=3).z.shape
    torch.Size([3, 5, 2])
    """

    def __init__(self, encoder: Conditional, decoder: Conditional, prior: nn.Module, noise_size: int) -> None:
        super().__init__(encoder, decoder, prior)
        if noise_size < 1:
            raise ValueError(f"an implicit posterior needs noise of at least 1 number, got {noise_size}")
        self.noise_size = noise_size

    @property
    def has_point_posterior(self) -> bool:
        return False

    @property
    def no_density_reason(self) -> str:
        return ImplicitPosterior.no_density_reason

    def infer(self, x: Tensor, *condition: Tensor) -> Distribution:
        return ImplicitPosterior(self.encoder, x, self.noise_size)
