"""The whole state of a training in one file."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from elbowroom import weights
from elbowroom.training.state import MODEL, OBJECTIVE, OPTIMIZERS, STEP, State


def save(path: Path, state: State) -> None:
    """Write model, objective, optimisers, random streams and the step."""
    tensors = weights.of(state[MODEL], "model.") | weights.of(state[OBJECTIVE], "objective.")
    tensors["rng.cpu"] = torch.get_rng_state()
    if torch.cuda.is_available():
        tensors["rng.cuda"] = torch.cuda.get_rng_state()
    for player, optimizer in state[OPTIMIZERS].items():
        for i, values in optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer.{player}.{i}.{k}": torch.as_tensor(v) for k, v in values.items() if v is not None}
    weights.save(path, tensors, {"step": str(state[STEP])})


def load(path: Path, state: State) -> None:
    """Put everything back where :func:`save` found it.

    Raises:
        ValueError: the file is missing, damaged or another model's.
    """
    tensors, about = weights.read(path)
    weights.fill(state[MODEL], tensors, path, "model.")
    weights.fill(state[OBJECTIVE], tensors, path, "objective.")
    for player, optimizer in state[OPTIMIZERS].items():
        found: dict[int, dict[str, Tensor]] = {}
        prefix = f"optimizer.{player}."
        for name, tensor in tensors.items():
            if name.startswith(prefix):
                i, key = name.removeprefix(prefix).split(".", 1)
                found.setdefault(int(i), {})[key] = tensor
        optimizer.load_state_dict({"state": found, "param_groups": optimizer.state_dict()["param_groups"]})
    torch.set_rng_state(tensors["rng.cpu"])
    if "rng.cuda" in tensors and torch.cuda.is_available():
        torch.cuda.set_rng_state(tensors["rng.cuda"])
    state[STEP] = int(about["step"])
