"""Models: encoder, decoder and prior put together, and what can be asked of them."""

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
    """Which recipe made a model, and with what: enough to make it again."""

    recipe: str
    shape: tuple[int, ...]
    arguments: dict[str, Any]


class GenerativeModel(nn.Module, ABC):
    """What every model can do, whatever its latents look like.

    A concrete model says how it draws from its posterior, from its prior, and how it decodes; the rest follows.

    Attributes:
        decoder: p(x|z).
        latent_shape: of the code that :meth:`decode` takes.
        recipe_call: the recipe that made the model, if one did.
    """

    decoder: Conditional
    latent_shape: tuple[int, ...]
    recipe_call: RecipeCall | None = None

    @abstractmethod
    def draw(self, x: Tensor, c: Tensor | None = None, k: int = 1) -> Draw:
        """Draw K codes for each example: (B, *shape) to a :class:`Draw`."""

    @abstractmethod
    def draw_prior(self, n: int, c: Tensor | None = None) -> Tensor:
        """Codes from the prior, (n, *latent_shape)."""

    @abstractmethod
    def decode(self, z: Tensor, c: Tensor | None = None) -> Distribution:
        """p(x|z) for codes (..., *latent_shape)."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Of one example."""
        return self.decoder.family.shape

    @contextmanager
    def _eval_mode(self) -> Iterator[None]:
        """Evaluation mode for a look at the model, so that looking does not change it."""
        training = self.training
        self.eval()
        try:
            with torch.no_grad():
                yield
        finally:
            self.train(training)

    def encode(self, x: Tensor, c: Tensor | None = None) -> Tensor:
        """The posterior mean of the code that :meth:`decode` takes, (B, *latent_shape)."""
        with self._eval_mode(), noise.zero_noise():
            return self.draw(x, c).latents[-1].q.mean.reshape(len(x), *self.latent_shape)

    def reconstruct(self, x: Tensor, c: Tensor | None = None) -> Tensor:
        """The mean of p(x|z) at the posterior mean, (B, *shape)."""
        with self._eval_mode(), noise.zero_noise():
            return self.draw(x, c).p.mean[0]

    def sample(self, n: int = 1, c: Tensor | None = None, z: Tensor | None = None) -> Tensor:
        """The mean of p(x|z) at codes drawn from the prior, or at ``z``: (n, *shape).

        Latents below a given code take their means, so that the same code gives the same picture.

        Raises:
            ValueError: the codes have another length than the model's.
        """
        if z is None:
            with self._eval_mode():
                return self.decode(self.draw_prior(n, c), c).mean
        if tuple(z.shape[1:]) != self.latent_shape:
            want, got = ("x".join(map(str, s)) for s in (self.latent_shape, z.shape[1:]))
            raise ValueError(f"codes of {got} numbers were given, but this model's codes have {want}: give {want} each")
        with self._eval_mode(), noise.zero_noise():
            return self.decode(z, c).mean


class Model(GenerativeModel):
    """One latent: an encoder q(z|x), a decoder p(x|z), a prior p(z).

    Args:
        encoder: x to q(z|x); takes the condition as a second input if the model is given one.
        decoder: z to p(x|z); likewise.
        prior: () to p(z), or condition to p(z|c); ``None`` for a plain autoencoder.
        condition: from the labels ``c`` (B, ...) to what encoder, decoder and prior take as their last input. Without
            one the model is not conditional, and the labels that come with a batch are passed over.

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
        given = self._condition(c)
        q = self.encoder(x, *given)
        z = q.rsample((k,))
        prior = None if self.prior is None else self.prior(*given)
        return Draw(x, self.decoder(z, *given), Latent(z, q, prior), c=c)

    def draw_prior(self, n: int, c: Tensor | None = None) -> Tensor:
        if self.prior is None:
            raise ValueError(
                "this model has no prior to sample from: give codes (z= in Python, --z on the command line)"
            )
        given = self._condition(c)
        return self.prior(*given).sample(() if given else (n,))

    def decode(self, z: Tensor, c: Tensor | None = None) -> Distribution:
        return self.decoder(z, *self._condition(c))

    def _condition(self, c: Tensor | None) -> tuple[Tensor, ...]:
        if self.condition is None:
            return ()
        if c is None:
            raise ValueError("this model is conditional: give it labels, as c= or with the data")
        return (self.condition(c),)
