"""Between backward and step."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from elbowroom.training.callback import Callback
from elbowroom.training.state import EPOCH, OPTIMIZERS, RUN, STEP, State


class GradientClipping(Callback):
    """Scale each player's gradient down to a norm of at most ``norm``.

    Args:
        norm: the largest Euclidean norm over all of a player's parameters.
    """

    def __init__(self, norm: float) -> None:
        if not norm > 0:
            raise ValueError(f"the norm to clip gradients to must be above 0, got {norm}")
        self.norm = norm

    def backward(self, state: State) -> None:  # noqa: D102
        for optimizer in state[OPTIMIZERS].values():
            for group in optimizer.param_groups:
                torch.nn.utils.clip_grad_norm_(group["params"], self.norm)


class SkipStep(Callback):
    """Leave a player's step out where its gradient is longer than ``norm``, or no number; how often is on record.

    For deep hierarchies, whose gradients are now and then a hundred times as long as usual: Child 2021, arXiv
    2011.10650. An epoch that left out steps has an event ``skipped`` in the metrics, with their number.

    Args:
        norm: the largest Euclidean norm over all of a player's parameters with which a step is taken.
    """

    def __init__(self, norm: float) -> None:
        if not norm > 0:
            raise ValueError(f"the norm above which steps are left out must be above 0, got {norm}")
        self.norm = norm
        self._skipped = 0

    def backward(self, state: State) -> None:  # noqa: D102
        for optimizer in state[OPTIMIZERS].values():
            parameters = [p for group in optimizer.param_groups for p in group["params"] if p.grad is not None]
            if not _global_norm([p.grad for p in parameters]) <= self.norm:
                self._skipped += 1
                for parameter in parameters:
                    parameter.grad = None

    def epoch(self, state: State) -> None:  # noqa: D102
        if self._skipped:
            row = {"event": "skipped", "step": state[STEP], "epoch": state[EPOCH], "steps": self._skipped}
            state[RUN].log(row)
        self._skipped = 0

    def state_dict(self) -> dict[str, Any]:  # noqa: D102
        return {"skipped": self._skipped}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:  # noqa: D102
        self._skipped = int(state_dict.get("skipped", 0))


def _global_norm(gradients: list[Tensor]) -> Tensor:
    return torch.stack([gradient.norm() for gradient in gradients]).norm()
