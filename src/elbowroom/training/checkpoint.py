"""Checkpoints: the whole state of a training, random states included, in one file named by its content hash."""

from __future__ import annotations

import json
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from elbowroom import distributed, serialization
from elbowroom.runs.run import Run
from elbowroom.training.callback import Callback
from elbowroom.training.state import EPOCH_RNG, MODEL, OBJECTIVE, OPTIMIZERS, RUN, STEP, State

#: Checkpoints kept: the last, and the one before in case the last is damaged.
MAX_CHECKPOINTS = 2


def save(state: State, callbacks: Sequence[Callback]) -> None:
    """Write model, objective, optimisers, callbacks, all processes' random states and the step; delete the oldest.

    Where several processes train together all of them call this, and the main process writes.

    Raises:
        OSError: it cannot be written; the checkpoint before is still there.
    """
    rng_states = distributed.all_gather_object(rng_state())
    if not distributed.is_main_process():
        return
    run = state[RUN]
    tensors = serialization.named_tensors(state[MODEL], "model.") | serialization.named_tensors(
        state[OBJECTIVE], "objective."
    )
    tensors |= {f"rng.{rank}.{device}": t for rank, states in enumerate(rng_states) for device, t in states.items()}
    tensors |= {f"epoch.{device}": t for device, t in state[EPOCH_RNG].items()}
    metadata: dict[str, Any] = {"step": state[STEP], "rates": {}, "callbacks": {}}
    for player, optimizer in state[OPTIMIZERS].items():
        saved = optimizer.state_dict()
        metadata["rates"][player] = [{k: v for k, v in g.items() if k != "params"} for g in saved["param_groups"]]
        for i, values in saved["state"].items():
            tensors |= {f"optimizer.{player}.{i}.{k}": torch.as_tensor(v) for k, v in values.items() if v is not None}
    for i, callback in enumerate(callbacks):
        values = callback.state_dict()
        tensors |= {f"callback.{i}.{k}": v for k, v in values.items() if isinstance(v, Tensor)}
        metadata["callbacks"][str(i)] = {k: v for k, v in values.items() if not isinstance(v, Tensor)}
    header = {"about": json.dumps(metadata, default=float)}
    # After a power failure a checkpoint must not know of better weights than there are.
    serialization.flush(run.best_weights)
    serialization.save_hashed(run.checkpoints, f"{state[STEP]:012d}", tensors, header)
    for old in list_checkpoints(run)[MAX_CHECKPOINTS:]:
        old.unlink(missing_ok=True)


def list_checkpoints(run: Run) -> list[Path]:
    """Return the checkpoints of a run, the newest first."""
    return sorted(run.checkpoints.glob("[0-9]*-*.safetensors"), reverse=True)


def load(state: State, callbacks: Sequence[Callback]) -> None:
    """Restore everything that :func:`save` wrote, from the newest checkpoint that is not damaged.

    Raises:
        ValueError: all are damaged, or they are of another model.
    """
    for path in list_checkpoints(state[RUN]):
        try:
            tensors, header = serialization.read_hashed(path)
        except ValueError as error:
            warnings.warn(f"{error}; going back to the checkpoint before", stacklevel=2)
            continue
        _restore(state, callbacks, path, tensors, json.loads(header["about"]))
        return
    raise ValueError(f"no checkpoint in {state[RUN].checkpoints} is whole: train the run again")


def _restore(
    state: State, callbacks: Sequence[Callback], path: Path, tensors: dict[str, Tensor], metadata: dict[str, Any]
) -> None:
    serialization.load_into(state[MODEL], tensors, path, "model.")
    serialization.load_into(state[OBJECTIVE], tensors, path, "objective.")
    for player, optimizer in state[OPTIMIZERS].items():
        moments: dict[int, dict[str, Tensor]] = {}
        for name, tensor in _strip_prefix(f"optimizer.{player}.", tensors).items():
            number, key = name.split(".", 1)
            moments.setdefault(int(number), {})[key] = tensor
        groups = optimizer.state_dict()["param_groups"]
        groups = [
            group | _restore_settings(group, saved)
            for group, saved in zip(groups, metadata["rates"][player], strict=True)
        ]
        optimizer.load_state_dict({"state": moments, "param_groups": groups})
    for i, callback in enumerate(callbacks):
        callback.load_state_dict(_strip_prefix(f"callback.{i}.", tensors) | metadata["callbacks"].get(str(i), {}))
    # A rank that did not exist when this was written keeps the random state that it was started with.
    if states := _strip_prefix(f"rng.{distributed.rank()}.", tensors):
        restore_rng(states)
    state[EPOCH_RNG] = _strip_prefix("epoch.", tensors)
    state[STEP] = int(metadata["step"])


def _strip_prefix(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): t for name, t in tensors.items() if name.startswith(prefix)}


def _restore_settings(group: dict[str, Any], saved: dict[str, Any]) -> dict[str, Any]:
    """Return settings read from JSON in the optimiser's types: tuples, and rates that are tensors on the device."""
    restored: dict[str, Any] = {}
    for key, value in saved.items():
        current = group.get(key)
        if isinstance(current, Tensor):
            restored[key] = torch.full_like(current, value)
        else:
            restored[key] = tuple(value) if isinstance(value, list) else value
    return restored


def rng_state() -> dict[str, Tensor]:
    """Return the state of every device's random generator, by device."""
    states = {"cpu": torch.get_rng_state()}
    if torch.cuda.is_available():
        states["cuda"] = torch.cuda.get_rng_state()
    if torch.backends.mps.is_available():
        states["mps"] = torch.mps.get_rng_state()
    return states


def restore_rng(states: dict[str, Tensor]) -> None:
    """Set the state of every device's random generator; devices that this machine lacks are left out."""
    torch.set_rng_state(states["cpu"])
    if "cuda" in states and torch.cuda.is_available():
        torch.cuda.set_rng_state(states["cuda"])
    if "mps" in states and torch.backends.mps.is_available():
        torch.mps.set_rng_state(states["mps"])
