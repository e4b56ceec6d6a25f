"""Base class of all models, and the model with one latent: encoder, decoder and prior."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.distributions import Distribution

from elbowroom import noise
from elbowroom.families import Codebook, Point
from elbowroom.models.conditional import Conditional
from elbowroom.models.conditioning import LabelEncoder
from elbowroom.models.draw import Draw, Latent
from elbowroom.models.priors import StandardNormal


@dataclass(frozen=True)
class RecipeCall:
    """The recipe, shape and arguments that made a model: enough to make it again."""

    recipe: str
    shape: tuple[int, ...]
    arguments: dict[str, Any]


def recipe_call_of(module: nn.Module) -> RecipeCall | None:
    """Return the recipe that made a module, which may be one of your own; ``None`` if none did."""
    return getattr(module, "recipe_call", None)


class GenerativeModel(nn.Module, ABC):
    """Base class of all models, with one latent or several, and what they can do.

    A subclass implements :meth:`draw` and :meth:`decode`; the other methods use these, and the module ``prior``, if it
    has one: () to p(z), or condition to p(z|c). A model that keeps its prior elsewhere implements :meth:`latent_prior`
    or :meth:`draw_prior`.

    Attributes:
        decoder: p(x|z).
        latent_shape: of the latent that :meth:`decode` takes, the uppermost.
        recipe_call: the recipe that made the model, if one did.
        is_classifier: whether :meth:`log_qy` gives class probabilities.
    """

    decoder: Conditional
    latent_shape: tuple[int, ...]
    recipe_call: RecipeCall | None = None
    is_classifier = False

    @abstractmethod
    def draw(self, x: Tensor, c: Tensor | None = None, k: int = 1) -> Draw:
        """Draw K latents from the posterior of each example: (B, *shape) to a :class:`Draw`."""

    @abstractmethod
    def decode(self, z: Tensor, c: Tensor | None = None) -> Distribution:
        """Return p(x|z) for latents (..., *latent_shape); those below are drawn from their priors."""

    @property
    def latents(self) -> dict[str, tuple[int, ...]]:
        """The shapes of the latents by name, as :meth:`draw` has them: the uppermost, that is decoded, last."""
        return {"z": self.latent_shape}

    @property
    def is_quantized(self) -> bool:
        """Whether latents are entries of a codebook."""
        return False

    @property
    def has_point_posterior(self) -> bool:
        """Whether the posterior is a point, which has no density and no KL."""
        return False

    @property
    def requires_labels(self) -> bool:
        """Whether it must be given labels ``c``."""
        return False

    @property
    def is_conditional(self) -> bool:
        """Whether :meth:`decode` depends on labels ``c``."""
        return self.requires_labels

    @property
    def condition_size(self) -> int:
        """The number of classes or attributes of the labels; 0 if it takes none."""
        return 0

    @property
    def has_prior(self) -> bool:
        """Whether latents can be drawn from a prior."""
        return True

    @property
    def has_standard_prior(self) -> bool:
        """Whether the prior of the uppermost latent is the standard normal, which gives latents their unit."""
        return isinstance(self._modules.get("prior"), StandardNormal)

    @property
    def prior_numbers_per_latent(self) -> int:
        """How many numbers the prior keeps in memory to score one latent, which limits the batch size."""
        return int(getattr(self._modules.get("prior"), "numbers_per_latent", 1))

    def latent_prior(self, c: Tensor | None = None) -> Distribution | None:
        """Return p(z) of the uppermost latent, or p(z|c) with batch (B,); ``None`` without a prior."""
        prior = self._modules.get("prior")
        return None if prior is None else cast("Distribution", prior(*self._condition(c)))

    def draw_prior(self, n: int, c: Tensor | None = None) -> Tensor:
        """Draw the uppermost latent from its prior, (n, *latent_shape).

        Raises:
            ValueError: the model has no prior, or requires labels and there are none.
        """
        prior = self.latent_prior(c)
        if prior is None:
            raise ValueError(
                "this model has no prior to sample from: give latents (z= in Python, --z on the command line)"
            )
        z: Tensor = prior.sample(torch.Size() if self.requires_labels else torch.Size((n,)))
        return z

    def posterior(self, x: Tensor, c: Tensor | None = None) -> Distribution:
        """Return q(z|x) of the uppermost latent, batch (B,); where it depends on others, at their means."""
        with noise.zero_noise():
            return self.draw(x, c).latents[-1].q

    def log_qy(self, x: Tensor) -> Tensor:
        """Return log q(y|x) of every class, (B, classes), nats.

        Raises:
            ValueError: the model is no classifier.
        """
        raise ValueError("this model does not classify its examples: train m2")

    def classify(self, x: Tensor) -> Tensor:
        """Return q(y|x), (B, classes)."""
        with self._eval_mode():
            return self.log_qy(x).exp()

    def _condition(self, c: Tensor | None) -> tuple[Tensor, ...]:
        """Return the condition as the last inputs of encoder, decoder and prior."""
        return ()

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
        with self._eval_mode():
            return self.posterior(x, c).mean.reshape(len(x), *self.latent_shape)

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

    @property
    def has_prior(self) -> bool:
        return self.prior is not None

    @property
    def requires_labels(self) -> bool:
        return self.condition is not None

    @property
    def is_quantized(self) -> bool:
        return isinstance(self.encoder.family, Codebook)

    @property
    def has_point_posterior(self) -> bool:
        return isinstance(self.encoder.family, Point)

    @property
    def condition_size(self) -> int:
        if self.condition is None or isinstance(self.condition, LabelEncoder):
            return 0 if self.condition is None else self.condition.n
        raise ValueError(
            f"the condition is a {type(self.condition).__name__}, and how many numbers it takes is not known: "
            "make it er.LabelEncoder(n)"
        )

    def draw(self, x: Tensor, c: Tensor | None = None, k: int = 1) -> Draw:
        condition = self._condition(c)
        q = self.encoder(x, *condition)
        z = q.rsample((k,))
        prior = None if self.prior is None else self.prior(*condition)
        return Draw(x, self.decoder(z, *condition), Latent(z, q, prior), c=c)

    def posterior(self, x: Tensor, c: Tensor | None = None) -> Distribution:
        q: Distribution = self.encoder(x, *self._condition(c))
        return q

    def decode(self, z: Tensor, c: Tensor | None = None) -> Distribution:
        p: Distribution = self.decoder(z, *self._condition(c))
        return p

    def _condition(self, c: Tensor | None) -> tuple[Tensor, ...]:
        if self.condition is None:
            return ()
        if c is None:
            raise ValueError("this model is conditional: give it labels, as c= or with the data")
        return (self.condition(c),)
