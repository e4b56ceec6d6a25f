"""Lazy view of a run: record, metrics, model, data, examples and latents, each loaded on first use."""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self, TypeVar

import torch
from torch import Tensor, nn

from elbowroom.data import Batch, Data, Split, default_split, freeze, is_other_data
from elbowroom.data.image import is_image
from elbowroom.deprecation import renamed_attributes
from elbowroom.models.adapter import adapt
from elbowroom.models.base import GenerativeModel
from elbowroom.runs.headline import Headline, find_headline
from elbowroom.runs.metrics_log import MetricsRow
from elbowroom.runs.run import Run
from elbowroom.runs.shared_data import SharedData

#: Examples encoded at once.
BATCH_SIZE = 500
#: Cached results of one view.
MAX_CACHED_RESULTS = 32

T = TypeVar("T")


class RunView:
    """A run with its metrics, model, data and latents, each loaded on first use and shared by all who look at it.

    What it loads and draws does not change the draws of the caller.

    Args:
        run: the run, or its directory.
        data: the training data, if it was given as a Python object; or other data, which is coded as that was.
        model: the trained model, if no recipe built it, or to save loading it.
        examples: how many to encode, at most; picked at random from the test split, or the validation split where
            there is none, or else the training split.
        seed: of the choice of examples, and of every draw.
        load: loads the data of the run where ``data`` is not given: :meth:`SharedData.load`, to share it between views.

    Raises:
        ValueError: on use of an attribute that this model or its data do not have.

    >>> import tempfile, elbowroom as er
    >>> data = er.load_data("digits")
    >>> run = er.fit(*er.recipes.vae(data.shape, latent=3), data, steps=5, out=tempfile.mkdtemp() + "/run")
    >>> view = RunView(run, examples=50)
    >>> view.latents.shape, view.describe_examples(50)
    (torch.Size([50, 3]), '50 of 359 test examples of digits, picked with seed 0')
    """

    def __init__(
        self,
        run: Run | str | os.PathLike[str],
        data: Data | Any = None,
        model: Any = None,
        examples: int = 2000,
        seed: int = 0,
        *,
        load: Callable[[Run], Data] | None = None,
    ) -> None:
        if examples < 1:
            raise ValueError(f"examples, how many to encode, must be at least 1, got {examples}")
        self.run: Run = run if isinstance(run, Run) else Run(run)
        self.max_examples, self.seed = examples, seed
        self.given_data, self.given_model, self._load = data, model, load or SharedData().load
        self._results: OrderedDict[Hashable, Any] = OrderedDict()
        self._results_lock = threading.Lock()

    @classmethod
    def of_trained(cls, run: Run | str | os.PathLike[str], data: Any = None, model: Any = None, **options: Any) -> Self:
        """Return the view of a finished run, whose weights are loaded into a ``model`` that no recipe built."""
        run = Run(run)
        is_own = model is not None and run.record["recipe"] is None
        view = cls(run, data, run.module(model) if is_own else model, **options)
        if data is not None:
            view.data  # noqa: B018 - raises for data that is coded otherwise, before anything is drawn
        return view

    # The record and what was logged.

    @property
    def record(self) -> dict[str, Any]:
        """The record, as read from ``recipe.json``."""
        return self.run.record

    @cached_property
    def rows(self) -> list[MetricsRow]:
        """The rows of ``metrics.jsonl``."""
        return self.run.metrics()

    def split_rows(self, split: str) -> list[MetricsRow]:
        """Return the rows with metrics of a split."""
        return [row for row in self.rows if row.get("split") == split]

    @property
    def headline(self) -> Headline | None:
        """The metric that it is known by: the ELBO with the lowest validation loss. None if nothing was measured."""
        return find_headline(self.rows)

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one example."""
        return tuple(self.record["shape"])

    # The model.

    @cached_property
    def module(self) -> nn.Module:
        """The trained model, which may be a module of your own."""
        module: nn.Module = self.run.module() if self.given_model is None else self.given_model
        return module

    @cached_property
    def model(self) -> GenerativeModel:
        """The trained model; a module of your own, adapted by what it returns."""
        return adapt(self.module, self.shape)

    @property
    def device(self) -> torch.device:
        """Device of the model."""
        return next(self.model.parameters()).device

    # The data.

    @cached_property
    def data(self) -> Data:
        """The data it was trained on, or what was given."""
        return self._load(self.run) if self.given_data is None else self.run.measured_data(self.given_data)

    @property
    def missing_data_reason(self) -> str:
        """Why there is no data for this model, on one line; empty where there is."""
        try:
            shape = tuple(self.data.shape)
        except (ValueError, OSError) as error:
            return " ".join(str(error).split()) or type(error).__name__
        return "" if shape == self.shape else f"the data has examples of {shape}, the model takes {self.shape}"

    @property
    def data_or_none(self) -> Data | None:
        """The data, or None where it is not available."""
        return None if self.missing_data_reason else self.data

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of the classes; empty where there are none.

        They are in the record, so that a run needs no data for them. Of runs before version 0.3 they are the data's,
        and empty where it is not available.
        """
        return self._label_names("classes")

    @property
    def attributes(self) -> tuple[str, ...]:
        """The names of the attributes, likewise."""
        return self._label_names("attributes")

    def _label_names(self, kind: str) -> tuple[str, ...]:
        recorded = self.record["data"]
        if self.given_data is None and "shape" in recorded:
            return tuple(recorded.get(kind) or ())
        data = self.data_or_none
        return () if data is None else tuple(getattr(data, kind) or ())

    @property
    def is_of_other_data(self) -> bool:
        """Whether other data are shown than those the run was trained on."""
        return self.given_data is not None and is_other_data(self.data, self.record["data"])

    @property
    def split(self) -> str:
        """Name of the split whose examples are shown; of other data without splits, "all"."""
        if self.is_of_other_data:
            return default_split(self.data, self.record["data"])
        return next(name for name in ("test", "validation", "train") if name in self.data.splits)

    def get_split(self, name: str | None = None) -> tuple[str, Split]:
        """Return a split with stochastic preprocessing frozen; without a name a held-out one, if there is any.

        Raises:
            ValueError: the data has no such split.
        """
        name = name or self.split
        return name, freeze(self.data.get_split(name), self.seed)

    def examples(self, index: list[int], name: str | None = None) -> Batch:
        """Return the examples of a split at these indices, on the CPU.

        Raises:
            ValueError: an index is outside, or the data is a stream, which has none.
        """
        name, split = self.get_split(name)
        try:
            count = len(split)
        except TypeError:
            raise ValueError(f"{self.data.name} is a stream, which has no indices: give x or png") from None
        if outside := [i for i in index if not 0 <= i < count]:
            raise ValueError(f"index {outside[0]} of {count:,} {name} examples: give 0 to {count - 1}")
        return _join_batches(split.batches(len(index), torch.tensor(index)), len(index))

    def pick_examples(self, name: str | None, n: int) -> Batch:
        """Return n examples of a split, picked at random, with their labels, on the CPU; all where there are fewer."""
        _, split = self.get_split(name)
        order = split.random_order(torch.Generator().manual_seed(self.seed))
        return _join_batches(split.batches(min(n, BATCH_SIZE), None if order is None else order[:n]), n)

    @cached_property
    def batch(self) -> Batch:
        """The examples that are shown."""
        return self.pick_examples(None, self.max_examples)

    def describe_examples(self, n: int) -> str:
        """Return where n of the examples come from, as text."""
        sizes = self.data.protocol.get("sizes", {})
        total = sizes.get(self.split) if self.split in self.data.splits else sum(sizes.values())
        source = f"{self.split_words} of {self.data.name}"
        if n == total:
            return f"all {n:,} {source}"
        return f"{n:,}{f' of {total:,}' if total else ''} {source}, picked with seed {self.seed}"

    @property
    def split_words(self) -> str:
        """The examples that are shown, in words: those of a split, or examples alone where all are shown."""
        return f"{self.split} examples" if self.split in self.data.splits else "examples"

    def example_name(self, i: int) -> str:
        """Return the name of an example: its split and its index there."""
        return f"{self.split_words[:-1]} {int(self.batch.index[i]):,}"

    @property
    def has_images(self) -> bool:
        """Whether examples are images, or have one among their views; if not, they are rows of a table."""
        views = self.model.views
        return is_image(self.model.shape) or (views is not None and any(is_image(view.shape) for view in views.views))

    @property
    def has_series(self) -> bool:
        """Whether examples are series (C, T)."""
        return len(self.model.shape) == 2 and self.model.views is None

    # The latents.

    @cached_property
    def latents(self) -> Tensor:
        """Posterior means of the examples, flattened: (N, D). In a hierarchy, of the uppermost latent."""
        return self.encode_batch(self.batch)

    def encode_batch(self, batch: Batch) -> Tensor:
        """Return the posterior means of examples with their labels, flattened, on the CPU: (N, D)."""
        x, y = batch.x.to(self.device), None if batch.y is None else batch.y.to(self.device)
        parts = [slice(i, i + BATCH_SIZE) for i in range(0, len(x), BATCH_SIZE)]
        return torch.cat([self.model.encode(x[i], None if y is None else y[i]).flatten(1).cpu() for i in parts])

    @property
    def latent_unit(self) -> str:
        """Unit of a latent dimension."""
        return "standard deviations of the prior" if self.model.has_standard_prior else "units of the latent"

    # Labels that a model depends on, and samples.

    def label(self, i: int) -> Tensor | None:
        """Return the label of an example; None if the model is not conditional."""
        return self.batch.y[i] if self.model.is_conditional and self.batch.y is not None else None

    def samples(self, n: int, model: GenerativeModel | None = None) -> Tensor:
        """Return n samples, as the model gives them by default: draws from p(x|z), or its means.

        They are the same each time, (n, *shape); a conditional model takes the labels of the examples in turn.

        Args:
            n: how many.
            model: that of the run with a sampler, to draw latents from that instead of the prior.
        """
        labels = [self.label(i % len(self.batch.x)) for i in range(n)] if self.model.is_conditional else []
        condition = [label for label in labels if label is not None]
        with torch.random.fork_rng():
            torch.manual_seed(self.seed)
            model = model or self.model
            return model.sample(n, torch.stack(condition).to(self.device) if condition else None).cpu()

    def describe_samples(self, n: int, source: str = "the prior") -> str:
        """Return how n samples were drawn, from the prior or another density, as text."""
        return f"{n} latents from {source}, seed {self.seed}" + (
            "; given the examples' labels" if self.model.is_conditional else ""
        )

    # What others compute from it.

    def get_or_compute(self, key: Hashable, compute: Callable[[], T]) -> T:
        """Return a result that is computed on first use; the least recently used ones are dropped."""
        with self._results_lock:
            if key in self._results:
                self._results.move_to_end(key)
                result: T = self._results[key]
                return result
        result = compute()
        with self._results_lock:
            self._results[key] = result
            while len(self._results) > MAX_CACHED_RESULTS:
                self._results.popitem(last=False)
        return result

    if not TYPE_CHECKING:
        __getattr__ = renamed_attributes("RunView")


def _join_batches(batches: Iterator[Batch], n: int) -> Batch:
    """Return the first n examples of some batches as one, on the CPU; no more are read than it takes."""
    joined: list[Batch] = []
    for batch in batches:
        joined.append(batch)
        if sum(len(batch.x) for batch in joined) >= n:
            break
    labels = [batch.y for batch in joined if batch.y is not None]
    return Batch(
        torch.cat([batch.x for batch in joined])[:n].cpu(),
        torch.cat(labels)[:n].cpu() if labels else None,
        torch.cat([batch.index for batch in joined])[:n].cpu(),
    )
