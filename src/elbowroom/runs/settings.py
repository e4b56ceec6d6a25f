"""What a run was asked for, as a flat list of settings; and which of several runs' settings differ."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

from elbowroom.formatting import format_number
from elbowroom.runs.command import CALLBACK_FLAGS
from elbowroom.runs.metrics_log import MetricsRow
from elbowroom.sweeps.grid import Settings, canonical_json

#: Of a record's training settings, those that decide what comes out. The seed is apart: figures are means over it.
TRAINING_SETTINGS = ("epochs", "steps", "batch_size", "lr", "optimizer", "accumulate", "precision", "on_nan")


def flatten_record(record: dict[str, Any]) -> Settings:
    """The settings of a ``recipe.json``: the recipe's arguments, the training's, the callbacks' by their flags.

    The likelihood is left out, since it decides with what a run may be compared at all; so is the data.
    """
    arguments = {name: value for name, value in (record["arguments"] or {}).items() if name != "likelihood"}
    training = record["training"]
    found: Settings = {"recipe": record["recipe"] or "its own"} | arguments
    found |= {name: training.get(name) for name in TRAINING_SETTINGS}
    found |= {flag.replace("-", "_"): None for flag, _, _ in CALLBACK_FLAGS.values()} | {"callbacks": []}
    for callback in training["callbacks"]:
        name, given = callback["name"], callback["arguments"]
        flag, argument, usual = CALLBACK_FLAGS.get(name, ("", "", {}))
        if flag and given is not None and all(given.get(key, value) == value for key, value in usual.items()):
            found[flag.replace("-", "_")] = given[argument]
        else:
            words = ", ".join(f"{key}={value!r}" for key, value in (given or {}).items())
            found["callbacks"].append(f"{name}({words})")
    return found | {"objective": record.get("objective", "")}


def find_differing_settings(settings: Sequence[Settings]) -> list[str]:
    """The settings with more than one value among those that have them, the recipe first.

    What a recipe's arguments make of the objective is not told again: it is named where nothing else differs.

    >>> find_differing_settings([{"recipe": "vae", "latent": 2, "lr": 0.001}, {"recipe": "vae", "latent": 5, "lr": 0.001}])
    ['latent']
    """
    names = dict.fromkeys(name for one in settings for name in one)
    found = [name for name in names if name != "objective" and _count_values(settings, name) > 1]
    alike: dict[str, set[str]] = {}
    for one in settings:
        if "objective" in one:
            alike.setdefault(canonical_json({name: one.get(name) for name in found}), set()).add(one["objective"])
    return found + (["objective"] if any(len(objectives) > 1 for objectives in alike.values()) else [])


def find_distinguishing_settings(settings: Sequence[Settings], differing: Sequence[str]) -> list[str]:
    """As few of the settings that differ as tell apart what all of them do: the recipe and switches before others.

    >>> deep, linear = {"latent": 2, "hidden": (400,), "linear": False}, {"latent": 2, "hidden": (), "linear": True}
    >>> find_distinguishing_settings([deep, linear, deep | {"latent": 5}], ["latent", "hidden", "linear"])
    ['latent', 'linear']
    """

    def apart(names: Sequence[str]) -> int:
        return len({canonical_json([one.get(name) for name in names]) for one in settings})

    switches = [name for name in differing if all(isinstance(one.get(name, False), bool) for one in settings)]
    found: list[str] = []
    for name in sorted(differing, key=lambda name: (name != "recipe", name not in switches)):
        if apart([*found, name]) > apart(found):
            found.append(name)
    return [name for name in differing if name in found]


def find_shared_settings(settings: Sequence[Settings], differing: Iterable[str]) -> Settings:
    """The settings that all have who have them at all, those that are off left out."""
    left = dict.fromkeys(name for one in settings for name in one if name not in differing and name != "objective")
    found = {name: next(one[name] for one in settings if name in one) for name in left}
    return {name: value for name, value in found.items() if value is not None and value != []}


def _count_values(settings: Sequence[Settings], name: str) -> int:
    return len({canonical_json(one[name]) for one in settings if name in one})


def format_setting(value: Any) -> str:
    """A setting as a reader meets it.

    >>> format_setting([400, 200]), format_setting(()), format_setting(0.001), format_setting(True), format_setting(None)
    ('400×200', 'none', '0.001', 'yes', '—')
    """
    if value is None:
        return "—"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ("; " if any(isinstance(item, str) for item in value) else "×").join(
            map(format_setting, value)
        ) or "none"
    return format_number(value) if isinstance(value, float) else str(value)


def setting_label(name: str) -> str:
    """A setting's name in words.

    >>> setting_label("batch_size"), setting_label("lr")
    ('batch size', 'learning rate')
    """
    return {"lr": "learning rate", "kl_warmup": "KL warm-up", "k": "samples k"}.get(name, name.replace("_", " "))


def flat_settings(record: dict[str, Any]) -> dict[str, Any]:
    """Flat settings: the recipe's arguments, the training's, the data's."""
    from elbowroom.runs.settings import flatten_record

    data = {name: value for name, value in (record["data"].get("arguments") or {}).items() if value is not None}
    arguments = record["arguments"] or {}
    likelihood = {name: arguments[name] for name in ("likelihood",) if name in arguments}
    own = flatten_record(record) | likelihood | {"seed": record["training"]["seed"], "data": record["data"].get("name")}
    return {f"data_{name}" if name in own else name: value for name, value in data.items() if name != "seed"} | own


def planned_length(record: dict[str, Any], recent_rows: Iterable[MetricsRow]) -> tuple[int | None, int | None]:
    """Epochs and steps that it was asked for, where they are known."""
    training, sizes = record.get("training", {}), record.get("data", {}).get("sizes")
    epochs, steps = training.get("epochs"), training.get("steps")
    size = sizes.get("train") if isinstance(sizes, dict) else None
    per_epoch: float | None = None
    if isinstance(size, int) and size > 0 and training["batch_size"] > 0:
        per_epoch = math.ceil(size / training["batch_size"])
    else:  # a stream: as many as the epochs so far had
        ends = [one for one in recent_rows if one.get("split") not in ("train", None) and one["epoch"] > 0]
        per_epoch = ends[-1]["step"] / ends[-1]["epoch"] if ends else None
    if steps is not None:
        return (math.ceil(steps / per_epoch) if per_epoch else epochs), steps
    return epochs, (round(epochs * per_epoch) if per_epoch and epochs is not None else None)
