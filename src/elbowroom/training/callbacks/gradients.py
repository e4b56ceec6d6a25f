"""Between backward and step."""

from __future__ import annotations

import torch

from elbowroom.training.hooks import Callback
from elbowroom.training.state import OPTIMIZERS, State


class Clip(Callback):
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
