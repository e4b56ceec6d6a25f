"""Final weights: which weights a training saves for use and ends with: the last, their moving average, or the best."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from elbowroom import distributed, serialization
from elbowroom.runs.run import Run
from elbowroom.training.interrupts import SIGNAL_REASONS
from elbowroom.training.state import AVERAGE, EPOCH, MODEL, RUN, STEP, STOP, State


def weights_for_use(state: State) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Return the weights that are saved for use now, by name, with what they are: the moving average, if any."""
    kind = "average" if AVERAGE in state else "last"
    tensors = state[AVERAGE] if AVERAGE in state else serialization.named_tensors(state[MODEL])
    return tensors, {"kind": kind, "step": str(state[STEP]), "epoch": str(state[EPOCH])}


def save_weights(state: State) -> None:
    """Write the weights for use into the run."""
    if distributed.is_main_process():
        serialization.save(state[RUN].weights, *weights_for_use(state))


def use_final_weights(state: State, settings: dict[str, Any]) -> dict[str, Any]:
    """Give the model the weights that the training ends with, save them, and return what they are, for the record.

    They are the best ones if the settings say so or there is early stopping, unless a signal interrupted the training,
    which goes on later.
    """
    run: Run = state[RUN]
    is_best = ends_with_best(settings) and state[STOP] not in SIGNAL_REASONS
    if distributed.broadcast_object(is_best and run.best_weights.is_file()):
        best = serialization.read(run.best_weights) if distributed.is_main_process() else ({}, {})
        tensors, about = distributed.broadcast_object(best)
        about = {"kind": "best"} | about
    else:
        tensors, about = weights_for_use(state)
    if about["kind"] != "last":
        serialization.load_into(state[MODEL], tensors, run.weights)
    if distributed.is_main_process():
        serialization.save(run.weights, tensors, about)
    return {key: _parse(value) for key, value in about.items()}


def ends_with_best(settings: dict[str, Any]) -> bool:
    """Whether a training with these settings ends with its best weights."""
    if settings["final_weights"] is None:
        return any(callback["name"] == "EarlyStopping" for callback in settings["callbacks"])
    return bool(settings["final_weights"] == "best")


def _parse(value: str) -> Any:
    """Return a value of a file's metadata, which are texts, as a number where it is one."""
    for kind in (int, float):
        try:
            return kind(value)
        except ValueError:
            continue
    return value
