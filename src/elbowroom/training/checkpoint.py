"""Checkpoints: the whole state of a training, random states included, in one file named by its content hash."""

from __future__ import annotations

import json
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from elbowroom import distributed, serialization
from elbowroom.runs.run import Run
from elbowroom.training.callback import Callback
from elbowroom.training.freezing import named_parameters
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
        tensors |= {f"optimizer.{player}.{name}": t for name, t in _named_moments(state, optimizer).items()}
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
    return run.checkpoint_files


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
        moments = _match_moments(state, optimizer, _strip_prefix(f"optimizer.{player}.", tensors), path)
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


def _parameter_names(state: State, optimizer: Optimizer) -> list[str]:
    """Return the names of an optimiser's parameters, in its order."""
    names = {id(parameter): name for name, parameter in named_parameters(state[MODEL], state[OBJECTIVE]).items()}
    return [names[id(parameter)] for group in optimizer.param_groups for parameter in group["params"]]


def _named_moments(state: State, optimizer: Optimizer) -> dict[str, Tensor]:
    """Return an optimiser's state as ``PARAMETER.KEY`` to tensor: a parameter's index changes if others are frozen."""
    names = _parameter_names(state, optimizer)
    moments = optimizer.state_dict()["state"]
    return {
        f"{names[i]}.{key}": torch.as_tensor(value)
        for i, values in moments.items()
        for key, value in values.items()
        if value is not None
    }


def _match_moments(
    state: State, optimizer: Optimizer, stored: dict[str, Tensor], path: Path
) -> dict[int, dict[str, Tensor]]:
    """Return the stored state of an optimiser by the index of each parameter.

    Raises:
        ValueError: it is that of a parameter that does not train now, or that has another shape.
    """
    names = _parameter_names(state, optimizer)
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    _check_count(stored, len(parameters), path)
    moments: dict[int, dict[str, Tensor]] = {}
    for full_name, tensor in stored.items():
        name, _, key = full_name.rpartition(".")
        # Before version 0.3 parameters were stored by their index.
        index = int(name) if name.isdigit() else names.index(name) if name in names else None
        if index is None:
            raise ValueError(
                f"{path} holds the optimiser's state of '{name}', which does not train now: freeze what was frozen "
                "when the run was started"
            )
        if tensor.dim() and tensor.shape != parameters[index].shape:
            have, expected = tuple(tensor.shape), tuple(parameters[index].shape)
            raise ValueError(
                f"{path} holds an optimiser's state of {have} for '{names[index]}', which has {expected}: it is of "
                "another model, or other parameters were frozen"
            )
        moments.setdefault(index, {})[key] = tensor
    return moments


def _check_count(stored: dict[str, Tensor], n_parameters: int, path: Path) -> None:
    """Raise if a state by index, as before version 0.3, is of another number of parameters."""
    indices = {int(name) for full_name in stored if (name := full_name.rpartition(".")[0]).isdigit()}
    if indices and len(indices) != n_parameters:
        raise ValueError(
            f"{path} holds the optimiser's state of {len(indices)} parameters, where {n_parameters} train: freeze what "
            "was frozen then, and give resume(model=, objective=)"
        )


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
