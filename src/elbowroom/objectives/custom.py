"""Custom modules and loss functions: no base class needed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from torch import Tensor

from elbowroom.objectives.term import Term


class Output:
    """The output of a custom module for a batch, in place of a :class:`Draw`.

    Attributes:
        x: the batch, (B, *shape).
        output: what the module returned.
    """

    def __init__(self, x: Tensor, output: Any) -> None:
        self.x, self.output = x, output
        self.terms: dict[str, Tensor] = {}

    def metrics(self) -> dict[str, Tensor]:
        """Return no metrics: only the loss is known."""
        return {}


class Loss(Term):
    """A custom loss function as a term, which can be added, scaled and scheduled.

    Args:
        function: from the module's output and the batch x to a scalar tensor.
        reduction: ``"sum"`` if it sums over the batch: it is divided by the batch size, so that the loss is in nats per
            example; ``"mean"`` if it averages over the batch.

    >>> import torch
    >>> squares = Loss(lambda output, x: ((output - x) ** 2).sum(), reduction="sum")
    >>> squares(Output(torch.zeros(4, 3), torch.ones(4, 3)), torch.tensor(0))
    tensor(3.)
    """

    def __init__(self, function: Callable[[Any, Tensor], Tensor], reduction: Literal["sum", "mean"] = "sum") -> None:
        super().__init__()
        if reduction not in ("sum", "mean"):
            raise ValueError(f"reduction says what the loss does over the batch: 'sum' or 'mean', not '{reduction}'")
        self.function, self.reduction = function, reduction

    def forward(self, draw: Any, step: Tensor) -> Tensor:
        value = self.function(draw.output, draw.x)
        if value.dim() != 0:
            raise ValueError(f"the loss function returned {tuple(value.shape)}, not a scalar: sum or average it")
        return value / len(draw.x) if self.reduction == "sum" else value

    def __repr__(self) -> str:
        return getattr(self.function, "__name__", "loss").strip("<>")
