"""Optimisers by name: parsing, checks, and the fused or capturable variants."""

from __future__ import annotations

import ast
import inspect
from typing import Any

import torch
from torch.optim import Optimizer

from elbowroom import errors
from elbowroom.objectives import Player
from elbowroom.training.capture.cuda_graph import capturable_arguments

OPTIMIZERS: dict[str, type[Optimizer]] = {
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
    "adamax": torch.optim.Adamax,
    "nadam": torch.optim.NAdam,
    "radam": torch.optim.RAdam,
    "adagrad": torch.optim.Adagrad,
    "adadelta": torch.optim.Adadelta,
    "rmsprop": torch.optim.RMSprop,
    "sgd": torch.optim.SGD,
}

#: Devices on which torch has a fused optimiser: one kernel per step instead of one per tensor and operation.
FUSED_DEVICES = {"adam": ("cpu", "cuda"), "adamw": ("cpu", "cuda"), "sgd": ("cpu", "cuda"), "adagrad": ("cpu",)}


def make_optimizer(text: str, player: Player, lr: float, device: torch.device) -> Optimizer:
    """Return a player's optimiser: that of the run, with the settings that the player overrides.

    Args:
        text: a name in :data:`OPTIMIZERS`, with arguments if wanted: ``"sgd(momentum=0.9)"``.
        player: whose parameters it moves.
        lr: the run's learning rate.
        device: where the parameters are.

    Raises:
        ValueError: the name or an argument is unknown, or the rate is not above zero.
    """
    name, arguments = parse_optimizer(text)
    if not (lr > 0 and lr < float("inf")):
        raise ValueError(f"the learning rate must be above 0, got {lr}")
    parameters = inspect.signature(OPTIMIZERS[name]).parameters
    for argument in arguments:
        if argument not in parameters:
            raise errors.unknown_name(f"argument of {name}", argument, set(parameters) - {"params"})
    fused = {"fused": True} if device.type in FUSED_DEVICES.get(name, ()) else {}
    overrides = {key: value for key, value in player.optimizer.items() if key in parameters}
    settings = {"lr": lr} | fused | arguments | overrides
    capturable = capturable_arguments(OPTIMIZERS[name], device, settings["lr"])
    return OPTIMIZERS[name](player.parameters, **settings | capturable)


def parse_optimizer(text: str) -> tuple[str, dict[str, Any]]:
    """Split the text of an optimiser into its name and arguments.

    >>> parse_optimizer("sgd(momentum=0.9, nesterov=True)")
    ('sgd', {'momentum': 0.9, 'nesterov': True})
    """
    try:
        tree = ast.parse(text.strip(), mode="eval").body
        if isinstance(tree, ast.Call) and isinstance(tree.func, ast.Name) and not tree.args:
            name, arguments = tree.func.id, {str(k.arg): ast.literal_eval(k.value) for k in tree.keywords}
        else:
            name, arguments = text.strip(), {}
    except (SyntaxError, ValueError):
        raise ValueError(f"optimizer '{text}': write a name, or a name with arguments as 'sgd(momentum=0.9)'") from None
    if name not in OPTIMIZERS:
        raise errors.unknown_name("optimizer", name, OPTIMIZERS)
    return name, arguments
