"""The evidence: each part gathered once, when somebody first asks for it."""

from __future__ import annotations

import math
from functools import cached_property
from typing import Any

from torch import nn

from elbowroom import noise, serialization
from elbowroom.auditor.classic import classic
from elbowroom.auditor.quiet import at_rest, place, streams_kept
from elbowroom.data import Batch, Data, Split, still
from elbowroom.doctor import loss_weights
from elbowroom.doctor.loss_weights import Charges
from elbowroom.doctor.registry import Unexamined
from elbowroom.doctor.snapshot import Look, look
from elbowroom.models.base import Generative
from elbowroom.models.draw import Draw
from elbowroom.objectives import Term
from elbowroom.runs.run import Run

#: Examples of a split that are looked at.
EXAMPLES = 512
#: Steps before which a model has not had the time to show what it will become.
SETTLED = 300


class Case:
    """A run, and what can be learned of it.

    Args:
        run: its directory.
        data: what it was trained on, if that was given as a Python object.
        model: as it was built, if no recipe built it.
        objective: likewise.
        looks: those of a training under way; if not given, those on record and one more.
    """

    def __init__(
        self,
        run: Run,
        data: Data | None = None,
        model: nn.Module | None = None,
        objective: Term | None = None,
        looks: list[Look] | None = None,
    ) -> None:
        self.run, self._data, self._model, self._objective, self._looks = run, data, model, objective, looks

    @cached_property
    def rows(self) -> list[dict[str, Any]]:
        """The rows of the metrics."""
        return self.run.metrics()

    def figures(self, split: str) -> list[dict[str, Any]]:
        """The rows that hold figures of a split."""
        return [row for row in self.rows if row.get("split") == split]

    @property
    def steps(self) -> int:
        """How many the optimiser has taken."""
        return max((row["step"] for row in self.rows), default=0)

    @property
    def shape(self) -> tuple[int, ...]:
        """Of one example."""
        return tuple(self.run.record["shape"])

    @property
    def values(self) -> int:
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
            raise Unexamined(str(error)) from None

    @cached_property
    def model(self) -> nn.Module:
        """The trained model."""
        if self._looks is not None and self._model is not None:
            return self._model
        try:
            model = self.run.build()[0] if self._model is None else self._model
            tensors, _ = serialization.read(self.run.weights)
            serialization.fill(model, tensors, self.run.weights)
        except ValueError as error:
            raise Unexamined(str(error)) from None
        return model.eval()

    @property
    def ours(self) -> Generative:
        """The model, where it is one of ours."""
        if isinstance(self.model, Generative):
            return self.model
        raise Unexamined(f"{type(self.model).__name__} is no model of elbowroom, so its parts cannot be told apart")

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
    def held_out(self) -> Split:
        """The examples that were not trained on, as far as there are some."""
        return self.data.train if self.data.validation is None else self.data.validation

    @cached_property
    def batch(self) -> Batch:
        """A few of them."""
        return some(self.held_out, EXAMPLES, self.model)

    @cached_property
    def draw(self) -> Draw:
        """What the model makes of them."""
        with at_rest(self.ours), noise.keyed(0, self.batch.index):
            return self.ours.draw(self.batch.x, self.batch.y, 1 if self.objective is None else self.objective.k)

    @cached_property
    def looks(self) -> list[Look]:
        """Every look at the model there is, the newest last."""
        if self._looks is not None:
            return self._looks
        before = [Look.of(row) for row in self.rows if row.get("event") == "look" and row["step"] < self.steps]
        now = None if self.run.record["training"]["pass_state"] else look(self.model, self.batch, self.steps)
        if now is None:
            raise Unexamined(f"{type(self.model).__name__} does not return (reconstruction, mu, logvar)")
        return [*before, now]

    @cached_property
    def charges(self) -> Charges:
        """What the loss charges for reconstruction and KL."""
        with_terms = [row for row in self.rows if "split" in row and "reconstruction" in row]
        try:
            known = self.objective if isinstance(self.model, Generative) else None
        except Unexamined:
            known = None
        if known is not None:
            if not self.draw.probabilistic:
                raise Unexamined("a point posterior or no prior: there is no KL")
            return loss_weights.of_objective(known, self.draw)
        return loss_weights.of_rows(with_terms) if with_terms else self._tried()

    def _tried(self) -> Charges:
        split, rows = ("validation", self.figures("validation")) if self.figures("validation") else ("train", [])
        if not rows:
            raise Unexamined("there are no figures of a validation split to compare a loss of one's own with")
        batch = some(getattr(self.data, split), 10 * EXAMPLES, self.model)
        with at_rest(self.model):
            output = classic(self.model(batch.x), batch.x)
        if output is None:
            raise Unexamined(f"{type(self.model).__name__} does not return (reconstruction, mu, logvar)")
        return loss_weights.of_classic(
            output, batch.x, rows[-1]["loss"], self.sizes | {"dimensions of the code": output.kl.shape[1]}
        )

    @property
    def sizes(self) -> dict[str, int]:
        """What a loss is divided by in error."""
        training = self.run.record["training"]
        examples = self.run.record["data"].get("sizes", {}).get("train")
        found = {"values of an example": self.values, "examples of a batch": training["batch_size"]}
        return found | ({"training examples": examples} if examples else {})

    @cached_property
    def grain(self) -> tuple[float, str]:
        """The finest that a density of the data may resolve, and what it is."""
        x = self.batch.x
        values = x.flatten().unique()
        if len(values) <= 256 and len(values) > 1:
            return values.diff().min().item() / 2, "half the distance of the data's values"
        return 1e-3 * x.std().item(), "a thousandth of the data's spread"


def some(split: Split, n: int, model: nn.Module) -> Batch:
    """The first examples of a split, where the model is, with torch's generators as they were."""
    here = place(model)
    with streams_kept(here):
        batch = still(split, 0).first(n)
    return Batch(batch.x.to(here), None if batch.y is None else batch.y.to(here), batch.index.to(here))
