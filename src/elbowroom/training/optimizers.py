"""Optimisers by name."""

from __future__ import annotations

from typing import Any

import torch
from torch.optim import Optimizer

from elbowroom import advice
from elbowroom.objectives import Player

OPTIMIZERS: dict[str, type[Optimizer]] = {
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
    "adagrad": torch.optim.Adagrad,
    "rmsprop": torch.optim.RMSprop,
    "sgd": torch.optim.SGD,
}

_FUSED = ("adam", "adamw", "adagrad", "sgd")


def optimizer(name: str, player: Player, lr: float, device: torch.device) -> Optimizer:
    """This player's optimiser: the run's, unless the player wants otherwise.

    Raises:
        ValueError: the name is unknown, or the rate is not above zero.
    """
    if name not in OPTIMIZERS:
        raise advice.unknown("optimizer", name, OPTIMIZERS)
    if not lr > 0:
        raise ValueError(f"the learning rate must be above 0, got {lr}")
    # One kernel per step instead of one per tensor and operation, where torch has it for the device.
    fused = name in _FUSED and device.type in (("cpu", "cuda") if name != "adagrad" else ("cpu",))
    settings: dict[str, Any] = {"lr": lr} | ({"fused": True} if fused else {})
    takes = OPTIMIZERS[name].__init__.__code__.co_varnames
    own = {key: value for key, value in player.optimizer.items() if key in takes}
    return OPTIMIZERS[name](player.parameters, **settings | own)
