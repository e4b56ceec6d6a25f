"""The whole state of a training in one file, whose name holds the hash of what is in it."""

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
from elbowroom.training import checkpoint
from elbowroom.training.callback import Callback
from elbowroom.training.state import EPOCH_RNG, MODEL, OBJECTIVE, OPTIMIZERS, RUN, STEP, State

#: How many are kept: the last, and the one before in case the last is damaged.
MAX_CHECKPOINTS = 2


def save(state: State, callbacks: Sequence[Callback]) -> None:
    """Write model, objective, optimisers, callbacks, everybody's random streams and the step; then forget the oldest.

    Where several processes train together all of them call this, and the first writes.

    Raises:
        OSError: it cannot be written; the last one that could is still there.
    """
    everybodys = distributed.all_gather_object(checkpoint.rng_state())
    if not distributed.is_main_process():
        return
    run = state[RUN]
    tensors = serialization.named_tensors(state[MODEL], "model.") | serialization.named_tensors(
        state[OBJECTIVE], "objective."
    )
    tensors |= {f"rng.{i}.{device}": t for i, held in enumerate(everybodys) for device, t in held.items()}
    tensors |= {f"epoch.{device}": stream for device, stream in state[EPOCH_RNG].items()}
    about: dict[str, Any] = {"step": state[STEP], "rates": {}, "callbacks": {}}
    for player, optimizer in state[OPTIMIZERS].items():
        held = optimizer.state_dict()
        about["rates"][player] = [{k: v for k, v in g.items() if k != "params"} for g in held["param_groups"]]
        for i, values in held["state"].items():
            tensors |= {f"optimizer.{player}.{i}.{k}": torch.as_tensor(v) for k, v in values.items() if v is not None}
    for i, callback in enumerate(callbacks):
        remembered = callback.state_dict()
        tensors |= {f"callback.{i}.{k}": v for k, v in remembered.items() if isinstance(v, Tensor)}
        about["callbacks"][str(i)] = {k: v for k, v in remembered.items() if not isinstance(v, Tensor)}
    written = {"about": json.dumps(about, default=float)}
    serialization.save_hashed(run.checkpoints, f"{state[STEP]:012d}", tensors, written)
    for old in list_checkpoints(run)[MAX_CHECKPOINTS:]:
        old.unlink(missing_ok=True)


def list_checkpoints(run: Run) -> list[Path]:
    """The checkpoints of a run, the newest first."""
    return sorted(run.checkpoints.glob("[0-9]*-*.safetensors"), reverse=True)


def load(state: State, callbacks: Sequence[Callback]) -> None:
    """Put everything back where :func:`save` found it, from the newest checkpoint that is whole.

    Raises:
        ValueError: none is whole, or they are another model's.
    """
    for path in list_checkpoints(state[RUN]):
        try:
            tensors, written = serialization.read_hashed(path)
        except ValueError as damage:
            warnings.warn(f"{damage}; going back to the checkpoint before", stacklevel=2)
            continue
        _restore(state, callbacks, path, tensors, json.loads(written["about"]))
        return
    raise ValueError(f"no checkpoint in {state[RUN].checkpoints} is whole: train the run again")


def _restore(
    state: State, callbacks: Sequence[Callback], path: Path, tensors: dict[str, Tensor], metadata: dict[str, Any]
) -> None:
    serialization.load_into(state[MODEL], tensors, path, "model.")
    serialization.load_into(state[OBJECTIVE], tensors, path, "objective.")
    for player, optimizer in state[OPTIMIZERS].items():
        found: dict[int, dict[str, Tensor]] = {}
        for name, tensor in _strip_prefix(f"optimizer.{player}.", tensors).items():
            number, key = name.split(".", 1)
            found.setdefault(int(number), {})[key] = tensor
        groups = optimizer.state_dict()["param_groups"]
        groups = [
            group | _restore_settings(group, then)
            for group, then in zip(groups, metadata["rates"][player], strict=True)
        ]
        optimizer.load_state_dict({"state": found, "param_groups": groups})
    for i, callback in enumerate(callbacks):
        callback.load_state_dict(_strip_prefix(f"callback.{i}.", tensors) | metadata["callbacks"].get(str(i), {}))
    # A process that was not there when this was written keeps the streams that it was started with.
    if mine := _strip_prefix(f"rng.{distributed.rank()}.", tensors):
        checkpoint.restore_rng(mine)
    state[EPOCH_RNG] = _strip_prefix("epoch.", tensors)
    state[STEP] = int(metadata["step"])


def _strip_prefix(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): t for name, t in tensors.items() if name.startswith(prefix)}


def _restore_settings(group: dict[str, Any], saved: dict[str, Any]) -> dict[str, Any]:
    """Settings read from JSON as the optimiser holds them: tuples, and rates that lie on the device."""
    kept: dict[str, Any] = {}
    for key, value in saved.items():
        now = group.get(key)
        if isinstance(now, Tensor):
            kept[key] = torch.full_like(now, value)
        else:
            kept[key] = tuple(value) if isinstance(value, list) else value
    return kept


def rng_state() -> dict[str, Tensor]:
    """The state of every device's generator."""
    streams = {"cpu": torch.get_rng_state()}
    if torch.cuda.is_available():
        streams["cuda"] = torch.cuda.get_rng_state()
    if torch.backends.mps.is_available():
        streams["mps"] = torch.mps.get_rng_state()
    return streams


def restore_rng(streams: dict[str, Tensor]) -> None:
    """Put the generators back; a device that is not here any more is left out."""
    torch.set_rng_state(streams["cpu"])
    if "cuda" in streams and torch.cuda.is_available():
        torch.cuda.set_rng_state(streams["cuda"])
    if "mps" in streams and torch.backends.mps.is_available():
        torch.mps.set_rng_state(streams["mps"])
