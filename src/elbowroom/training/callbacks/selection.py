"""Callbacks on which weights are kept: early stopping, best weights, exponential moving average."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from elbowroom import errors, serialization
from elbowroom.deprecation import CALLBACK_ARGUMENTS, renamed_arguments
from elbowroom.training.callback import Callback
from elbowroom.training.final_weights import weights_for_use
from elbowroom.training.state import AVERAGE, EPOCH, METRICS, MODEL, RUN, STOP, State


class EarlyStopping(Callback):
    """Early stopping when a validation metric has not fallen for ``patience`` epochs; it ends with the best weights.

    Args:
        patience: epochs to wait.
        metric: its name, lower is better: ``"loss"``, ``"reconstruction"``, ...
        min_delta: the least decrease that counts, in the unit of the metric.

    Raises:
        ValueError: fewer than one epoch; at the first validation, there is no validation split or no such metric.
    """

    @renamed_arguments(CALLBACK_ARGUMENTS["EarlyStopping"])
    def __init__(self, patience: int = 10, metric: str = "loss", min_delta: float = 0.0) -> None:
        if patience < 1:
            raise ValueError(f"patience must be at least 1 epoch, got {patience}")
        self.patience, self.metric, self.min_delta = patience, metric, min_delta
        self._best, self._waited = math.inf, 0
        self._epoch: int | None = None

    def validation(self, state: State) -> None:
        metrics = state[METRICS].get("validation")
        if metrics is None:
            raise ValueError(
                f"early stopping needs the validation {self.metric}, but there is no validation split: "
                "hold some examples out, or watch it"
            )
        if self.metric not in metrics:
            raise errors.unknown_name("validation metric for early stopping", self.metric, metrics)
        value = metrics[self.metric]
        # Checkpoints of version 0.1 lack the epoch; every epoch was validated then.
        n_epochs = 1 if self._epoch is None else state[EPOCH] - self._epoch
        self._waited = 0 if value < self._best - self.min_delta else self._waited + n_epochs
        self._best, self._epoch = min(self._best, value), state[EPOCH]
        if self._waited >= self.patience:
            state[STOP] = f"no better validation {self.metric} for {self.patience} epochs"

    def state_dict(self) -> dict[str, Any]:
        state = {"best": self._best, "waited": self._waited, "epoch": self._epoch}
        return state if math.isfinite(self._best) else {}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self._best, self._waited = state_dict.get("best", math.inf), state_dict.get("waited", 0)
        self._epoch = state_dict.get("epoch")


class BestWeights(Callback):
    """Save the weights with the lowest validation metric so far to ``checkpoints/best.safetensors``.

    Where a moving average of the weights is kept, its value at that step is saved.

    Args:
        metric: its name, lower is better: that of early stopping, or the loss.
    """

    is_on_every_rank = False

    def __init__(self, metric: str = "loss") -> None:
        self.metric, self._best = metric, math.inf

    def validation(self, state: State) -> None:
        value = state[METRICS].get("validation", {}).get(self.metric, math.inf)
        if value < self._best:
            self._best = value
            tensors, about = weights_for_use(state)
            about |= {"kind": "best", "metric": self.metric, self.metric: str(value)}
            serialization.save(state[RUN].best_weights, tensors, about)

    def state_dict(self) -> dict[str, Any]:
        return {"best": self._best, "metric": self.metric} if math.isfinite(self._best) else {}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        # Values of two metrics are not compared; older checkpoints have that of the loss.
        if state_dict.get("metric", "loss") == self.metric:
            self._best = state_dict.get("best", math.inf)


class EMA(Callback):
    r"""An exponential moving average of the weights, :math:`\bar\theta \leftarrow \gamma\bar\theta + (1-\gamma)\theta`.

    The weights saved for use, and those of the model at the end, are the average; the training and its metrics are
    those of the weights that the optimiser updates. Polyak & Juditsky 1992, doi 10.1137/0330046.

    Args:
        decay: :math:`\gamma`; the first steps use the smaller (1 + t) / (10 + t), to forget the initial weights soon.
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
        state[AVERAGE] = self._average

    def start(self, state: State) -> None:
        if self._average:
            state[AVERAGE] = self._average

    def state_dict(self) -> dict[str, Tensor | int]:
        return {"steps": self._steps, **self._average}

    def load_state_dict(self, state_dict: dict[str, Tensor | int]) -> None:
        self._steps = int(state_dict.pop("steps", 0))
        self._average = {name: t for name, t in state_dict.items() if isinstance(t, Tensor)}
