"""One run of a comparison: its settings, its evaluation protocol, its metrics, its model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

from elbowroom.comparing.protocol import EvaluationProtocol
from elbowroom.data import Data
from elbowroom.evaluation.compatibility import describe_likelihood
from elbowroom.evaluation.evaluate import evaluate
from elbowroom.families import Gaussian, Laplace
from elbowroom.models.base import GenerativeModel
from elbowroom.recipes.registry import all_recipes
from elbowroom.runs.evaluations import KeptEvaluation, find_evaluations
from elbowroom.runs.metrics_log import MetricsRow
from elbowroom.runs.run import Run
from elbowroom.runs.run_view import RunView
from elbowroom.runs.settings import Settings

#: Examples in a row of images.
EXAMPLES_PER_ROW = 10
#: States of a run whose metrics are not final.
UNFINISHED_STATES = ("failed", "unfinished", "to train", "damaged")


@dataclass(eq=False)
class Entry:
    """A run, a point of a sweep that has no run yet, or a baseline without a run.

    Attributes:
        name: the name of its directory.
        settings: its settings, without the seed.
        seed: the seed of weights, order and noise; ``None`` where nothing is random.
        state: ``finished``, one of :data:`UNFINISHED_STATES`, or why the training stopped early.
        error: the error it failed with, in one line.
        view: its run with model and data; of a baseline without a run, that of ``reference_entry`` with another model.
        precomputed_metrics: metrics by name, where they are in no row of ``metrics.jsonl``.
        path: its directory.
        reference_entry: the run whose data and protocol a baseline shares that has none of its own.
        note: how its metrics were computed, where no training wrote them down.
        protocol: how it was evaluated, which decides what it may be compared with.
    """

    name: str
    settings: Settings
    seed: int | None
    state: str = "finished"
    error: str = ""
    view: RunView | None = None
    precomputed_metrics: dict[str, float] = field(default_factory=dict)
    path: str = ""
    reference_entry: Entry | None = None
    note: str = ""
    protocol: EvaluationProtocol = field(default_factory=lambda: EvaluationProtocol("", (), ""))

    @property
    def run(self) -> Run | None:
        """Its run, if there is one."""
        return self.view.run if self.view and self.reference_entry is None else None

    @property
    def is_measurable(self) -> bool:
        """Whether there is something to evaluate: a run or the model of a baseline."""
        return self.view is not None

    @property
    def is_done(self) -> bool:
        """Whether its metrics are final, so that they count."""
        return self.state not in UNFINISHED_STATES

    @property
    def exclusion_reason(self) -> str:
        """Why its metrics do not count."""
        if self.error or self.run is None:
            return self.error or "it has not begun"
        step = self.rows[-1]["step"] if self.rows else 0
        return f"stopped at step {step:,}; 'elbowroom resume {self.path}' goes on"

    @property
    def rows(self) -> list[MetricsRow]:
        """The rows of its ``metrics.jsonl``."""
        return self.view.rows if self.view and self.run else []

    def split_rows(self, split: str) -> list[MetricsRow]:
        """Return the rows of a split."""
        return self.view.split_rows(split) if self.view and self.run else []

    def rows_until_weights(self, split: str) -> list[MetricsRow]:
        """Return the rows of a split up to the step that the run's weights are of, which may be its best ones."""
        rows = self.split_rows(split)
        last_step = self.run.weights_step if self.run and rows else 0
        return [row for row in rows if row["step"] <= last_step]

    @cached_property
    def evaluations(self) -> list[KeptEvaluation]:
        """What ``evaluate`` measured of the model as it is now, the newest first."""
        if self.run is None:
            return []
        weights, step = self.run.weights_name, self.run.weights_step
        kept = find_evaluations(self.run.path)[0]
        return [one for one in kept if (one.protocol.get("weights", "final"), one.step) == (weights, step)]

    def kept_value(self, name: str, split: str) -> float | None:
        """Return the newest kept value of a metric on a split."""
        values = (evaluation.value(name) for evaluation in self.evaluations if evaluation.split == split)
        return next((value for value in values if value is not None), None)

    @property
    def data(self) -> Data | None:
        """The data it was trained on; ``None`` if it cannot be loaded."""
        return None if self.view is None else self.view.data_or_none

    @cached_property
    def missing_reason(self) -> str:
        """Why there is no model to evaluate and to show; empty if there is one."""
        if self.view is None:
            return self.exclusion_reason
        try:
            self.view.model  # noqa: B018 - raises where there is none
        except ValueError as error:
            return self.view.missing_data_reason or str(error)
        return self.view.missing_data_reason

    @property
    def likelihood(self) -> str:
        """The likelihood log p(x|z), in words."""
        return self._likelihood[0]

    @property
    def likelihood_note(self) -> str:
        """Why its likelihood is only what the record says, where its recipe cannot be called here; else empty."""
        return "" if self.run is None else self._likelihood[1]

    @property
    def is_likelihood_unknown(self) -> bool:
        """Whether nothing says what log p(x|z) is, as of a module of one's own."""
        return self.run is not None and self.run.record["recipe"] is None

    @cached_property
    def _likelihood(self) -> tuple[str, str]:
        """The likelihood in words, and why it is only what the record says."""
        assert self.run is not None
        recipe, arguments = self.run.record["recipe"], self.run.record["arguments"] or {}
        if self.is_likelihood_unknown:
            return "unknown, since no recipe made the model", ""
        try:
            if recipe not in all_recipes():
                raise ValueError(
                    f"the recipe {recipe} is not known here, so that its models cannot be measured: set "
                    "ELBOWROOM_RECIPES to the file that defines it"
                )
            return likelihood_with_scale(self.run.build()[0], self.data), ""
        except ValueError as error:
            recorded = arguments.get("likelihood") or "the one"
            return f"{recorded} of the recipe {recipe}, which cannot be made here", str(error)

    def squared_error(self, split: str) -> float | None:
        """Measure the squared error per dimension of the reconstruction at the posterior mean."""
        if "squared_error" in self.precomputed_metrics:
            return self.precomputed_metrics["squared_error"]
        if self.view is None or self.missing_reason or split not in self.view.data.splits:
            return None
        view = self.view
        value = evaluate(view.model, view.data, metrics="reconstruction", split=split, samples=1)["mse"].value
        assert isinstance(value, float)
        return value


def find_evaluation_split(entries: Sequence[Entry]) -> str:
    """Return the split that is compared: the first of test and validation that any run has rows of, else train."""
    evaluated = (split for split in ("test", "validation") if any(entry.split_rows(split) for entry in entries))
    return next(evaluated, "train")


def likelihood_with_scale(model: GenerativeModel, data: Data | None) -> str:
    """Describe the likelihood log p(x|z) of a model, with its scale where there is one.

    >>> import elbowroom as er
    >>> data = er.load_data("digits")
    >>> likelihood_with_scale(er.recipes.vae(data.shape, likelihood="gaussian:0.1")[0], data)
    'Gaussian of scale 0.1, log-density'
    """
    family = model.decoder.family
    words = type(family).__name__ if data is None else describe_likelihood(model, data).partition(";")[0]
    if isinstance(family, Gaussian | Laplace):
        scale = f"{family.scale} scale" if isinstance(family.scale, str) else f"scale {family.scale:g}"
        name = type(family).__name__
        words = words.replace(name, f"{name} of {scale}", 1)
    return words + _describe_condition(model)


def _describe_condition(model: GenerativeModel) -> str:
    """Return in words what of the labels the bound is of: log p(x|c), or log p(x, y) where y is known."""
    if model.requires_labels:
        return ", given the label"
    return ", and of the label where it is known" if model.is_classifier else ""
