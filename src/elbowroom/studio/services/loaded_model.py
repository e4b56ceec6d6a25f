"""A run in the memory of the studio: batched encode, decode and score, its condition, and cached results."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import torch
from torch import Tensor
from torch.distributions import Distribution

from elbowroom import noise, serialization
from elbowroom.data import Batch, Data
from elbowroom.distributions import Normal
from elbowroom.evaluation.suites import likelihood
from elbowroom.models.base import GenerativeModel
from elbowroom.runs.run import Run
from elbowroom.runs.run_view import RunView
from elbowroom.studio.services.example_cells import MAX_ROW_NUMBERS, ExampleColumns

#: Posterior samples of a score.
NUM_POSTERIOR_SAMPLES = 10
#: Examples that the statistics of the latents are computed from.
NUM_REFERENCE_EXAMPLES = 1000
#: Held while torch's generator, which all threads share, is seeded and used.
RNG_LOCK = threading.RLock()


#: How examples are shown: as images, as rows of a table, or as curves (series and long vectors).
ExampleKind = Literal["images", "table", "curves"]


@dataclass(frozen=True)
class WeightsInfo:
    """Which weights a model has: the last, the best by a validation metric, or a moving average; of which step."""

    kind: str
    step: int
    epoch: int | None
    words: str


@dataclass(frozen=True)
class ConditionSpec:
    """The condition of a conditional model: kind ``classes`` or ``attributes``, their names and number."""

    kind: str
    names: tuple[str, ...]
    size: int


class LoadedModel(RunView):
    """The view of a run whose model has the weights as they were when it was loaded, and decodes many requests at once.

    Args:
        run: the run.
        model: the model, in evaluation mode.
        version: a text that changes with the weights.
        load: loads the run's data, or raises a ValueError with the reason why it is not available.
    """

    def __init__(self, run: Run, model: GenerativeModel, version: str, load: Callable[[Run], Data]) -> None:
        super().__init__(run, model=model, examples=NUM_REFERENCE_EXAMPLES, load=load)
        self.version, self.weights = version, describe_weights(run)

    # Functions of rows for a BatchQueue: each output row depends on its own input row alone.

    @torch.inference_mode()
    def decode(self, z: Tensor, c: Tensor | None, lower: Tensor | None = None) -> tuple[Tensor]:
        """Decode latents (B, *latent_shape) to the means of p(x|z).

        Args:
            z: the latents; in a hierarchy, the uppermost.
            c: their condition.
            lower: the latents below it, (B, :attr:`lower_size`), as distances from the means of their priors, in
                standard deviations of these; None for the means.
        """
        return (self._likelihood(z, c, lower).mean,)

    @torch.inference_mode()
    def decode_pixels(self, z: Tensor, c: Tensor | None, lower: Tensor | None = None) -> tuple[Tensor]:
        """Decode latents to pixels, (B, H, W, C) uint8."""
        x = self.decode(z, c, lower)[0]
        return (x.clamp(0, 1).mul_(255).round_().byte().movedim(1, -1).contiguous(),)

    @torch.inference_mode()
    def decode_categories(self, z: Tensor, c: Tensor | None, lower: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Decode latents to the rows of a table, (B, D), and the probabilities of all categories, (B, S)."""
        p = self._likelihood(z, c, lower)
        queries = self.columns.category_queries
        if not len(queries) or not self.model.decoder.family.missing:
            return p.mean, torch.zeros(len(z), 0)
        return p.mean, p.log_prob(queries[:, None].expand(-1, len(z), -1)).exp().T

    def _likelihood(self, z: Tensor, c: Tensor | None, lower: Tensor | None) -> Distribution:
        parts = (
            () if lower is None else torch.split(lower, [math.prod(shape) for shape in self.lower_shapes.values()], 1)
        )
        with noise.explicit_noise(parts):
            return self.model.decode(z, c)

    @torch.no_grad()
    def encode_lower(self, x: Tensor, c: Tensor | None) -> tuple[Tensor]:
        """Encode examples to the latents below the uppermost, (B, :attr:`lower_size`), as :meth:`decode` takes them."""
        with noise.zero_noise():
            latents = self.model.draw(x, c).latents[-2::-1]
        parts = [
            ((latent.q.mean - latent.prior.mean) / latent.prior.stddev).reshape(len(x), -1)
            for latent in latents
            if latent.prior is not None
        ]
        return (torch.cat(parts, 1),)

    @torch.no_grad()
    def encode(self, x: Tensor, c: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Encode examples to the mean and standard deviation of q(z|x), (B, D); no deviation where q is a point."""
        q = self.model.posterior(x, c)
        z = q.mean.reshape(len(x), -1)
        return z, q.stddev.reshape(len(x), -1) if isinstance(q, Normal) else None

    @torch.no_grad()
    def reconstruct(self, x: Tensor, c: Tensor | None) -> tuple[Tensor]:
        """Reconstruct examples: the means of p(x|z) at their posterior means."""
        return (self.model.reconstruct(x, c),)

    @torch.no_grad()
    def scores(self, x: Tensor, c: Tensor | None, index: Tensor) -> tuple[Tensor, ...]:
        """Return −E log p(x|z) of examples and, where they are defined, ELBO and importance bound."""
        bounds = likelihood.estimate_bounds(self.model, Batch(x, c, index), NUM_POSTERIOR_SAMPLES, 0)
        return tuple(bounds[name] for name in ("reconstruction", "elbo", "importance_bound") if name in bounds)

    # What examples and latents are.

    @property
    def example_kind(self) -> ExampleKind:
        """How its examples are shown."""
        if self.has_images:
            return "images"
        is_row = "columns" in self.record["data"] or (len(self.shape) == 1 and self.shape[0] <= MAX_ROW_NUMBERS)
        return "table" if is_row else "curves"

    @cached_property
    def columns(self) -> ExampleColumns:
        """The columns of examples that are rows."""
        return ExampleColumns(self)

    @property
    def latent_shapes(self) -> dict[str, tuple[int, ...]]:
        """The shapes of the latents by name, the lowest first; without a class, which is the condition."""
        return {name: shape for name, shape in self.model.latents.items() if shape}

    @property
    def lower_shapes(self) -> dict[str, tuple[int, ...]]:
        """The shapes of the latents below the uppermost by name, from the top down; none where they are codes.

        Codes have no distance from a mean: they are the most likely ones given those above.
        """
        return {} if self.model.is_quantized else dict(list(self.latent_shapes.items())[-2::-1])

    @property
    def lower_size(self) -> int:
        """The number of dimensions of the latents below the uppermost."""
        return sum(map(math.prod, self.lower_shapes.values()))

    # The condition.

    @property
    def condition_size(self) -> int | None:
        """Number of classes or attributes of the condition; None for an unconditional model."""
        return self.model.condition_size or None

    @property
    def can_cycle_classes(self) -> bool:
        """Whether the model itself takes the classes in turn where no label is given."""
        return self.model.is_conditional and not self.model.requires_labels

    @cached_property
    def condition_spec(self) -> ConditionSpec | None:
        """The condition, with its names in the record; numbers where the data of an old run is not available."""
        if self.condition_size is None:
            return None
        kind = "attributes" if self.attributes or self._has_label_vectors else "classes"
        names = self.attributes or self.classes
        if len(names) != self.condition_size:
            names = tuple(map(str, range(self.condition_size)))
        return ConditionSpec(kind, names, self.condition_size)

    @property
    def _has_label_vectors(self) -> bool:
        """Whether the labels of the data, where it is available, are vectors."""
        y = None if self.data_or_none is None else self.data_or_none.train.first(1).y
        return y is not None and y.dim() > 1

    @property
    def has_attributes(self) -> bool:
        """Whether its condition is a vector of attributes, not a class."""
        return self.condition_spec is not None and self.condition_spec.kind == "attributes"

    def as_condition(self, y: Tensor | None) -> Tensor | None:
        """Return the labels of examples as the model's condition; None for an unconditional model."""
        if self.condition_size is None or y is None:
            return None
        return y.float() if y.dim() > 1 else y

    @torch.no_grad()
    def condition_to_decode(self, batch: Batch) -> Tensor | None:
        """Return the condition to decode examples with: their labels, or the most probable class of an unknown one."""
        c, model = self.as_condition(batch.y), self.model
        if not (self.condition_size and model.is_classifier):
            return c
        most_probable: Tensor = model.log_qy(batch.x.to(self.device)).argmax(-1).cpu()
        return most_probable if c is None else torch.where(c < 0, most_probable, c)

    def encode_split(self, name: str | None, n: int) -> tuple[str, Batch, Tensor]:
        """Return a split's name, n of its examples picked at random, and their latents, (n, D)."""
        split = name or self.split
        batch: Batch = self.get_or_compute(("examples", split, n), lambda: self.pick_examples(split, n))
        z: Tensor = self.get_or_compute(("latents", split, n), lambda: self.encode_batch(batch))
        return split, batch, z


def describe_weights(run: Run) -> WeightsInfo:
    """Return which weights a run has now."""
    about = serialization.read_metadata(run.selected_weights)
    step = run.weights_step
    epoch = int(about["epoch"]) if "epoch" in about else None
    kind = about.get("kind", "last")
    names = {"best": f"best by validation {about.get('metric', 'loss')}", "average": "moving average"}
    at = f"step {step:,}" if epoch is None else f"epoch {epoch}"
    words = f"weights after {at} (untrained)" if step == 0 else f"weights: {at}, {names.get(kind, 'last')}"
    return WeightsInfo(kind, step, epoch, words)
