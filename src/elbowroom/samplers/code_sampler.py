"""Densities of a quantizer's indices: what autoregressive samplers have in common."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar, NamedTuple, Self

import torch
from torch import Tensor

from elbowroom import noise
from elbowroom.distributions import CodeDistribution
from elbowroom.families import Quantizer
from elbowroom.models.base import GenerativeModel
from elbowroom.samplers.base import LatentSampler, TrainingLatents
from elbowroom.samplers.checks import require_latents
from elbowroom.samplers.code_networks import CodeNetwork
from elbowroom.samplers.conditioned import expand_condition, map_in_parts
from elbowroom.samplers.optimization import FitPlan, minimize

#: Latents that are drawn or scored at once.
BATCH_SIZE = 256
#: Latents that a fit needs at least, for a part of them judges when to stop.
MIN_LATENTS = 50
#: How they are fitted: in smaller steps than vectors, each of many positions, and without noise on indices.
PLAN = FitPlan(batch_size=32, learning_rate=5e-3, latent_noise=0.0, max_held_out=500)


class CodeLayout(NamedTuple):
    """How the indices of a latent are arranged.

    Attributes:
        index_sizes: the number of values of each sub-index.
        positions: P.
        space: the sizes of the map of positions; none where they are in no order.
        condition_size: of an encoded condition; 0 for none.
    """

    index_sizes: Sequence[int]
    positions: int
    space: Sequence[int] | None = None
    condition_size: int = 0


class CodeSampler(LatentSampler):
    r"""An autoregressive density of the indices of a quantizer, one position after the other.

    .. math:: \log p(i \mid c) = \sum_{p=1}^P \sum_{h=1}^H \log p(i_{ph} \mid i_{<p}, i_{p1}, \dots, i_{p,h-1}, c)

    It is exact, and a prior of the discrete latent like the one that the model was trained with. A draw is a function
    of one standard normal for each sub-index: the first value whose cumulative probability reaches
    :math:`\Phi(\epsilon)`. A condition is an input of the network.

    A fit begins as the density in which all are independent, with the frequencies of the training examples, and keeps
    the weights that give held-out indices the highest probability; so it is not below that.

    Args:
        size: of a latent as a vector, P times D.
        index_sizes: the number of values of each sub-index.
        positions: P.
        space: the sizes of the map of positions; none where they are in no order.
        condition_size: of an encoded condition.
        **settings: of the network.

    Attributes:
        network_settings: those of a fit that gives none.
    """

    option = "steps"
    needs = "indices of a quantizer"
    origin = "fitted to codes"
    is_discrete = True
    network_settings: ClassVar[dict[str, Any]] = {}
    loc: Tensor

    def __init__(
        self,
        size: int,
        index_sizes: Sequence[int],
        positions: int,
        space: Sequence[int] | None = None,
        condition_size: int = 0,
        **settings: Any,
    ) -> None:
        sizes = {"index_sizes": list(index_sizes), "positions": positions, "space": space and list(space)}
        super().__init__(size, **sizes, condition_size=condition_size, **settings)
        self.shape = (positions, size // positions)
        self.network = self.make_network(CodeLayout(index_sizes, positions, space, condition_size), **settings)
        self.register_buffer("loc", torch.zeros(size))
        # Not a submodule: it is the model's, and saved with that.
        self._quantizer: tuple[Quantizer, ...] = ()

    @classmethod
    @abstractmethod
    def make_network(cls, layout: CodeLayout, **settings: Any) -> CodeNetwork:
        """Return the network that gives the probabilities."""

    @classmethod
    def suits(cls, model: GenerativeModel) -> bool:
        return model.is_quantized

    @classmethod
    def fit_to(cls, latents: TrainingLatents, **options: Any) -> Self:
        if latents.indices is None:
            raise ValueError(f"a {cls.__name__} is fitted to indices of a quantizer, and these latents are numbers")
        return cls.fit(latents.indices, quantizer=latents.quantizer, condition=latents.condition, **options)

    @classmethod
    def min_latents(cls, size: int, **options: Any) -> int:
        return MIN_LATENTS

    @classmethod
    def fit(
        cls,
        latents: Tensor,
        steps: int = 2000,
        quantizer: Quantizer | None = None,
        condition: Tensor | None = None,
        **settings: Any,
    ) -> Self:
        """Fit to indices (N, P, H) given conditions (N, n); the same for the same indices and settings.

        Args:
            latents: the indices.
            steps: at most.
            quantizer: whose indices these are.
            condition: of each.
            **settings: of the network, where they differ from :attr:`network_settings`.
        """
        assert quantizer is not None
        indices, settings = latents, cls.network_settings | settings
        require_latents(indices, cls.min_latents(indices[0].numel()), "a network of codes")
        sizes = quantizer.index_sizes, quantizer.shape[0], quantizer.space
        with noise.seeded_rng(0):
            n = 0 if condition is None else condition.shape[1]
            sampler = cls(quantizer.shape[0] * quantizer.shape[1], *sizes, n, **settings)
            sampler.network.start_from(indices, quantizer)
            examples = (indices,) if condition is None else (indices, condition)
            loss = minimize(
                sampler.network, lambda i, c=None: -sampler.network.log_mass(i, c).mean(), examples, steps, PLAN
            )
        sampler.held_out_log_density = -loss
        parts = torch.split(indices.to(quantizer.device), BATCH_SIZE)
        with torch.no_grad():
            sampler.loc.copy_(torch.cat([quantizer.decode_indices(part) for part in parts]).mean(0).flatten())
        sampler.attach(quantizer)
        return sampler

    def attach(self, quantizer: Quantizer | None) -> None:
        self._quantizer = () if quantizer is None else (quantizer,)

    @property
    def quantizer(self) -> Quantizer:
        """The quantizer of the model whose indices these are.

        Raises:
            ValueError: the sampler was made without a model.
        """
        if not self._quantizer:
            raise ValueError(f"this {type(self).__name__} has no quantizer: load it with load_sampler, or attach() one")
        return self._quantizer[0]

    def forward(self, *condition: Tensor) -> CodeDensity:  # type: ignore[override]
        """Return the density of a latent, (P, D); with a condition (B, n) that of each, batch (B,)."""
        return CodeDensity(self, condition[0].flatten(1) if condition else None)

    @property
    def noise_size(self) -> int:
        return int(self.settings["positions"]) * len(self.settings["index_sizes"])

    @property
    def numbers_per_latent(self) -> int:
        return int(self.settings["positions"] * sum(self.settings["index_sizes"]))

    def transform_noise(self, eps: Tensor, condition: Tensor | None = None) -> Tensor:
        """Map standard normals (B, noise_size) to latents as vectors, (B, P · D), given conditions (B, n)."""
        return self.quantizer.decode_indices(self.draw_indices(eps, condition)).flatten(1)

    def draw_indices(self, eps: Tensor, condition: Tensor | None = None) -> Tensor:
        """Map standard normals (B, noise_size) to indices (B, P, H), given conditions (B, n)."""
        u = noise.to_uniform(eps).reshape(-1, self.shape[0], len(self.settings["index_sizes"]))
        return map_in_parts(self.network.draw, u, condition, BATCH_SIZE)

    def log_mass(self, indices: Tensor, condition: Tensor | None = None) -> Tensor:
        """Return the log-probability of indices, nats: (B, P, H), given conditions (B, n), to (B,)."""
        return map_in_parts(self.network.log_mass, indices, condition, BATCH_SIZE)

    @property
    def mean(self) -> Tensor:
        return self.loc


class CodeDensity(CodeDistribution):
    """The density of a sampler of indices, over latents (P, D), for each of a batch of conditions.

    Args:
        sampler: of indices, attached to a quantizer.
        condition: (B, n), or none.
    """

    def __init__(self, sampler: CodeSampler, condition: Tensor | None = None) -> None:
        self.sampler, self.condition = sampler, condition
        super().__init__(sampler.quantizer, torch.Size() if condition is None else condition.shape[:1])

    @property
    def mean(self) -> Tensor:
        return self.sampler.mean.reshape(self.event_shape).expand(*self.batch_shape, *self.event_shape)

    @torch.no_grad()
    def sample_indices(self, sample_shape: Any = torch.Size()) -> Tensor:
        lead = torch.Size((*sample_shape, *self.batch_shape))
        eps = noise.standard_normal(torch.Size((*lead, self.sampler.noise_size)), self.sampler.mean)
        condition = expand_condition(self.condition, lead)
        indices = self.sampler.draw_indices(eps.reshape(-1, self.sampler.noise_size), *condition)
        return indices.reshape(*lead, *indices.shape[1:])

    def log_mass(self, indices: Tensor) -> Tensor:
        lead = full = indices.shape[:-2]
        if len(lead) > 1 and bool((indices == indices[:1]).all()):
            # Draws from a quantizer's posterior are all the same: one of them is scored.
            indices, lead = indices[:1], torch.Size((1, *lead[1:]))
        flat = indices.reshape(-1, *indices.shape[-2:])
        scores = self.sampler.log_mass(flat, *expand_condition(self.condition, lead))
        return scores.reshape(lead).expand(full)
