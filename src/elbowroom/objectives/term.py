"""Terms of an objective, their algebra, and the players that minimize them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sized
from dataclasses import dataclass, field
from numbers import Real
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor, nn

from elbowroom.models.draw import Draw


class LabelSummary(NamedTuple):
    """What labels training examples have.

    Attributes:
        data: the name of the data.
        kind: a class of each example, one or several values of each, or no labels.
        n: how many classes, or values; ``None`` where it is not known.
    """

    data: str
    kind: Literal["classes", "values", "none"]
    n: int | None = None


@dataclass(frozen=True)
class StepInterval:
    """The steps at which a player that trains less often than others takes one of its own.

    Attributes:
        every: it takes the last of so many steps.
        until: the step from which it takes all; ``None`` for never.

    Raises:
        ValueError: it is below 1.

    >>> interval = StepInterval(every=3, until=6)
    >>> [step for step in range(9) if interval.includes(step)]
    [2, 5, 6, 7, 8]
    """

    every: int
    until: int | None = None

    def __post_init__(self) -> None:
        if self.every < 1:
            raise ValueError(f"a player takes a step in every 1 or more, got {self.every}")

    def includes(self, step: int) -> bool:
        """Whether the player takes a step after so many steps of the training."""
        return (step + 1) % self.every == 0 or (self.until is not None and step >= self.until)


@dataclass
class Player:
    """A player: parameters and the loss they minimize, as generator and critic of an adversarial objective.

    Attributes:
        name: for logs and checkpoints.
        loss: the term this player minimizes.
        parameters: those it updates; no other player updates them.
        optimizer: settings of its optimizer that differ from the run's, as ``{"lr": 1e-4}``.
        trains_model: whether its parameters are the model's, and its loss part of the loss that is reported.
        interval: the steps that it takes, where not all.
    """

    name: str
    loss: Term
    parameters: list[nn.Parameter]
    optimizer: Mapping[str, Any] = field(default_factory=dict)
    trains_model: bool = False
    interval: StepInterval | None = None

    def takes_step(self, step: int) -> bool:
        """Whether its parameters are updated after so many steps of the training."""
        return self.interval is None or self.interval.includes(step)


class Term(nn.Module, ABC):
    """A loss term: ``term(draw, step)`` is a scalar, the mean over the batch in nats per example, lower is better.

    Arithmetic on terms gives terms: ``a + b``, ``a - b``, ``4 * a``, ``abs(a)``, ``schedule * a``.

    Attributes:
        name: under which the value is recorded; ``None`` for a composition.
        k: the number of samples per example it needs.

    >>> import elbowroom as er
    >>> er.Reconstruction() + er.ramp(0, 1, 1000) * abs(er.KL() - 25)
    (reconstruction + (ramp(0 to 1 in 1000 steps) * abs((kl - 25))))
    """

    name: str | None = None
    k: int = 1

    @abstractmethod
    def forward(self, draw: Draw, step: Tensor) -> Tensor:
        """Return the loss; ``step``, the count of steps, is a tensor, so that a captured CUDA graph stays valid."""

    def __call__(self, draw: Draw, step: Tensor) -> Tensor:
        """Score the draw, and record the value in ``draw.terms`` under the term's name."""
        value: Tensor = super().__call__(draw, step)
        if self.name is not None:
            draw.terms[self.name] = value.detach()
        return value

    def prepare(self, train: Sized) -> None:
        """Take what depends on the training set, as its size; called once, before the first step or a resumed one."""
        for child in self.children():
            if isinstance(child, Term):
                child.prepare(train)

    def check_labels(self, find_labels: Callable[[], LabelSummary]) -> None:
        """Check that the training data has the labels that the term needs; called before a training.

        Args:
            find_labels: returns what labels there are, for which a stream has to be read.

        Raises:
            ValueError: there are none, others, or another number.
        """
        for child in self.children():
            if isinstance(child, Term):
                child.check_labels(find_labels)

    def adversaries(self) -> list[Player]:
        """Return the players of this term besides the model."""
        return [player for child in self.children() if isinstance(child, Term) for player in child.adversaries()]

    def players(self, model: nn.Module) -> list[Player]:
        """Return all players that have something to train: those of the model, then the adversaries."""
        adversaries = self.adversaries()
        for i, player in enumerate(adversaries):
            namesakes = sum(other.name == player.name for other in adversaries[:i])
            player.name = f"{player.name}-{namesakes + 1}" if namesakes else player.name
        adversarial = {id(parameter) for player in adversaries for parameter in player.parameters}
        own = [p for p in nn.ModuleList((model, self)).parameters() if p.requires_grad and id(p) not in adversarial]
        for player in adversaries:
            player.parameters = [parameter for parameter in player.parameters if parameter.requires_grad]
        return [*self.model_players(model, own), *(player for player in adversaries if player.parameters)]

    def model_players(self, model: nn.Module, parameters: list[nn.Parameter]) -> list[Player]:
        """Return the players that share the parameters of the model and of this term: by default a single one."""
        return [Player("model", self, parameters, trains_model=True)]

    def as_operand(self) -> Term:
        """Return this term as a part of another one.

        Raises:
            ValueError: it cannot be.
        """
        return self

    def __add__(self, other: Term | float) -> Term:
        return Sum(self, _as_term(other))

    def __radd__(self, other: float) -> Term:
        return Sum(_as_term(other), self)

    def __sub__(self, other: Term | float) -> Term:
        return Sum(self, _as_term(other), sign=-1)

    def __rsub__(self, other: float) -> Term:
        return Sum(_as_term(other), self, sign=-1)

    def __mul__(self, other: Term | float) -> Term:
        return Product(self, _as_term(other))

    def __rmul__(self, other: float) -> Term:
        return Product(_as_term(other), self)

    def __truediv__(self, other: float) -> Term:
        return Product(self, _as_term(1 / other))

    def __neg__(self) -> Term:
        return -1.0 * self

    def __abs__(self) -> Term:
        return Abs(self)

    def __repr__(self) -> str:
        return self.name or type(self).__name__


def _as_term(value: Term | float) -> Term:
    if isinstance(value, Term):
        return value
    if isinstance(value, Real):
        return Constant(float(value))
    raise TypeError(f"a term adds and scales with terms, schedules and numbers, not with {type(value).__name__}")


class Constant(Term):
    """A constant number as a term."""

    def __init__(self, value: float) -> None:
        super().__init__()
        self.value = value

    def forward(self, draw: Draw, step: Tensor) -> Tensor:
        return torch.as_tensor(self.value, dtype=torch.float32, device=draw.x.device)

    def __repr__(self) -> str:
        return f"{self.value:g}"


class _BinaryTerm(Term):
    def __init__(self, left: Term, right: Term) -> None:
        super().__init__()
        self.left, self.right = left.as_operand(), right.as_operand()
        self.k = max(left.k, right.k)


class Sum(_BinaryTerm):
    """``a + b``, or with ``sign=-1``, ``a - b``."""

    def __init__(self, left: Term, right: Term, sign: int = 1) -> None:
        super().__init__(left, right)
        self.sign = sign

    def forward(self, draw: Draw, step: Tensor) -> Tensor:
        left, right = self.left(draw, step), self.right(draw, step)
        return left + right if self.sign > 0 else left - right

    def __repr__(self) -> str:
        return f"({self.left!r} {'+' if self.sign > 0 else '-'} {self.right!r})"


class Product(_BinaryTerm):
    """``a * b``."""

    def forward(self, draw: Draw, step: Tensor) -> Tensor:
        return self.left(draw, step) * self.right(draw, step)

    def __repr__(self) -> str:
        return f"({self.left!r} * {self.right!r})"


class Abs(Term):
    """``abs(a)``."""

    def __init__(self, inner: Term) -> None:
        super().__init__()
        self.inner, self.k = inner.as_operand(), inner.k

    def forward(self, draw: Draw, step: Tensor) -> Tensor:
        return self.inner(draw, step).abs()

    def __repr__(self) -> str:
        return f"abs({self.inner!r})"
