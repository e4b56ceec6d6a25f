"""One run as a comparison sees it: its settings, how it was measured, its figures, its model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import torch

from elbowroom.comparing.protocol import EvaluationProtocol
from elbowroom.data import Data
from elbowroom.evaluation.compatibility import describe_likelihood
from elbowroom.evaluation.evaluate import evaluate
from elbowroom.families import Gaussian, Laplace
from elbowroom.models.base import GenerativeModel
from elbowroom.runs.run import Run
from elbowroom.runs.settings import Settings

#: States of a run whose figures are not final.
UNFINISHED_STATES = ("failed", "unfinished", "to train", "damaged")


@dataclass(eq=False)
class Entry:
    """A run, a point of a sweep that came to no run, or a baseline that needs none.

    Attributes:
        name: of its directory.
        settings: what it was asked for, without the seed.
        seed: of weights, order and noise; ``None`` where nothing is random.
        state: ``finished``, one of :data:`UNFINISHED_STATES`, or why the training ended of itself.
        error: it failed, in one line.
        run: where it is kept, if it came to a run.
        load: gets what it was trained on.
        baseline_model: its model, where no run keeps one.
        precomputed_metrics: figures by name, where they come from no row.
        path: where it is kept.
        reference_entry: whose data and protocol it shares, where it has none of its own.
        note: how its figures came about, where no training wrote them down.
        protocol: with what it may be compared.
    """

    name: str
    settings: Settings
    seed: int | None
    state: str = "finished"
    error: str = ""
    run: Run | None = None
    load: Callable[[], Data] | None = None
    baseline_model: GenerativeModel | None = None
    precomputed_metrics: dict[str, float] = field(default_factory=dict)
    path: str = ""
    reference_entry: Entry | None = None
    note: str = ""
    protocol: EvaluationProtocol = field(default_factory=lambda: EvaluationProtocol("", (), ""))
    #: Why there is no model to measure and to show; empty if there is.
    missing_reason: str = field(default="", init=False)

    @property
    def is_measurable(self) -> bool:
        """Whether there is something to be measured: a run, or a baseline that needs none."""
        return self.run is not None or self.baseline_model is not None

    @property
    def is_done(self) -> bool:
        """Whether its figures are final, so that they count."""
        return self.state not in UNFINISHED_STATES

    @property
    def exclusion_reason(self) -> str:
        """Why its figures do not count."""
        if self.error or self.run is None:
            return self.error or "it has not begun"
        step = self.rows[-1]["step"] if self.rows else 0
        return f"stopped at step {step:,}; 'elbowroom resume {self.path}' goes on"

    @cached_property
    def rows(self) -> list[dict[str, Any]]:
        """Of its ``metrics.jsonl``."""
        return [] if self.run is None else self.run.metrics()

    def split_rows(self, split: str) -> list[dict[str, Any]]:
        """The rows of a split."""
        return [row for row in self.rows if row.get("split") == split]

    @cached_property
    def data(self) -> Data | None:
        """What it was trained on, if it can be had."""
        try:
            return None if self.load is None else self.load()
        except ValueError as error:
            self.missing_reason = str(error)
            return None

    @cached_property
    def model(self) -> GenerativeModel | None:
        """The trained model, if it can be had with its data."""
        if self.baseline_model is not None or self.run is None or self.data is None:
            return self.baseline_model
        try:
            # To make a model draws its first weights, and looking is not to change what is drawn after it.
            with torch.random.fork_rng(devices=[]):
                return self.run.model()
        except ValueError as error:
            self.missing_reason = str(error)
            return None

    @cached_property
    def likelihood(self) -> str:
        """What log p(x|z) is, in words."""
        assert self.run is not None
        try:
            with torch.random.fork_rng(devices=[]):
                return likelihood_with_scale(self.run.build()[0], self.data)
        except ValueError:
            return "unknown, since no recipe made the model"

    def squared_error(self, split: str) -> float | None:
        """Of the reconstruction at the posterior mean, per dimension; measured now."""
        if "squared_error" in self.precomputed_metrics:
            return self.precomputed_metrics["squared_error"]
        if self.model is None or self.data is None or split not in self.data.splits:
            return None
        value = evaluate(self.model, self.data, metrics="error", split=split, samples=1)["mse"].value
        assert isinstance(value, float)
        return value


def find_evaluation_split(entries: Sequence[Entry]) -> str:
    """The split that is judged: the first that anybody measured."""
    measured = (split for split in ("test", "validation") if any(entry.split_rows(split) for entry in entries))
    return next(measured, "train")


def likelihood_with_scale(model: GenerativeModel, data: Data | None) -> str:
    """What log p(x|z) is, in words, with the scale where there is one.

    >>> import elbowroom as er
    >>> data = er.load_data("digits")
    >>> likelihood_with_scale(er.recipes.vae(data.shape, likelihood_with_scale="gaussian:0.1")[0], data)
    'Gaussian of scale 0.1, log-density'
    """
    family = model.decoder.family
    words = type(family).__name__ if data is None else describe_likelihood(model, data).partition(";")[0]
    if isinstance(family, Gaussian | Laplace):
        scale = f"{family.scale} scale" if isinstance(family.scale, str) else f"scale {family.scale:g}"
        name = type(family).__name__
        words = words.replace(name, f"{name} of {scale}", 1)
    return words
