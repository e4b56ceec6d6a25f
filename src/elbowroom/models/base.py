"""Base class of all models, and the model with one latent: encoder, decoder and prior."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributions import Distribution

from elbowroom import noise
from elbowroom.models.conditional import Conditional
from elbowroom.models.draw import Draw, Latent


@dataclass(frozen=True)
class RecipeCall:
    """The recipe, shape and arguments that made a model: enough to make it again."""

    recipe: str
    shape: tuple[int, ...]
    arguments: dict[str, Any]


class GenerativeModel(nn.Module, ABC):
    """Base class of all models, with one latent or several.

    A subclass implements :meth:`draw`, :meth:`draw_prior` and :meth:`decode`; the other methods use these.

    Attributes:
        decoder: p(x|z).
        latent_shape: of the latent that :meth:`decode` takes.
        recipe_call: the recipe that made the model, if one did.
    """

    decoder: Conditional
    latent_shape: tuple[int, ...]
    recipe_call: RecipeCall | None = None

    @abstractmethod
    def draw(self, x: Tensor, c: Tensor | None = None, k: int = 1) -> Draw:
        """Draw K latents from the posterior of each example: (B, *shape) to a :class:`Draw`."""

    @abstractmethod
    def draw_prior(self, n: int, c: Tensor | None = None) -> Tensor:
        """Draw latents from the prior, (n, *latent_shape)."""

    @abstractmethod
    def decode(self, z: Tensor, c: Tensor | None = None) -> Distribution:
        """Return p(x|z) for latents (..., *latent_shape)."""

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one example."""
        return self.decoder.family.shape

    @contextmanager
    def _eval_mode(self) -> Iterator[None]:
        """Switch to evaluation mode without gradients, and back to the mode before."""
        training = self.training
        self.eval()
        try:
            with torch.no_grad():
                yield
        finally:
            self.train(training)

    def encode(self, x: Tensor, c: Tensor | None = None) -> Tensor:
        """Return the posterior mean of the latent that :meth:`decode` takes, (B, *latent_shape)."""
        with self._eval_mode(), noise.zero_noise():
            return self.draw(x, c).latents[-1].q.mean.reshape(len(x), *self.latent_shape)

    def reconstruct(self, x: Tensor, c: Tensor | None = None) -> Tensor:
        """Return the mean of p(x|z) at the posterior mean, (B, *shape)."""
        with self._eval_mode(), noise.zero_noise():
            return self.draw(x, c).p.mean[0]

    def sample(self, n: int = 1, c: Tensor | None = None, z: Tensor | None = None) -> Tensor:
        """Return the mean of p(x|z) at latents drawn from the prior, or at ``z``: (n, *shape).

        With ``z``, latents below it take their means, so that the same ``z`` gives the same image.

        Raises:
            ValueError: ``z`` has another shape than the model's latent.
        """
        if z is None:
            with self._eval_mode():
                return self.decode(self.draw_prior(n, c), c).mean
        if tuple(z.shape[1:]) != self.latent_shape:
            expected, got = ("x".join(map(str, s)) for s in (self.latent_shape, z.shape[1:]))
            raise ValueError(
                f"z has latents of {got} numbers; this model's latents have {expected}: give {expected} each"
            )
        with self._eval_mode(), noise.zero_noise():
            return self.decode(z, c).mean


class Model(GenerativeModel):
    """A model with one latent: an encoder q(z|x), a decoder p(x|z), a prior p(z).

    Args:
        encoder: x to q(z|x); takes the condition as a second input if the model is given one.
        decoder: z to p(x|z); likewise.
        prior: () to p(z), or condition to p(z|c); ``None`` for a plain autoencoder.
        condition: maps the labels ``c`` (B, ...) to the last input of encoder, decoder and prior. Without it the model
            is not conditional, and the labels of a batch are ignored.

    >>> import elbowroom as er
    >>> model = er.Model(
    ...     er.Conditional.mlp(9, er.DiagonalNormal(2)),
    ...     er.Conditional.mlp(2, er.Gaussian(9)),
    ...     er.StandardNormal(2),
    ... )
    >>> model.sample(5).shape, model.reconstruct(torch.zeros(3, 9)).shape
    (torch.Size([5, 9]), torch.Size([3, 9]))
    """

    def __init__(
        self,
        encoder: Conditional,
        decoder: Conditional,
        prior: nn.Module | None,
        condition: nn.Module | None = None,
    ) -> None:
        super().__init__()
        self.condition = condition
        self.encoder: Conditional = encoder
        self.decoder, self.prior = decoder, prior
        self.latent_shape = encoder.family.shape

    def draw(self, x: Tensor, c: Tensor | None = None, k: int = 1) -> Draw:
        condition = self._condition(c)
        q = self.encoder(x, *condition)
        z = q.rsample((k,))
        prior = None if self.prior is None else self.prior(*condition)
        return Draw(x, self.decoder(z, *condition), Latent(z, q, prior), c=c)

    def draw_prior(self, n: int, c: Tensor | None = None) -> Tensor:
        if self.prior is None:
            raise ValueError(
                "this model has no prior to sample from: give latents (z= in Python, --z on the command line)"
            )
        condition = self._condition(c)
        z: Tensor = self.prior(*condition).sample(() if condition else (n,))
        return z

    def decode(self, z: Tensor, c: Tensor | None = None) -> Distribution:
        p: Distribution = self.decoder(z, *self._condition(c))
        return p

    def _condition(self, c: Tensor | None) -> tuple[Tensor, ...]:
        if self.condition is None:
            return ()
        if c is None:
            raise ValueError("this model is conditional: give it labels, as c= or with the data")
        return (self.condition(c),)
