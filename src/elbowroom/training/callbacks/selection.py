"""Knowing when it is enough."""

from __future__ import annotations

import math
from typing import Any

from elbowroom.training.callback import Callback
from elbowroom.training.state import METRICS, STOP, State


class EarlyStopping(Callback):
    """Stop when a figure of the validation split has not fallen for ``patience`` epochs.

    Args:
        patience: epochs to wait.
        metric: the figure, lower is better: ``"loss"``, ``"reconstruction"``, ...
        min_delta: how much it must fall to count, in its unit.

    Raises:
        ValueError: at the first validation, where there is no validation split or no such figure.
    """

    def __init__(self, patience: int = 10, metric: str = "loss", min_delta: float = 0.0) -> None:
        if patience < 1:
            raise ValueError(f"patience must be at least 1 epoch, got {patience}")
        self.patience, self.metric, self.min_delta = patience, metric, min_delta
        self._best, self._waited = math.inf, 0

    def validation(self, state: State) -> None:  # noqa: D102
        figures = state[METRICS].get("validation")
        if figures is None or self.metric not in figures:
            there = "there is no validation split" if figures is None else f"there is {', '.join(figures)}"
            raise ValueError(
                f"early stopping looks at the validation {self.metric}, but {there}: hold some out, or watch it"
            )
        value = figures[self.metric]
        self._waited = 0 if value < self._best - self.min_delta else self._waited + 1
        self._best = min(self._best, value)
        if self._waited >= self.patience:
            state[STOP] = f"no better validation {self.metric} for {self.patience} epochs"

    def state_dict(self) -> dict[str, Any]:  # noqa: D102
        return {"best": self._best, "waited": self._waited} if math.isfinite(self._best) else {}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:  # noqa: D102
        self._best, self._waited = state_dict.get("best", math.inf), state_dict.get("waited", 0)
