"""Base class of all models, and the model with one latent: encoder, decoder and prior."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any, Self, cast

import torch
from torch import Tensor, nn
from torch.distributions import Distribution

from elbowroom import errors, noise
from elbowroom.distributions import Delta
from elbowroom.distributions.autoregressive import Autoregressive
from elbowroom.families import Point, Quantizer
from elbowroom.manifolds import FLAT, Manifold
from elbowroom.models.conditional import Conditional
from elbowroom.models.conditioning import LabelEncoder
from elbowroom.models.draw import BoundConditional, Draw, Latent
from elbowroom.models.inputs import (
    as_examples,
    as_labels,
    as_latents,
    check_count,
    check_examples,
    takes_examples,
    takes_latents,
)
from elbowroom.models.latent_metric import LatentMetric
from elbowroom.models.priors import ExamplePrior, StandardNormal
from elbowroom.models.proposals import Proposals
from elbowroom.models.samples import Samples
from elbowroom.view_shape import ViewShape


@dataclass(frozen=True)
class RecipeCall:
    """The recipe, shape, arguments and seed that made a model: enough to make it again, with its initial weights."""

    recipe: str
    shape: tuple[int, ...]
    arguments: dict[str, Any]
    seed: int | None = None


def recipe_call_of(module: nn.Module) -> RecipeCall | None:
    """Return the recipe that made a module, which may be one of your own; ``None`` if none did."""
    return getattr(module, "recipe_call", None)


def data_record_of(module: nn.Module) -> Mapping[str, Any] | None:
    """Return the record of the data that a module was trained on, which may be one of your own; ``None`` if unknown."""
    return getattr(module, "data_record", None)


def remove_sampler(module: nn.Module) -> None:
    """Remove the sampler of a model that trains on: it was fitted to the latents of other weights."""
    if isinstance(module, GenerativeModel):
        module.sampler = None


class GenerativeModel(nn.Module, ABC):
    """Base class of all models, with one latent or several, and what they can do.

    A subclass implements :meth:`draw` and :meth:`decode`; the other methods use these, and the module ``prior``, if it
    has one: () to p(z), or condition to p(z|c). A model that keeps its prior elsewhere implements :meth:`latent_prior`
    or :meth:`draw_prior`.

    Attributes:
        decoder: p(x|z).
        latent_shape: of the latent that :meth:`decode` takes, the uppermost.
        recipe_call: the recipe that made the model, if one did.
        data_record: the record of the data that it was trained on, if it was: new data is coded by it.
        code_examples: examples as people hold them (bytes, arrays, tables), as the networks take them, by that record.
        is_classifier: whether :meth:`log_qy` gives class probabilities.
        learns_attributes: whether its classifier learns from several attributes of each example, too.
        is_initialized: whether its weights were trained or loaded, so that :meth:`initialize` comes too late.
        sampler: a density fitted to the latents after training, of which :meth:`sample` draws in place of the prior;
            ELBO and KL are those of the prior.
    """

    decoder: Conditional
    sampler: nn.Module | None
    latent_shape: tuple[int, ...]
    recipe_call: RecipeCall | None = None
    data_record: Mapping[str, Any] | None = None
    code_examples: Callable[[Any], Tensor] | None = None
    is_classifier = False
    learns_attributes = False
    is_initialized = False

    def __init__(self) -> None:
        super().__init__()
        self.register_module("sampler", None)

    @property
    def n_initial_examples(self) -> int:
        """How many training examples :meth:`initialize` takes; 0 if nothing starts from them."""
        prior = self._modules.get("prior")
        return prior.n_initial_examples if isinstance(prior, ExamplePrior) else 0

    def initialize(self, x: Tensor, generator: torch.Generator) -> None:
        """Set what starts from training examples; called once, before the first step of a new run.

        Args:
            x: training examples, :attr:`n_initial_examples` or as many as there are, on the CPU.
            generator: of further draws, on the CPU.
        """
        prior = self._modules.get("prior")
        if isinstance(prior, ExamplePrior):
            prior.initialize(x, generator)

    @abstractmethod
    def draw(self, x: Tensor, c: Tensor | None = None, k: int = 1) -> Draw:
        """Draw K latents from the posterior of each example: (B, *shape) to a :class:`Draw`."""

    @abstractmethod
    def decode(self, z: Tensor, c: Tensor | None = None) -> Distribution:
        """Return p(x|z) for latents (..., *latent_shape); those below are drawn from their priors.

        Latents off the :attr:`manifold` are moved to the nearest point of it.
        """

    @property
    def latents(self) -> dict[str, tuple[int, ...]]:
        """The shapes of the latents by name, as :meth:`draw` has them: the uppermost, that is decoded, last."""
        return {"z": self.latent_shape}

    @property
    def quantizer(self) -> Quantizer | None:
        """The quantizer of the uppermost latent, where it is discrete; ``None`` for any other model."""
        return None

    @property
    def is_quantized(self) -> bool:
        """Whether latents are codes of a quantizer, with nothing between them."""
        return self.quantizer is not None

    @property
    def has_point_posterior(self) -> bool:
        """Whether the posterior of each x is a point, which has no density and no KL."""
        return False

    @property
    def no_density_reason(self) -> str:
        """Why the posterior has no density, in words; empty where it has one."""
        return Delta.no_density_reason if self.has_point_posterior else ""

    @property
    def has_gradient_posterior(self) -> bool:
        """Whether its posterior follows gradients through its decoder, which no exported graph can."""
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
    def n_labels(self) -> int:
        """The number of classes, or of attributes, of a classifier."""
        return self.condition_size

    @property
    def learns_from_pairs(self) -> bool:
        """Whether :meth:`draw` takes training examples in pairs, (B, 2, *shape), that share something."""
        return False

    @property
    def has_prior(self) -> bool:
        """Whether latents can be drawn from a prior."""
        return True

    @property
    def can_sample(self) -> bool:
        """Whether latents can be drawn, from a sampler or a prior."""
        return self.sampler is not None or self.has_prior

    @property
    def can_decode(self) -> bool:
        """Whether latents can be decoded: not for a module of your own that has no way to."""
        return True

    @property
    def has_standard_prior(self) -> bool:
        """Whether the prior of the uppermost latent is the standard normal, which gives latents their unit."""
        return isinstance(self._modules.get("prior"), StandardNormal)

    @property
    def views(self) -> ViewShape | None:
        """The views (modalities) of its examples, of which any may be missing; ``None`` where an example is one."""
        return self.decoder.family.views

    @property
    def manifold(self) -> Manifold:
        """The manifold that latents as :meth:`decode` takes them lie on; the flat space for most models."""
        return FLAT

    @property
    def latent_metric(self) -> LatentMetric | None:
        """The Riemannian metric that the model has learned of its latents; ``None`` for any other model."""
        return None

    @property
    def components(self) -> Tensor | None:
        """The directions that an affine decoder adds up, (latent, *shape); ``None`` for any other decoder."""
        return None

    @property
    def topics(self) -> Tensor | None:
        """The weights of items in each topic, (topics, *shape); ``None`` for a model that has none."""
        return None

    @property
    def codebook(self) -> Tensor | None:
        """The codes that a position of a quantized latent chooses from, (codes, dim), by their joint index.

        ``None`` for any other model, and where there are too many codes to list
        (:data:`~elbowroom.families.quantizers.base.MAX_LISTED_CODES`).
        """
        return None if self.quantizer is None else self.quantizer.list_codes()

    @property
    def is_autoregressive(self) -> bool:
        """Whether p(x|z) also reads x: each element is given those before it, and decoding takes a step for each."""
        return self.decoder.is_autoregressive

    @property
    def has_path_posterior(self) -> bool:
        """Whether q(z|x) is known along the path of a draw alone: each part of z given those drawn before it."""
        return False

    @property
    def n_clusters(self) -> int:
        """The number of clusters that :meth:`cluster` assigns examples to; 0 for a model without."""
        return 0

    def cluster(self, x: Any) -> Tensor:
        """Return the probability of each cluster for examples, (B, clusters); x as for :meth:`encode`.

        Raises:
            ValueError: the model has no clusters.
        """
        raise ValueError("this model does not cluster its examples: train vade")

    @property
    def prior_numbers_per_latent(self) -> int:
        """How many numbers the prior keeps in memory to score one latent, which limits the batch size."""
        return int(getattr(self._modules.get("prior"), "numbers_per_latent", 1))

    def latent_prior(self, c: Tensor | None = None) -> Distribution | None:
        """Return p(z) of the uppermost latent, or p(z|c) with batch (B,); ``None`` without a prior."""
        prior = self._modules.get("prior")
        return None if prior is None else cast("Distribution", prior(*self.encode_condition(c)))

    def scoring_prior(self, x: Tensor, *condition: Tensor) -> Distribution | None:
        """Return the prior by which latents of these examples are scored; in training it may leave them out."""
        prior = self._modules.get("prior")
        if self.training and isinstance(prior, ExamplePrior):
            return prior.score_training(x)
        return None if prior is None else cast("Distribution", prior(*condition))

    def sampling_density(self, c: Tensor | None = None) -> Distribution | None:
        """Return the density that latents are sampled from: that of the sampler, if there is one, else the prior."""
        if self.sampler is None:
            return self.latent_prior(c)
        return cast("Distribution", self.sampler(*self.encode_condition(c)))

    def with_sampler(self, sampler: nn.Module | None) -> Self:
        """Return a model with the same weights that draws latents from this density; from its prior if it is None."""
        model = copy.copy(self)
        model._modules = {**self._modules, "sampler": sampler}
        return model

    def draw_latents(self, n: int, c: Tensor | None = None) -> Tensor:
        """Draw the uppermost latent from the sampler, if there is one, else from the prior: (n, *latent_shape).

        A sampler is a density of the flat space: its draws are moved to the nearest point of the :attr:`manifold`.

        Raises:
            ValueError: the model has neither, or requires labels and there are none.
        """
        if self.sampler is None:
            return self.draw_prior(n, c)
        return self.manifold.project(self._draw_from(self.sampling_density(c), n))

    def draw_prior(self, n: int, c: Tensor | None = None) -> Tensor:
        """Draw the uppermost latent from its prior, (n, *latent_shape).

        Raises:
            ValueError: the model has no prior, or requires labels and there are none.
        """
        return self._draw_from(self.latent_prior(c), n)

    def _draw_from(self, density: Distribution | None, n: int) -> Tensor:
        if density is None:
            raise ValueError(
                "this model has no prior to sample from: give latents (z= in Python, --z on the command line), or fit "
                "a sampler to its latents (elbowroom fit-sampler)"
            )
        z: Tensor = density.sample(torch.Size() if self.requires_labels else torch.Size((n,)))
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

    def classify(self, x: Any) -> Tensor:
        """Return q(y|x), (B, classes); x as for :meth:`encode`."""
        with self._eval_mode():
            return self.log_qy(check_examples(self, as_examples(self, x))).exp()

    def encode_condition(self, c: Tensor | None) -> tuple[Tensor, ...]:
        """Return the condition as the last input of encoder, decoder, prior and sampler: (B, n), or none at all."""
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

    @takes_examples
    def encode(self, x: Any, c: Any = None) -> Tensor:
        """Return the posterior mean of the latent that :meth:`decode` takes, (B, *latent_shape).

        Args:
            x: examples (B, *shape): a float tensor as the networks take it; or bytes, an array, lists or a table, which
                are coded as the data that the model was trained on (without such, bytes are pixels).
            c: the condition, for a conditional model: labels, or names of classes. For any other the labels of a
                batch, as a tensor, are left out of account, and other conditions refused.

        Raises:
            ValueError: examples of another shape, or values that p(x|z) does not cover; a condition for a model that
                takes none.
        """
        with self._eval_mode():
            return self.posterior(check_examples(self, x), c).mean.reshape(len(x), *self.latent_shape)

    @takes_examples
    def reconstruct(self, x: Any, c: Any = None) -> Tensor:
        """Return the mean of p(x|z) at the posterior mean, (B, *shape); x and c as for :meth:`encode`."""
        with self._eval_mode(), noise.zero_noise():
            return self.draw(check_examples(self, x), c).p.mean[0]

    @takes_examples
    def draw_reconstructions(self, x: Any, c: Any = None, k: int = 1, draw: bool | None = None) -> Tensor:
        """Return k reconstructions of each example, each at latents drawn from q(z|x): (k, B, *shape).

        Their differences show what the latents leave open, which :meth:`reconstruct` averages out.

        Args:
            x: (B, *shape).
            c: the condition, for a conditional model.
            k: how many of each example.
            draw: whether they are draws from p(x|z) or its means; by default as :attr:`samples_are_draws` has it.
        """
        with self._eval_mode():
            return self.draw_or_mean(self.draw(check_examples(self, x), c, k).p, draw)

    @takes_examples
    def propose_missing(self, x: Any, c: Any = None, k: int = 1) -> Proposals:
        r"""Return k proposals for each example's missing values (NaN): x from p(x|z), z from q(z|x) of what is there.

        .. math:: w = p(x_{\mathrm{obs}} \mid z) \, p(z) / q(z \mid x_{\mathrm{obs}})

        Mattei & Frellsen 2019, arXiv 1812.02633. Without a prior, or with a point posterior, all weights are equal.
        x and c as for :meth:`encode`.
        """
        with self._eval_mode():
            draw = self.draw(check_examples(self, x), c, k)
            if isinstance(draw.p, Autoregressive) and self.decoder.family.missing:
                # A known value is given what was drawn of the values before it.
                values, log_px = draw.p.complete(draw.x)
                return Proposals(values, draw.log_w - draw.log_px + log_px)
            values = draw.p.sample()
            log_w = draw.log_w if draw.is_probabilistic else values.new_zeros(values.shape[:2])
            return Proposals(values, log_w, draw.p)

    @property
    def samples_are_draws(self) -> bool:
        """Whether :meth:`sample` draws from p(x|z) by default: of rows and series; of most images it gives the means.

        The mean of an image is the image without the noise of its pixels. Means of rows spread less than the data, and
        the most probable category of every row leaves the rare ones out. An autoregressive decoder draws images too:
        what it was trained to read are examples, and from means of the elements before it goes astray.
        """
        if self.is_autoregressive:
            return True
        shapes = [self.shape] if self.views is None else [view.shape for view in self.views.views]
        return all(len(shape) < 3 for shape in shapes)

    def sample(self, n: int = 1, c: Any = None, z: Any = None, draw: bool | None = None) -> Tensor:
        """Return samples: latents drawn, or ``z``, decoded to draws from p(x|z) or its means, (n, *shape).

        A notebook shows images as a grid, and rows as a table.

        Latents are drawn from the :attr:`sampler`, if there is one, else from the prior. With ``z``, means of the same
        ``z`` are the same: latents below it take their means. For draws they are drawn.

        Args:
            n: how many, without ``z``.
            c: the condition, for a conditional model: labels, or names of classes.
            z: latents, (n, *latent_shape), as a tensor, an array or lists.
            draw: True for draws from p(x|z), False for its means; by default as :attr:`samples_are_draws` has it.

        Raises:
            ValueError: ``z`` has another shape than the model's latent; a condition for a model that takes none.
        """
        if z is None:
            return self.sample_with_latents(n, c, draw)[0].as_subclass(Samples)
        z = as_latents(self, z)
        if z.dim() == len(self.latent_shape):
            raise ValueError(f"z is one latent: give (n, {', '.join(map(str, self.latent_shape))}), as [z]")
        c = as_labels(self, c, len(z))
        self.refuse_condition(c)
        is_drawn = self.samples_are_draws if draw is None else draw
        with self._eval_mode(), nullcontext() if is_drawn else noise.zero_noise():
            return self.draw_or_mean(self.decode(z, c), is_drawn).as_subclass(Samples)

    def sample_with_latents(self, n: int = 1, c: Any = None, draw: bool | None = None) -> tuple[Tensor, Tensor]:
        """Return samples, as :meth:`sample` without ``z``, and their latents: (n, *shape) and (n, *latent_shape)."""
        n = check_count(n)
        c = as_labels(self, c, n)
        self.refuse_condition(c)
        with self._eval_mode():
            z = self.draw_latents(n, c)
            return self.draw_or_mean(self.decode(z, c), draw), z

    def draw_or_mean(self, p: Distribution, draw: bool | None = None) -> Tensor:
        """Return a draw from p(x|z), or its mean; by default as :attr:`samples_are_draws` has it."""
        return p.sample() if (self.samples_are_draws if draw is None else draw) else p.mean

    def as_condition(self, y: Tensor | None) -> Tensor | None:
        """Return the labels of examples as a condition to decode with: ``None`` where the model takes none."""
        return y if self.is_conditional else None

    def refuse_condition(self, c: Any) -> None:
        """Raise a ValueError for a condition that would change nothing."""
        if c is not None and not self.is_conditional:
            raise ValueError(
                "c= was given to a model that is not conditional, and would change nothing: leave it out, or train cvae"
            )


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
    def quantizer(self) -> Quantizer | None:
        return self.encoder.family if isinstance(self.encoder.family, Quantizer) else None

    @property
    def manifold(self) -> Manifold:
        return self.encoder.family.manifold

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

    @takes_examples
    def draw(self, x: Tensor, c: Tensor | None = None, k: int = 1) -> Draw:
        condition = self.encode_condition(c)
        encoder, decoder = BoundConditional(self.encoder, condition), BoundConditional(self.decoder, condition)
        q = self.infer(x, *condition)
        z = q.rsample(torch.Size((k,)))
        return Draw(
            x, decoder(z), Latent(z, q, self.scoring_prior(x, *condition)), c=c, encoder=encoder, decoder=decoder
        )

    @takes_examples
    def posterior(self, x: Tensor, c: Tensor | None = None) -> Distribution:
        return self.infer(x, *self.encode_condition(c))

    def infer(self, x: Tensor, *condition: Tensor) -> Distribution:
        """Return q(z|x) of examples (B, *shape): that of the encoder, or what a subclass makes of it."""
        q: Distribution = self.encoder(x, *condition)
        return q

    @takes_latents
    def decode(self, z: Tensor, c: Tensor | None = None) -> Distribution:
        self.refuse_condition(c)
        p: Distribution = self.decoder(self.manifold.project(z), *self.encode_condition(c))
        return p

    def encode_condition(self, c: Tensor | None) -> tuple[Tensor, ...]:
        if self.condition is None:
            return ()
        if c is None:
            raise errors.MissingArgumentError("this model is conditional: give it labels, with the data or as", "c")
        return (self.condition(c),)
