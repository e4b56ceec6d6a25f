"""The evidence that diagnoses look at: the record, model, data and metrics of a run, each loaded on first use."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cached_property
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from elbowroom import noise
from elbowroom.argument import arguments_of
from elbowroom.auditor.isolation import eval_mode, module_device, preserve_rng
from elbowroom.data import Batch, Data, Split, freeze
from elbowroom.data.load import read_source
from elbowroom.data.options import ReadOptions
from elbowroom.data.raw import RawArrays
from elbowroom.deprecation import warn_renamed
from elbowroom.doctor import loss_weights
from elbowroom.doctor.loss_gradients import LossForm
from elbowroom.doctor.loss_weights import LossWeights
from elbowroom.doctor.registry import NotApplicableError
from elbowroom.doctor.snapshot import Snapshot, take_snapshot
from elbowroom.models.adapter import parse_vae_output
from elbowroom.models.base import GenerativeModel
from elbowroom.models.draw import Draw
from elbowroom.objectives import Term
from elbowroom.runs.metrics_log import MetricsRow
from elbowroom.runs.run import Run
from elbowroom.runs.run_view import RunView

#: Examples of a split that the model is run on.
MAX_EXAMPLES = 512
#: Steps before which it is too early to tell an untrained model from a failed one.
MIN_STEPS = 300

T = TypeVar("T")


class Evidence:
    """A run with lazily loaded model, data, draws and metrics.

    A property raises :class:`NotApplicableError` where the run does not have what it needs.

    Args:
        run: the run.
        data: what it was trained on, if that was given as a Python object.
        model: as it was built, if no recipe built it.
        objective: as it was built, if no recipe built it.
        snapshots: those of a training in progress; by default those in the metrics and one of the final model.
        has_ended: whether a training in progress is at its end; by default as the metrics say.
    """

    def __init__(
        self,
        run: Run,
        data: Data | None = None,
        model: nn.Module | None = None,
        objective: Term | None = None,
        snapshots: list[Snapshot] | None = None,
        has_ended: bool | None = None,
    ) -> None:
        self.view, self._objective, self._snapshots = RunView(run, data, model), objective, snapshots
        self._has_ended = has_ended

    @property
    def run(self) -> Run:
        """The run."""
        return self.view.run

    @property
    def metric_rows(self) -> list[MetricsRow]:
        """The rows of ``metrics.jsonl``."""
        return self.view.rows

    def split_rows(self, split: str) -> list[MetricsRow]:
        """Return the rows with metrics of a split."""
        return self.view.split_rows(split)

    def figures(self, split: str) -> list[MetricsRow]:
        """Return ``split_rows(split)``, under its old name."""
        warn_renamed("Evidence.figures", "Evidence.split_rows")
        return self.split_rows(split)

    @property
    def looks(self) -> list[Snapshot]:
        """The old name of ``snapshots``."""
        warn_renamed("Evidence.looks", "Evidence.snapshots")
        return self.snapshots

    @property
    def n_steps(self) -> int:
        """The number of optimizer steps taken."""
        return max((row["step"] for row in self.metric_rows), default=0)

    @property
    def has_ended(self) -> bool:
        """Whether the training has come to its end, and not to an interruption."""
        if self._has_ended is not None:
            return self._has_ended
        reason = self.metric_rows[-1].get("reason") if self.metric_rows else None
        return reason not in (None, "interrupted", "terminated")

    @property
    def n_values(self) -> int:
        """The number of values of an example."""
        return math.prod(self.view.shape)

    @property
    def data(self) -> Data:
        """The data it was trained on."""
        return _require(lambda: self.view.data)

    @cached_property
    def model(self) -> nn.Module:
        """The trained model."""
        given: nn.Module | None = self.view.given_model
        if given is None or self._snapshots is not None:
            return _require(lambda: self.view.module)
        return _require(lambda: self.run.load_weights(given))

    @property
    def has_elbowroom_model(self) -> bool:
        """Whether it is known to be an elbowroom model."""
        try:
            return isinstance(self.model, GenerativeModel)
        except NotApplicableError:
            return False

    @property
    def elbowroom_model(self) -> GenerativeModel:
        """The model, if it is an elbowroom model."""
        if isinstance(self.model, GenerativeModel):
            return self.model
        raise NotApplicableError(
            f"{type(self.model).__name__} is not an elbowroom model, so its encoder, prior and decoder are not known"
        )

    @cached_property
    def objective(self) -> Term | None:
        """The training objective, or ``None`` if it is not known: the recipe's may have been replaced."""
        if self._objective is not None:
            return self._objective
        try:
            objective = self.run.build()[1]
        except ValueError:
            return None
        return objective if repr(objective) == self.run.record.get("objective") else None

    @property
    def held_out_split(self) -> Split:
        """The validation split, or the training split if there is none."""
        return self.data.train if self.data.validation is None else self.data.validation

    @cached_property
    def batch(self) -> Batch:
        """The first examples of the held-out split."""
        return first_batch(self.held_out_split, MAX_EXAMPLES, self.model)

    @cached_property
    def draw(self) -> Draw:
        """The draw of the model for this batch."""
        with eval_mode(self.elbowroom_model), noise.keyed_noise(0, self.batch.index):
            return self.elbowroom_model.draw(
                self.batch.x, self.batch.y, 1 if self.objective is None else self.objective.k
            )

    @cached_property
    def snapshots(self) -> list[Snapshot]:
        """The snapshots of the model, the latest last."""
        if self._snapshots is not None:
            return self._snapshots
        recorded = [
            Snapshot.from_row(row)
            for row in self.metric_rows
            if row.get("event") == "look" and row["step"] < self.n_steps
        ]
        pass_state = self.run.record["training"]["pass_state"]
        latest = None if pass_state else take_snapshot(self.model, self.batch, self.n_steps)
        if latest is None:
            raise NotApplicableError(f"{type(self.model).__name__} does not return (reconstruction, mu, logvar)")
        return [*recorded, latest]

    @cached_property
    def loss_weights(self) -> LossWeights:
        """The weights of reconstruction and KL in the loss."""
        try:
            objective = self.objective if isinstance(self.model, GenerativeModel) else None
        except NotApplicableError:
            objective = None
        if objective is not None:
            if reason := self.draw.undefined_reason:
                raise NotApplicableError(f"{reason}, so there is no KL")
            return loss_weights.weights_from_objective(objective, self.draw)
        if (form := self.loss_form) is not None and form.error and form.kl is not None:
            source = f"gradients of the loss as {form.error}" + (" and KL" if form.kl else " alone")
            return LossWeights(form.reconstruction, form.kl, source)
        rows = [row for row in self.metric_rows if "split" in row and "reconstruction" in row]
        return loss_weights.weights_from_rows(rows) if rows else self._search_loss_weights()

    @property
    def loss_form(self) -> LossForm | None:
        """What the custom loss of a module is made of, as the last snapshot of its training has it."""
        rows = [row for row in self.metric_rows if row.get("event") == "look" and row.get("loss")]
        found = self._snapshots[-1].loss if self._snapshots else rows[-1]["loss"] if rows else None
        return None if found is None else LossForm(**found)

    def _search_loss_weights(self) -> LossWeights:
        """Return the weights with which the module's output gives the last validation loss."""
        rows = self.split_rows("validation")
        if not rows or self.data.validation is None:
            raise NotApplicableError("there are no metrics of a validation split to compare a custom loss with")
        batch = first_batch(self.data.validation, 10 * MAX_EXAMPLES, self.model)
        with eval_mode(self.model):
            output = parse_vae_output(self.model(batch.x), batch.x)
        if output is None:
            raise NotApplicableError(f"{type(self.model).__name__} does not return (reconstruction, mu, logvar)")
        return loss_weights.weights_from_output(
            output, batch.x, rows[-1]["loss"], self.divisors | {"dimensions of z": output.kl.shape[1]}
        )

    @property
    def divisors(self) -> dict[str, int]:
        """The sizes that a loss may be divided by in error, by what they are."""
        training = self.run.record["training"]
        examples = self.run.record["data"].get("sizes", {}).get("train")
        divisors = {"values of an example": self.n_values, "examples of a batch": training["batch_size"]}
        return divisors | ({"training examples": examples} if examples else {})

    @cached_property
    def source_levels(self) -> int:
        """The number of different values in the first training examples of the source, as it is stored."""
        source, arguments = (self.run.record["data"].get(name) for name in ("source", "arguments"))
        if source is None:
            raise NotApplicableError("the data was given as a Python object, so its source cannot be read again")
        options = {name: value for name, value in (arguments or {}).items() if name in arguments_of(ReadOptions)}
        raw = _require(lambda: read_source(source, ReadOptions(**options)).train)
        if not isinstance(raw, RawArrays):
            raise NotApplicableError("the source is not read into memory")
        return len(np.unique(raw.values[:MAX_EXAMPLES]))

    @cached_property
    def value_resolution(self) -> tuple[float, str]:
        """The standard deviation below which a density resolves more than the data does, and what it is in words."""
        x = self.batch.x
        values: Tensor = torch.unique(x)
        if len(values) <= 256 and len(values) > 1:
            return values.diff().min().item() / 2, "half the distance of the data's values"
        return 1e-3 * x.std().item(), "a thousandth of the data's standard deviation"


def _require(load: Callable[[], T]) -> T:
    """Return what is loaded; what the run does not have is a reason not to look further."""
    try:
        return load()
    except ValueError as error:
        raise NotApplicableError(str(error)) from None


def first_batch(split: Split, n: int, model: nn.Module) -> Batch:
    """Return the first examples of a split on the model's device, leaving torch's generators as they were."""
    device = module_device(model)
    with preserve_rng(device):
        batch = freeze(split, 0).first(n)
    return Batch(batch.x.to(device), None if batch.y is None else batch.y.to(device), batch.index.to(device))
