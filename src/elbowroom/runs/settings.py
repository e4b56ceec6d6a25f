"""Settings of a run as a flat dictionary, and those in which several runs differ."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from typing import Any

from elbowroom.formatting import format_number
from elbowroom.runs.command import CALLBACK_FLAGS
from elbowroom.runs.metrics_log import MetricsRow

Settings = dict[str, Any]

#: The training settings that influence the result. The seed is apart, since figures are means over seeds.
TRAINING_SETTINGS = ("epochs", "steps", "batch_size", "lr", "optimizer", "accumulate", "precision", "on_nan")


def flatten_record(record: dict[str, Any]) -> Settings:
    """Return the settings of a record: its recipe's arguments, its training settings, its callbacks by their flags.

    Likelihood and data are left out, since they decide which runs may be compared at all.
    """
    arguments = {name: value for name, value in (record["arguments"] or {}).items() if name != "likelihood"}
    training = record["training"]
    settings: Settings = {"recipe": record["recipe"] or "its own"} | arguments
    settings |= {name: training.get(name) for name in TRAINING_SETTINGS}
    settings |= {flag.replace("-", "_"): None for flag, _, _ in CALLBACK_FLAGS.values()} | {"callbacks": []}
    for callback in training["callbacks"]:
        name, values = callback["name"], callback["arguments"]
        flag, argument, defaults = CALLBACK_FLAGS.get(name, ("", "", {}))
        if flag and values is not None and all(values.get(key, value) == value for key, value in defaults.items()):
            settings[flag.replace("-", "_")] = values[argument]
        else:
            words = ", ".join(f"{key}={value!r}" for key, value in (values or {}).items())
            settings["callbacks"].append(f"{name}({words})")
    return settings | {"objective": record.get("objective", "")}


def find_differing_settings(settings: Sequence[Settings]) -> list[str]:
    """Return the names of the settings with more than one value among the runs that have them, the recipe first.

    The objective is among them only if it differs between runs that are otherwise the same, since the arguments of a
    recipe change it too.

    >>> find_differing_settings([{"latent": 2, "lr": 1e-3}, {"latent": 5, "lr": 1e-3}])
    ['latent']
    """
    names = dict.fromkeys(name for one in settings for name in one)
    differing = [name for name in names if name != "objective" and _count_values(settings, name) > 1]
    objectives: dict[str, set[str]] = {}
    for one in settings:
        if "objective" in one:
            group = canonical_json({name: one.get(name) for name in differing})
            objectives.setdefault(group, set()).add(one["objective"])
    return differing + (["objective"] if any(len(group) > 1 for group in objectives.values()) else [])


def find_distinguishing_settings(settings: Sequence[Settings], differing: Sequence[str]) -> list[str]:
    """Return as few of the differing settings as distinguish the same runs: the recipe and switches before others.

    >>> deep, linear = {"latent": 2, "hidden": (400,), "linear": False}, {"latent": 2, "hidden": (), "linear": True}
    >>> find_distinguishing_settings([deep, linear, deep | {"latent": 5}], ["latent", "hidden", "linear"])
    ['latent', 'linear']
    """

    def count_groups(names: Sequence[str]) -> int:
        return len({canonical_json([one.get(name) for name in names]) for one in settings})

    switches = [name for name in differing if all(isinstance(one.get(name, False), bool) for one in settings)]
    selected: list[str] = []
    for name in sorted(differing, key=lambda name: (name != "recipe", name not in switches)):
        if count_groups([*selected, name]) > count_groups(selected):
            selected.append(name)
    return [name for name in differing if name in selected]


def find_shared_settings(settings: Sequence[Settings], differing: Iterable[str]) -> Settings:
    """Return the settings that do not differ, without those that are off (None or empty)."""
    names = dict.fromkeys(name for one in settings for name in one if name not in differing and name != "objective")
    shared = {name: next(one[name] for one in settings if name in one) for name in names}
    return {name: value for name, value in shared.items() if value is not None and value != []}


def _count_values(settings: Sequence[Settings], name: str) -> int:
    return len({canonical_json(one[name]) for one in settings if name in one})


def format_setting(value: Any) -> str:
    """Format the value of a setting for a reader.

    >>> format_setting([400, 200]), format_setting(()), format_setting(0.001), format_setting(True)
    ('400×200', 'none', '0.001', 'yes')
    >>> format_setting(None)
    '—'
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
    """Return the name of a setting in words.

    >>> setting_label("batch_size"), setting_label("lr")
    ('batch size', 'learning rate')
    """
    return {"lr": "learning rate", "kl_warmup": "KL warm-up", "k": "samples k"}.get(name, name.replace("_", " "))


def flat_settings(record: dict[str, Any]) -> dict[str, Any]:
    """Return all settings of a record: those of :func:`flatten_record`, likelihood, seed, and arguments of the data."""
    data = {name: value for name, value in (record["data"].get("arguments") or {}).items() if value is not None}
    arguments = record["arguments"] or {}
    likelihood = {name: arguments[name] for name in ("likelihood",) if name in arguments}
    run = flatten_record(record) | likelihood | {"seed": record["training"]["seed"], "data": record["data"].get("name")}
    return {f"data_{name}" if name in run else name: value for name, value in data.items() if name != "seed"} | run


def planned_length(record: dict[str, Any], recent_rows: Iterable[MetricsRow]) -> tuple[int | None, int | None]:
    """Return the epochs and steps that a training was started for, as far as they are known."""
    training, sizes = record.get("training", {}), record.get("data", {}).get("sizes")
    epochs, steps = training.get("epochs"), training.get("steps")
    size = sizes.get("train") if isinstance(sizes, dict) else None
    per_epoch: float | None = None
    if isinstance(size, int) and size > 0 and training["batch_size"] > 0:
        per_epoch = math.ceil(size / training["batch_size"])
    else:  # a stream: as many steps as the epochs so far had
        ends = [one for one in recent_rows if one.get("split") not in ("train", None) and one["epoch"] > 0]
        per_epoch = ends[-1]["step"] / ends[-1]["epoch"] if ends else None
    if steps is not None:
        return (math.ceil(steps / per_epoch) if per_epoch else epochs), steps
    return epochs, (round(epochs * per_epoch) if per_epoch and epochs is not None else None)


def canonical_json(settings: Any) -> str:
    """Return settings as JSON that is the same for equal ones, whatever their order, with lists or tuples."""
    return json.dumps(settings, sort_keys=True, default=repr)
