"""What a sampler is: a density over latents as a transformation of standard normals; the registry of samplers."""

from __future__ import annotations

import inspect
import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import replace
from typing import Any, ClassVar, NamedTuple, Self, get_type_hints

import torch
from torch import Tensor, nn

from elbowroom import noise
from elbowroom.argument import Argument, argument_from_parameter
from elbowroom.distributions.base import UncheckedDistribution
from elbowroom.families import Quantizer
from elbowroom.models.base import GenerativeModel
from elbowroom.registry import Registry
from elbowroom.samplers.conditioning import fit_given
from elbowroom.samplers.projection import MAX_SIZE, PrincipalProjection, component_count

#: The name that stands for the prior of the model itself, where that of a sampler is expected.
PRIOR = "prior"


class NormalComponents(NamedTuple):
    """A mixture of normals: weights (K,), means (K, D) and Cholesky factors of the covariances, (K, D, D)."""

    weights: Tensor
    loc: Tensor
    scale_tril: Tensor


class TrainingLatents(NamedTuple):
    """What a sampler is fitted to: latents of training examples.

    Attributes:
        z: (N, *shape).
        condition: encoded, (N, n), if the model takes any.
        quantizer: that of the model, if it has one.
        indices: of quantized latents, (N, P, H).
    """

    z: Tensor
    condition: Tensor | None = None
    quantizer: Quantizer | None = None
    indices: Tensor | None = None


class Sampler(nn.Module, ABC):
    r"""A density of latents made after training, which takes the place of the prior when a run is sampled.

    An autoencoder has no prior to sample from, and the aggregate posterior
    :math:`\frac1N \sum_n q(z \mid x_n)` of a VAE is not its prior. A sampler is a prior in every respect: its forward
    takes the condition, if there is one, and returns a distribution over latents. Latents are a transformation of
    standard normals, :math:`z = f(\epsilon)`, so that draws are reproducible and can be exported. What it has fitted
    are its parameters and buffers.

    A subclass implements :meth:`suits`, which models have what it is fitted to; :meth:`fit_to_model`, and what that
    passes on to :meth:`fit`; :meth:`transform_noise`, :meth:`log_density` and :attr:`mean`. One that is fitted to
    latents as numbers is a :class:`VectorSampler`.

    Args:
        size: of a latent as a vector, D; makes a sampler of the right shapes that is not fitted yet.
        **settings: what else its shapes depend on, as numbers and texts; the subclass has these arguments.

    Attributes:
        option: the argument of :meth:`fit` that may follow the sampler's name after a colon; "" for none.
        needs: what of a model it is fitted to, in words.
        origin: where its latents come from, as a caption has it behind its name.
        has_density: whether there is a :meth:`log_density`.
        has_exact_density: whether that is exact, and not an estimate that draws from :mod:`elbowroom.noise`.
        requires_fit: whether it depends on latents.
        is_discrete: whether it is a density of the indices of a quantizer, and not one of numbers.
        shape: of a latent.
        projection: of latents on the D coordinates that it is a density of; ``None`` where those are the latents.
        n_latents: how many it was fitted to.
        seconds: that the fit took.
        held_out_log_density: of latents that were held out of the fit, nats; NaN where none were.
    """

    option: ClassVar[str] = ""
    needs: ClassVar[str] = "latents that are numbers"
    origin: ClassVar[str] = "fitted to latents"
    has_density: ClassVar[bool] = True
    has_exact_density: ClassVar[bool] = True
    requires_fit: ClassVar[bool] = True
    is_discrete: ClassVar[bool] = False
    projection: PrincipalProjection | None
    condition_mean: Tensor | None
    condition_weight: Tensor | None
    condition_scale: Tensor | None

    def __init__(self, size: int, **settings: Any) -> None:
        super().__init__()
        self.size, self.settings = size, settings
        self.shape: tuple[int, ...] = (size,)
        self.n_latents, self.seconds, self.held_out_log_density = 0, 0.0, math.nan
        self.register_module("projection", None)
        self.register_buffer("condition_mean", None)
        self.register_buffer("condition_weight", None)
        self.register_buffer("condition_scale", None)

    @classmethod
    def for_latents(cls, shape: tuple[int, ...]) -> type[Sampler]:
        """Return the class for latents of this shape: another one where the sampler treats maps differently."""
        return cls

    @classmethod
    @abstractmethod
    def suits(cls, model: GenerativeModel) -> bool:
        """Whether a model has what it is fitted to."""

    @classmethod
    def min_latents(cls, size: int, **options: Any) -> int:
        """Return how many latents of D numbers, or of so many coordinates, a fit with these options needs at least."""
        return 0

    @classmethod
    @abstractmethod
    def fit_to_model(cls, model: GenerativeModel, draw_latents: Callable[[], TrainingLatents], **options: Any) -> Self:
        """Fit to a model, and to latents of its training examples where it needs some, which the function draws."""

    @classmethod
    @abstractmethod
    def fit(cls, *args: Any, **options: Any) -> Self:
        """Fit to what :meth:`fit_to_model` gives it, which is each sampler's own; the same for the same."""

    @abstractmethod
    def transform_noise(self, eps: Tensor) -> Tensor:
        """Map standard normals (..., noise_size) to latents (..., D)."""

    def log_density(self, z: Tensor) -> Tensor:
        """Return log p(z), nats: (..., D) to (...).

        Raises:
            ValueError: it has no density.
        """
        raise ValueError(f"a {type(self).__name__} has no density: take another sampler, as mixture")

    def attach(self, quantizer: Quantizer | None) -> None:
        """Set the quantizer of the model, which decodes indices; a density of numbers needs none."""

    @property
    @abstractmethod
    def mean(self) -> Tensor:
        """The mean of its latents, (D,)."""

    @property
    def normal_components(self) -> NormalComponents | None:
        """The normals that it is a mixture of, without a condition; ``None`` for any other density."""
        return None

    @property
    def noise_size(self) -> int:
        """How many normals :meth:`transform_noise` takes for a latent."""
        return self.size

    @property
    def numbers_per_latent(self) -> int:
        """How many numbers it keeps in memory to score one latent, which limits the batch size."""
        return self.size

    def set_condition(self, mean: Tensor, weight: Tensor, scale: Tensor | None = None) -> None:
        """Set the mean of conditions, (n,), the weight by which they move latents, (n, D), and the scales of classes.

        Args:
            mean: (n,).
            weight: (n, D).
            scale: lower triangular matrices, (n, D, D); none where a condition is no class.
        """
        self.condition_mean, self.condition_weight, self.condition_scale = mean, weight, scale

    def forward(self, *condition: Tensor) -> LatentDensity:
        """Return the density of a latent, of its :attr:`shape`; with a condition (B, n) that of each, batch (B,)."""
        if not condition:
            return LatentDensity(self)
        c = condition[0].flatten(1)
        if self.condition_mean is None or self.condition_weight is None:
            return LatentDensity(self, c.new_zeros(c.shape[0], self.size))
        shift = (c - self.condition_mean) @ self.condition_weight
        if self.condition_scale is None:
            return LatentDensity(self, shift)
        return LatentDensity(self, shift, (c @ self.condition_scale.flatten(1)).reshape(-1, self.size, self.size))


class LatentSampler(Sampler):
    """A sampler that is fitted to latents of training examples."""

    @classmethod
    def fit_to_model(cls, model: GenerativeModel, draw_latents: Callable[[], TrainingLatents], **options: Any) -> Self:
        latents = draw_latents()
        fitted = cls.fit_to(latents, **options)
        fitted.n_latents = len(latents.z)
        return fitted

    @classmethod
    @abstractmethod
    def fit_to(cls, latents: TrainingLatents, **options: Any) -> Self:
        """Fit to latents of any shape, given their conditions; the same for the same and these options.

        Raises:
            ValueError: there are too few.
        """


class VectorSampler(LatentSampler):
    r"""A density estimated from latents :math:`z \sim q(z \mid x_n)` of the training split, as vectors.

    It has their mean and covariance. Given a condition c it is moved by an affine function of it, and scaled for each
    of its classes, as :func:`~elbowroom.samplers.conditioning.fit_given` fits them:
    :math:`z = (c - \bar c) W + A_c f(\epsilon)`. Maps are flattened for it, and what has more numbers than
    :attr:`max_size` is projected on its principal components, D of them
    (:class:`~elbowroom.samplers.projection.PrincipalProjection`).

    A subclass implements :meth:`fit` and what :class:`Sampler` asks besides.

    Attributes:
        max_size: the most numbers of a latent that are fitted without a projection.
    """

    max_size: ClassVar[float] = MAX_SIZE

    @classmethod
    def suits(cls, model: GenerativeModel) -> bool:
        return not model.is_quantized

    @classmethod
    def fit_to(cls, latents: TrainingLatents, **options: Any) -> Self:
        z = latents.z.flatten(1)
        n_components = cls.count_components(*z.shape)
        projection = None if n_components is None else PrincipalProjection.fit(z, n_components)
        z = z if projection is None else projection.project(z)
        if latents.condition is None:
            fitted = cls.fit(z, **options)
        else:
            fitted = fit_given(lambda residuals: cls.fit(residuals, **options), z, latents.condition)
        fitted.shape, fitted.projection = tuple(latents.z.shape[1:]), projection
        return fitted

    @classmethod
    def count_components(cls, n: int, size: int) -> int | None:
        """Return how many components n latents of D numbers are projected on; ``None`` if they are not."""
        return None if size <= cls.max_size else component_count(n, size)

    @classmethod
    @abstractmethod
    def fit(cls, latents: Tensor, **options: Any) -> Self:
        """Fit to latents (N, D); the same for the same latents and options.

        Raises:
            ValueError: there are too few.
        """


class LatentDensity(UncheckedDistribution):
    """The density of a sampler, or for each of a batch of conditions that density moved and scaled.

    Its draws transform the standard normals of :mod:`elbowroom.noise`.

    Args:
        sampler: of latents of a shape, which it takes as D numbers.
        shift: for each condition, (B, D).
        scale: for each condition, lower triangular, (B, D, D).
    """

    has_rsample = True

    def __init__(self, sampler: Sampler, shift: Tensor | None = None, scale: Tensor | None = None) -> None:
        self.sampler, self.shift, self.scale = sampler, shift, scale
        super().__init__(torch.Size() if shift is None else shift.shape[:-1], torch.Size(sampler.shape))

    @property
    def mean(self) -> Tensor:
        z = self._apply_condition(self.sampler.mean)
        projection = self.sampler.projection
        return self._as_event(z if projection is None else projection.embed(z, torch.zeros_like(projection.loc)))

    def rsample(self, sample_shape: Any = torch.Size()) -> Tensor:
        n, projection = self.sampler.noise_size, self.sampler.projection
        size = n + (0 if projection is None else len(projection.loc))
        shape = torch.Size((*sample_shape, *self.batch_shape, size))
        eps = noise.standard_normal(shape, self.sampler.mean)
        z = self._apply_condition(self.sampler.transform_noise(eps[..., :n]))
        return self._as_event(z if projection is None else projection.embed(z, eps[..., n:]))

    def log_prob(self, value: Tensor) -> Tensor:
        """Return log p(z), nats: (..., *shape) to (...)."""
        z, projection = value.flatten(-len(self.event_shape)), self.sampler.projection
        if projection is None:
            return self._log_density(z)
        return self._log_density(projection.project(z)) + projection.remainder_log_density(z)

    def _log_density(self, z: Tensor) -> Tensor:
        """Return the log-density of what the sampler is fitted to, nats: (..., D) to (...)."""
        if self.shift is None:
            return self.sampler.log_density(z)
        centered = z - self.shift
        if self.scale is None:
            return self.sampler.log_density(centered)
        log_volume = self.scale.diagonal(dim1=-2, dim2=-1).log().sum(-1)
        return self.sampler.log_density(_solve(self.scale, centered)) - log_volume

    def _apply_condition(self, z: Tensor) -> Tensor:
        if self.shift is None:
            return z
        return self.shift + (z if self.scale is None else (self.scale @ z[..., None])[..., 0])

    def _as_event(self, z: Tensor) -> Tensor:
        return torch.unflatten(z, -1, self.event_shape)


def _solve(scale: Tensor, z: Tensor) -> Tensor:
    """Solve L w = z for lower triangular matrices (B, D, D) and vectors (..., B, D), in double precision."""
    columns = z.reshape(-1, *scale.shape[:2]).permute(1, 2, 0).double()
    solved: Tensor = torch.linalg.solve_triangular(scale.double(), columns, upper=False)
    return solved.permute(2, 0, 1).reshape(z.shape).to(z.dtype)


#: The samplers by name.
SAMPLERS: Registry[type[Sampler]] = Registry("sampler", ("elbowroom.samplers.standard", ".gaussian", ".mixture", ".*"))


def describe_sampler(name: str) -> str:
    """Return a sampler's name with where its latents come from.

    >>> describe_sampler("mixture:5"), describe_sampler("riemannian:10")
    ('mixture:5 fitted to latents', "riemannian:10 by the model's own metric")
    """
    return f"{name} {parse(name)[0].origin}"


def parse(name: str) -> tuple[type[Sampler], dict[str, Any]]:
    """Return the class of a sampler and the options of its fit from its name, as "mixture:10".

    Raises:
        ValueError: there is no such sampler, or what follows the colon is no value of its option.

    >>> parse("mixture:5")[1], parse("flow")[1]
    ({'components': 5}, {'kind': 'maf'})
    """
    kind, colon, text = name.partition(":")
    sampler = SAMPLERS.find(kind)
    if sampler.option:
        argument = _option_argument(sampler)
        return sampler, {argument.name: _parse_option(name, argument, text) if colon else argument.default}
    if colon:
        raise ValueError(f"sampler '{name}': {kind} takes no option: write '{kind}' alone")
    return sampler, {}


def full_name(name: str) -> str:
    """Return the name of a sampler with its option.

    >>> full_name("mixture"), full_name("gaussian"), full_name("prior")
    ('mixture:10', 'gaussian', 'prior')
    """
    if name == PRIOR:
        return PRIOR
    return ":".join([name.partition(":")[0], *map(str, parse(name)[1].values())])


def _option_argument(sampler: type[Sampler]) -> Argument:
    parameter = inspect.signature(sampler.fit).parameters[sampler.option]
    argument = argument_from_parameter(parameter, get_type_hints(sampler.fit)[sampler.option], "")
    return replace(argument, minimum=1) if argument.type is int else argument


def _parse_option(name: str, argument: Argument, text: str) -> Any:
    value = int(text) if argument.type is int and text.isdecimal() else text
    try:
        return argument.convert(value)
    except ValueError as error:
        raise ValueError(f"sampler '{name}': {error}") from None
