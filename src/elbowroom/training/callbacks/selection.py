"""Knowing when it is enough."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from elbowroom import distributed, serialization
from elbowroom.training.callback import Callback
from elbowroom.training.state import METRICS, MODEL, RUN, STEP, STOP, State


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

    def validation(self, state: State) -> None:
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

    def state_dict(self) -> dict[str, Any]:
        return {"best": self._best, "waited": self._waited} if math.isfinite(self._best) else {}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self._best, self._waited = state_dict.get("best", math.inf), state_dict.get("waited", 0)


class BestWeights(Callback):
    """Keep the weights with the lowest validation loss in ``checkpoints/best.safetensors``."""

    is_on_every_rank = False

    def __init__(self) -> None:
        self._best = math.inf

    def validation(self, state: State) -> None:
        loss = state[METRICS].get("validation", {}).get("loss", math.inf)
        if loss < self._best:
            self._best = loss
            serialization.save(
                state[RUN].best_weights,
                serialization.named_tensors(state[MODEL]),
                {"step": str(state[STEP]), "loss": str(loss)},
            )

    def state_dict(self) -> dict[str, float]:
        return {"best": self._best} if math.isfinite(self._best) else {}

    def load_state_dict(self, state_dict: dict[str, float]) -> None:
        self._best = state_dict.get("best", math.inf)


class EMA(Callback):
    r"""An exponential moving average of the weights, :math:`\bar\theta \leftarrow \gamma\bar\theta + (1-\gamma)\theta`.

    What is saved for use, and what the model holds in the end, is the average; the training itself, and the figures in
    the metrics, are those of the weights that descend. Polyak & Juditsky 1992, doi 10.1137/0330046.

    Args:
        decay: :math:`\gamma`; the first steps use the smaller (1 + t) / (10 + t), so that the start is soon forgotten.
    """

    def __init__(self, decay: float = 0.999) -> None:
        if not 0 < decay < 1:
            raise ValueError(f"the decay of averaged weights must lie between 0 and 1, got {decay}")
        self.decay, self._steps = decay, 0
        self._average: dict[str, Tensor] = {}

    @torch.no_grad()
    def step(self, state: State) -> None:
        current = serialization.named_tensors(state[MODEL])
        self._average = self._average or {name: t.clone() for name, t in current.items()}
        decay = min(self.decay, (1 + self._steps) / (10 + self._steps))
        for name, tensor in current.items():
            if tensor.is_floating_point():
                self._average[name].lerp_(tensor, 1 - decay)
        self._steps += 1

    def checkpoint(self, state: State) -> None:
        if self._average and distributed.is_main_process():
            serialization.save(state[RUN].weights, self._average)

    def end(self, state: State) -> None:
        if self._average:
            serialization.load_into(state[MODEL], self._average, state[RUN].weights)

    def state_dict(self) -> dict[str, Tensor | int]:
        return {"steps": self._steps, **self._average}

    def load_state_dict(self, state_dict: dict[str, Tensor | int]) -> None:
        self._steps = int(state_dict.pop("steps", 0))
        self._average = {name: t for name, t in state_dict.items() if isinstance(t, Tensor)}
