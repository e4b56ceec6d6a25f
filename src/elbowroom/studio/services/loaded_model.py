"""A run's model on the desk: what it makes of rows, what it is told, and what its data says of its codes."""

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
from elbowroom.distributions import Normal
from elbowroom.evaluation.suites import likelihood
from elbowroom.models.base import GenerativeModel
from elbowroom.models.semi_supervised import SemiSupervised
from elbowroom.plotting.image_grid import is_image
from elbowroom.plotting.run_view import RunView
from elbowroom.runs.run import Run

#: Posterior samples of a score; examples from which the codes are known; results that are kept for a model.
NUM_POSTERIOR_SAMPLES, NUM_REFERENCE_EXAMPLES, MAX_CACHED_RESULTS = 10, 1000, 32
#: Held by who seeds torch's generator, which all threads share.
RNG_LOCK = threading.RLock()


@dataclass(frozen=True)
class ConditionSpec:
    """What a conditional model is told: ``size`` classes or attributes by their ``names``."""

    kind: str
    names: tuple[str, ...]
    size: int


class LoadedModel:
    """A run's model as it was when its weights were read.

    Args:
        run: the run.
        model: in evaluation mode.
        version: changes with the weights.
        load_data: gives the run's data, or says in a ValueError why there is none.
    """

    def __init__(self, run: Run, model: GenerativeModel, version: str, load_data: Callable[[], Data]) -> None:
        self.run, self.model, self.version, self._load_data = run, model, version, load_data
        self._cache: OrderedDict[Hashable, Any] = OrderedDict()
        self._cache_lock = threading.Lock()

    # What lanes are asked: functions of rows, each row by itself.

    @torch.inference_mode()
    def decode(self, z: Tensor, c: Tensor | None) -> tuple[Tensor]:
        """Codes (B, *latent_shape) to the means of p(x|z)."""
        return (self.model.sample(c=c, z=z),)

    @torch.inference_mode()
    def decode_pixels(self, z: Tensor, c: Tensor | None) -> tuple[Tensor]:
        """Codes to pixels, (B, H, W, C) uint8."""
        x = self.decode(z, c)[0]
        return (x.clamp_(0, 1).mul_(255).round_().byte().movedim(1, -1).contiguous(),)

    @torch.no_grad()
    def encode(self, x: Tensor, c: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Examples to the mean and standard deviation of q(z|x), flat; no deviation where q is a point."""
        with noise.zero_noise():
            q = self.model.draw(x, c).latents[-1].q
        z = q.mean.reshape(len(x), -1)
        return z, q.stddev.reshape(len(x), -1) if isinstance(q, Normal) else None

    @torch.no_grad()
    def reconstruct(self, x: Tensor, c: Tensor | None) -> tuple[Tensor]:
        """Examples to the means of p(x|z) at their posterior means."""
        return (self.model.reconstruct(x, c),)

    @torch.no_grad()
    def scores(self, x: Tensor, c: Tensor | None, index: Tensor) -> tuple[Tensor, ...]:
        """Examples to −E log p(x|z) and, where they are defined, ELBO and importance bound."""
        of = likelihood.estimate_bounds(self.model, Batch(x, c, index), NUM_POSTERIOR_SAMPLES, 0)
        return tuple(of[name] for name in ("reconstruction", "elbo", "importance_bound") if name in of)

    # What the model is.

    @property
    def has_images(self) -> bool:
        """Whether its examples can be shown."""
        return is_image(self.model.shape)

    @cached_property
    def is_quantized(self) -> bool:
        """Whether its codes are choices from a codebook."""
        return RunView(self.run, model=self.model).is_quantized

    @property
    def has_prior(self) -> bool:
        """Whether codes can be drawn."""
        return getattr(self.model, "prior", self.model) is not None

    @property
    def condition_size(self) -> int | None:
        """How many classes or attributes it is told; None for a model that is told nothing."""
        if isinstance(self.model, SemiSupervised):
            return self.model.n_classes
        condition = getattr(self.model, "condition", None)
        return None if condition is None else int(getattr(condition, "n", 1))

    @property
    def can_cycle_classes(self) -> bool:
        """Whether a label that is not given is a class in turn to the model itself."""
        return isinstance(self.model, SemiSupervised)

    @cached_property
    def condition_spec(self) -> ConditionSpec | None:
        """What it is told, with the names that its data has for it; in numbers where there is no data."""
        if self.condition_size is None:
            return None
        data = self.data_or_none
        y = None if data is None else data.train.first(1).y
        kind = "attributes" if y is not None and y.dim() > 1 else "classes"
        names = (None if data is None else getattr(data, kind)) or ()
        return ConditionSpec(
            kind,
            names if len(names) == self.condition_size else tuple(map(str, range(self.condition_size))),
            self.condition_size,
        )

    @property
    def has_attributes(self) -> bool:
        """Whether it is told attributes, not a class."""
        return self.condition_spec is not None and self.condition_spec.kind == "attributes"

    # What its data is.

    @property
    def data(self) -> Data:
        """What it was trained on."""
        return self._load_data()

    @property
    def data_or_none(self) -> Data | None:
        """The same, if it can be had."""
        return None if self.data_error else self.data

    @property
    def data_error(self) -> str | None:
        """Why its data cannot be had."""
        try:
            self.data  # noqa: B018
        except (ValueError, OSError) as error:
            return " ".join(str(error).split())
        return None

    def get_split(self, name: str | None = None) -> tuple[str, Split]:
        """A split by name, every example as it is drawn once; without a name one that was held out, if there is any."""
        splits = self.data.splits
        name = name or next(split for split in ("test", "validation", "train") if split in splits)
        if name not in splits:
            raise ValueError(f"{self.data.name} has no split '{name}': choose from {', '.join(splits)}")
        return name, freeze(splits[name], 0)

    def examples(self, index: list[int], name: str | None = None) -> Batch:
        """The examples at these places of a split."""
        name, split = self.get_split(name)
        try:
            count = len(split)
        except TypeError:
            raise ValueError(f"{self.data.name} is a stream, which has no places: give x or png") from None
        if outside := [i for i in index if not 0 <= i < count]:
            raise ValueError(f"index {outside[0]} of {count:,} {name} examples: give 0 to {count - 1}")
        found = next(iter(split.batches(len(index), torch.tensor(index))))
        return Batch(found.x.cpu(), None if found.y is None else found.y.cpu(), found.index.cpu())

    def as_condition(self, y: Tensor | None) -> Tensor | None:
        """The labels that came with examples, if the model is told any."""
        if self.condition_size is None or y is None:
            return None
        return y.float() if y.dim() > 1 else y

    # What is worked out once.

    def get_or_compute(self, key: Hashable, compute: Callable[[], Any]) -> Any:
        """A result that is worked out when first asked for; the oldest are let go."""
        with self._cache_lock:
            if key in self._cache:
                self._cache.move_to_end(key)
                return self._cache[key]
        made = compute()
        with self._cache_lock:
            self._cache[key] = made
            while len(self._cache) > MAX_CACHED_RESULTS:
                self._cache.popitem(last=False)
        return made

    @cached_property
    def run_view(self) -> RunView:
        """Some held-out examples with their codes."""
        return RunView(self.run, data=self.data, model=self.model, examples=NUM_REFERENCE_EXAMPLES)

    def encode_split(self, name: str | None, n: int) -> tuple[str, Batch, Tensor]:
        """A split's name, n of its examples picked at random, and their codes, flat: (n, D)."""
        name, split = self.get_split(name)
        return self.get_or_compute(("coded", name, n), lambda: (name, *self._encode_examples(split, n)))

    def _encode_examples(self, split: Split, n: int) -> tuple[Batch, Tensor]:
        order = split.random_order(torch.Generator().manual_seed(0))
        found: list[Batch] = []
        codes: list[Tensor] = []
        for batch in split.batches(250, None if order is None else order[:n]):
            found.append(batch)
            codes.append(self.encode(batch.x, self.as_condition(batch.y))[0])
            if sum(map(len, codes)) >= n:
                break
        ys = [batch.y for batch in found if batch.y is not None]
        x, index = torch.cat([batch.x for batch in found])[:n], torch.cat([batch.index for batch in found])[:n]
        return Batch(x, torch.cat(ys)[:n] if ys else None, index), torch.cat(codes)[:n]
