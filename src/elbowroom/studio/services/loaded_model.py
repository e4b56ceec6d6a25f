"""A loaded model with its run and data: batched encode, decode and score, its condition, and cached results."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from elbowroom import noise
from elbowroom.data import Batch, Data, Split, freeze
from elbowroom.data.image import is_image
from elbowroom.distributions import Normal
from elbowroom.evaluation.suites import likelihood
from elbowroom.models.base import GenerativeModel
from elbowroom.models.semi_supervised import SemiSupervised
from elbowroom.runs.run import Run
from elbowroom.runs.run_view import RunView
from elbowroom.studio.errors import one_line

#: Posterior samples of a score.
NUM_POSTERIOR_SAMPLES = 10
#: Examples that the statistics of the latents are computed from.
NUM_REFERENCE_EXAMPLES = 1000
#: Cached results of one model.
MAX_CACHED_RESULTS = 32
#: Examples that are encoded at a time.
ENCODE_BATCH_SIZE = 250
#: Held while torch's generator, which all threads share, is seeded and used.
RNG_LOCK = threading.RLock()


@dataclass(frozen=True)
class ConditionSpec:
    """The condition of a conditional model: kind ``classes`` or ``attributes``, their names and number."""

    kind: str
    names: tuple[str, ...]
    size: int


class LoadedModel:
    """The model of a run with the weights as they were when it was loaded.

    Args:
        run: the run.
        model: the model, in evaluation mode.
        version: a text that changes with the weights.
        load_data: returns the run's data, or raises ValueError with the reason why it is not available.
    """

    def __init__(self, run: Run, model: GenerativeModel, version: str, load_data: Callable[[], Data]) -> None:
        self.run, self.model, self.version, self._load_data = run, model, version, load_data
        self._cache: OrderedDict[Hashable, Any] = OrderedDict()
        self._cache_lock = threading.Lock()

    # Functions of rows for a BatchQueue: each output row depends on its own input row alone.

    @torch.inference_mode()
    def decode(self, z: Tensor, c: Tensor | None) -> tuple[Tensor]:
        """Decode latents (B, *latent_shape) to the means of p(x|z)."""
        return (self.model.sample(c=c, z=z),)

    @torch.inference_mode()
    def decode_pixels(self, z: Tensor, c: Tensor | None) -> tuple[Tensor]:
        """Decode latents to pixels, (B, H, W, C) uint8."""
        x = self.decode(z, c)[0]
        return (x.clamp_(0, 1).mul_(255).round_().byte().movedim(1, -1).contiguous(),)

    @torch.no_grad()
    def encode(self, x: Tensor, c: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Encode examples to the mean and standard deviation of q(z|x), (B, D); no deviation where q is a point."""
        with noise.zero_noise():
            q = self.model.draw(x, c).latents[-1].q
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

    # Capabilities and condition.

    @property
    def has_images(self) -> bool:
        """Whether its examples can be shown as images."""
        return is_image(self.model.shape)

    @cached_property
    def is_quantized(self) -> bool:
        """Whether its latents are codebook entries."""
        return RunView(self.run, model=self.model).is_quantized

    @property
    def has_prior(self) -> bool:
        """Whether latents can be drawn from a prior."""
        return getattr(self.model, "prior", self.model) is not None

    @property
    def condition_size(self) -> int | None:
        """Number of classes or attributes of the condition; None for an unconditional model."""
        if isinstance(self.model, SemiSupervised):
            return self.model.n_classes
        condition = getattr(self.model, "condition", None)
        return None if condition is None else int(getattr(condition, "n", 1))

    @property
    def can_cycle_classes(self) -> bool:
        """Whether the model itself takes the classes in turn where no label is given."""
        return isinstance(self.model, SemiSupervised)

    @cached_property
    def condition_spec(self) -> ConditionSpec | None:
        """The condition, with its names in the data; numbers instead of names where the data is not available."""
        if self.condition_size is None:
            return None
        data = self.data_or_none
        y = None if data is None else data.train.first(1).y
        kind = "attributes" if y is not None and y.dim() > 1 else "classes"
        names = (None if data is None else getattr(data, kind)) or ()
        if len(names) != self.condition_size:
            names = tuple(map(str, range(self.condition_size)))
        return ConditionSpec(kind, names, self.condition_size)

    @property
    def has_attributes(self) -> bool:
        """Whether its condition is a vector of attributes, not a class."""
        return self.condition_spec is not None and self.condition_spec.kind == "attributes"

    # Data.

    @property
    def data(self) -> Data:
        """The data it was trained on."""
        return self._load_data()

    @property
    def data_or_none(self) -> Data | None:
        """The data, or None where it is not available."""
        return None if self.data_error else self.data

    @property
    def data_error(self) -> str | None:
        """Why the data is not available; None if it is."""
        try:
            self._load_data()
        except (ValueError, OSError) as error:
            return one_line(error)
        return None

    def get_split(self, name: str | None = None) -> tuple[str, Split]:
        """Return a split with stochastic preprocessing frozen; without a name a held-out one, if there is any."""
        splits = self.data.splits
        name = name or next(split for split in ("test", "validation", "train") if split in splits)
        if name not in splits:
            raise ValueError(f"{self.data.name} has no split '{name}': choose from {', '.join(splits)}")
        return name, freeze(splits[name], 0)

    def examples(self, index: list[int], name: str | None = None) -> Batch:
        """Return the examples of a split at these indices."""
        name, split = self.get_split(name)
        try:
            count = len(split)
        except TypeError:
            raise ValueError(f"{self.data.name} is a stream, which has no indices: give x or png") from None
        if outside := [i for i in index if not 0 <= i < count]:
            raise ValueError(f"index {outside[0]} of {count:,} {name} examples: give 0 to {count - 1}")
        batch = next(iter(split.batches(len(index), torch.tensor(index))))
        return Batch(batch.x.cpu(), None if batch.y is None else batch.y.cpu(), batch.index.cpu())

    def as_condition(self, y: Tensor | None) -> Tensor | None:
        """Return the labels of examples as the model's condition; None for an unconditional model."""
        if self.condition_size is None or y is None:
            return None
        return y.float() if y.dim() > 1 else y

    # Cached results.

    def get_or_compute(self, key: Hashable, compute: Callable[[], Any]) -> Any:
        """Return a cached result, computed on first use; the least recently used ones are dropped."""
        with self._cache_lock:
            if key in self._cache:
                self._cache.move_to_end(key)
                return self._cache[key]
        result = compute()
        with self._cache_lock:
            self._cache[key] = result
            while len(self._cache) > MAX_CACHED_RESULTS:
                self._cache.popitem(last=False)
        return result

    @cached_property
    def run_view(self) -> RunView:
        """Some held-out examples with their latents."""
        return RunView(self.run, data=self.data, model=self.model, examples=NUM_REFERENCE_EXAMPLES)

    def encode_split(self, name: str | None, n: int) -> tuple[str, Batch, Tensor]:
        """Return a split's name, n of its examples picked at random, and their latents, (n, D)."""
        name, split = self.get_split(name)
        batch, z = self.get_or_compute(("encoded", name, n), lambda: self._encode_examples(split, n))
        return name, batch, z

    def _encode_examples(self, split: Split, n: int) -> tuple[Batch, Tensor]:
        order = split.random_order(torch.Generator().manual_seed(0))
        batches: list[Batch] = []
        latents: list[Tensor] = []
        for batch in split.batches(ENCODE_BATCH_SIZE, None if order is None else order[:n]):
            batches.append(batch)
            latents.append(self.encode(batch.x, self.as_condition(batch.y))[0])
            if sum(map(len, latents)) >= n:
                break
        ys = [batch.y for batch in batches if batch.y is not None]
        x, index = torch.cat([batch.x for batch in batches])[:n], torch.cat([batch.index for batch in batches])[:n]
        return Batch(x, torch.cat(ys)[:n] if ys else None, index), torch.cat(latents)[:n]
