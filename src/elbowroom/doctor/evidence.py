"""The evidence: each part gathered once, when somebody first asks for it."""

from __future__ import annotations

import math
from functools import cached_property
from typing import Any

from torch import nn

from elbowroom import noise, serialization
from elbowroom.auditor.claim import parse_vae_output
from elbowroom.auditor.isolation import eval_mode, module_device, preserve_rng
from elbowroom.data import Batch, Data, Split, freeze
from elbowroom.doctor import loss_weights
from elbowroom.doctor.loss_weights import LossWeights
from elbowroom.doctor.registry import NotApplicableError
from elbowroom.doctor.snapshot import Snapshot, take_snapshot
from elbowroom.models.base import GenerativeModel
from elbowroom.models.draw import Draw
from elbowroom.objectives import Term
from elbowroom.runs.run import Run

#: Examples of a split that are looked at.
MAX_EXAMPLES = 512
#: Steps before which a model has not had the time to show what it will become.
MIN_STEPS = 300


class Evidence:
    """A run, and what can be learned of it.

    Args:
        run: its directory.
        data: what it was trained on, if that was given as a Python object.
        model: as it was built, if no recipe built it.
        objective: likewise.
        snapshots: those of a training under way; if not given, those on record and one more.
    """

    def __init__(
        self,
        run: Run,
        data: Data | None = None,
        model: nn.Module | None = None,
        objective: Term | None = None,
        snapshots: list[Snapshot] | None = None,
    ) -> None:
        self.run, self._data, self._model, self._objective, self._snapshots = run, data, model, objective, snapshots

    @cached_property
    def metric_rows(self) -> list[dict[str, Any]]:
        """The rows of the metrics."""
        return self.run.metrics()

    def split_rows(self, split: str) -> list[dict[str, Any]]:
        """The rows that hold figures of a split."""
        return [row for row in self.metric_rows if row.get("split") == split]

    @property
    def n_steps(self) -> int:
        """How many the optimiser has taken."""
        return max((row["step"] for row in self.metric_rows), default=0)

    @property
    def shape(self) -> tuple[int, ...]:
        """Of one example."""
        return tuple(self.run.record["shape"])

    @property
    def n_values(self) -> int:
        """How many numbers an example has."""
        return math.prod(self.shape)

    @cached_property
    def data(self) -> Data:
        """What it was trained on."""
        if self._data is not None:
            return self._data
        try:
            return self.run.data()
        except ValueError as error:
            raise NotApplicableError(str(error)) from None

    @cached_property
    def model(self) -> nn.Module:
        """The trained model."""
        if self._snapshots is not None and self._model is not None:
            return self._model
        try:
            model = self.run.build()[0] if self._model is None else self._model
            tensors, _ = serialization.read(self.run.weights)
            serialization.load_into(model, tensors, self.run.weights)
        except ValueError as error:
            raise NotApplicableError(str(error)) from None
        return model.eval()

    @property
    def elbowroom_model(self) -> GenerativeModel:
        """The model, where it is one of ours."""
        if isinstance(self.model, GenerativeModel):
            return self.model
        raise NotApplicableError(
            f"{type(self.model).__name__} is no model of elbowroom, so its parts cannot be told apart"
        )

    @cached_property
    def objective(self) -> Term | None:
        """What it was trained on, where that is known: the recipe's may have been replaced."""
        if self._objective is not None:
            return self._objective
        try:
            objective = self.run.build()[1]
        except ValueError:
            return None
        return objective if repr(objective) == self.run.record.get("objective") else None

    @property
    def held_out_split(self) -> Split:
        """The examples that were not trained on, as far as there are some."""
        return self.data.train if self.data.validation is None else self.data.validation

    @cached_property
    def batch(self) -> Batch:
        """A few of them."""
        return first_batch(self.held_out_split, MAX_EXAMPLES, self.model)

    @cached_property
    def draw(self) -> Draw:
        """What the model makes of them."""
        with eval_mode(self.elbowroom_model), noise.keyed_noise(0, self.batch.index):
            return self.elbowroom_model.draw(
                self.batch.x, self.batch.y, 1 if self.objective is None else self.objective.k
            )

    @cached_property
    def snapshots(self) -> list[Snapshot]:
        """Every look at the model there is, the newest last."""
        if self._snapshots is not None:
            return self._snapshots
        before = [
            Snapshot.from_row(row)
            for row in self.metric_rows
            if row.get("event") == "look" and row["step"] < self.n_steps
        ]
        now = None if self.run.record["training"]["pass_state"] else take_snapshot(self.model, self.batch, self.n_steps)
        if now is None:
            raise NotApplicableError(f"{type(self.model).__name__} does not return (reconstruction, mu, logvar)")
        return [*before, now]

    @cached_property
    def loss_weights(self) -> LossWeights:
        """What the loss charges for reconstruction and KL."""
        with_terms = [row for row in self.metric_rows if "split" in row and "reconstruction" in row]
        try:
            known = self.objective if isinstance(self.model, GenerativeModel) else None
        except NotApplicableError:
            known = None
        if known is not None:
            if not self.draw.is_probabilistic:
                raise NotApplicableError("a point posterior or no prior: there is no KL")
            return loss_weights.weights_from_objective(known, self.draw)
        return loss_weights.weights_from_rows(with_terms) if with_terms else self._search_loss_weights()

    def _search_loss_weights(self) -> LossWeights:
        split, rows = ("validation", self.split_rows("validation")) if self.split_rows("validation") else ("train", [])
        if not rows:
            raise NotApplicableError("there are no figures of a validation split to compare a loss of one's own with")
        batch = first_batch(getattr(self.data, split), 10 * MAX_EXAMPLES, self.model)
        with eval_mode(self.model):
            output = parse_vae_output(self.model(batch.x), batch.x)
        if output is None:
            raise NotApplicableError(f"{type(self.model).__name__} does not return (reconstruction, mu, logvar)")
        return loss_weights.weights_from_output(
            output, batch.x, rows[-1]["loss"], self.divisors | {"dimensions of the code": output.kl.shape[1]}
        )

    @property
    def divisors(self) -> dict[str, int]:
        """What a loss is divided by in error."""
        training = self.run.record["training"]
        examples = self.run.record["data"].get("sizes", {}).get("train")
        found = {"values of an example": self.n_values, "examples of a batch": training["batch_size"]}
        return found | ({"training examples": examples} if examples else {})

    @cached_property
    def value_resolution(self) -> tuple[float, str]:
        """The finest that a density of the data may resolve, and what it is."""
        x = self.batch.x
        values = x.flatten().unique()
        if len(values) <= 256 and len(values) > 1:
            return values.diff().min().item() / 2, "half the distance of the data's values"
        return 1e-3 * x.std().item(), "a thousandth of the data's spread"


def first_batch(split: Split, n: int, model: nn.Module) -> Batch:
    """The first examples of a split, where the model is, with torch's generators as they were."""
    here = module_device(model)
    with preserve_rng(here):
        batch = freeze(split, 0).first(n)
    return Batch(batch.x.to(here), None if batch.y is None else batch.y.to(here), batch.index.to(here))
