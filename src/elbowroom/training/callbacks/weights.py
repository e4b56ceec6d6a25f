"""Averaged weights."""

from __future__ import annotations

import torch
from torch import Tensor

from elbowroom import distributed, serialization
from elbowroom.training.callback import Callback
from elbowroom.training.state import MODEL, RUN, State


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
    def step(self, state: State) -> None:  # noqa: D102
        current = serialization.named_tensors(state[MODEL])
        self._average = self._average or {name: t.clone() for name, t in current.items()}
        decay = min(self.decay, (1 + self._steps) / (10 + self._steps))
        for name, tensor in current.items():
            if tensor.is_floating_point():
                self._average[name].lerp_(tensor, 1 - decay)
        self._steps += 1

    def checkpoint(self, state: State) -> None:  # noqa: D102
        if self._average and distributed.is_main_process():
            serialization.save(state[RUN].weights, self._average)

    def end(self, state: State) -> None:  # noqa: D102
        if self._average:
            serialization.load_into(state[MODEL], self._average, state[RUN].weights)

    def state_dict(self) -> dict[str, Tensor | int]:  # noqa: D102
        return {"steps": self._steps, **self._average}

    def load_state_dict(self, state_dict: dict[str, Tensor | int]) -> None:  # noqa: D102
        self._steps = int(state_dict.pop("steps", 0))
        self._average = {name: t for name, t in state_dict.items() if isinstance(t, Tensor)}
