"""The command line that repeats a run, out of its record."""

from __future__ import annotations

import shlex
from typing import Any, NamedTuple

import torch

from elbowroom.data.catalog.registry import CATALOG
from elbowroom.recipes import Recipe, find
from elbowroom.table_shape import TABLE_LIKELIHOOD

#: The flags of ``train`` that a record's training settings set, and what they are where the flag is left out.
TRAIN_DEFAULTS: dict[str, Any] = {
    "epochs": 10,
    "steps": None,
    "batch_size": 128,
    "lr": 1e-3,
    "optimizer": "adam",
    "seed": 0,
    "watch": ["validation", "test"],
    "precision": "float32",
    "accumulate": 1,
    "checkpoint_every": None,
    "on_nan": "stop",
}
#: The flags of ``train`` that say how data is loaded, likewise.
DATA_DEFAULTS: dict[str, Any] = {
    "binarise": "none",
    "dequantise": False,
    "only": None,
    "labelled": None,
    "label": None,
    "columns": None,
    "resize": None,
    "crop": None,
    "flip": False,
    "shift": 0,
    "skip_bad": False,
    "buffer": None,
}
#: The flag of a callback that has one: the argument it gives, which must be the only one that is not a default.
CALLBACK_FLAGS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "Rate": ("schedule", "shape", {}),
    "Clip": ("clip", "norm", {}),
    "Skip": ("skip", "norm", {}),
    "Average": ("average", "decay", {}),
    "Warmup": ("kl-warmup", "fraction", {"steps": None, "cycles": 1}),
    "FreeBits": ("free-bits", "nats", {}),
    "EarlyStopping": ("patience", "patience", {"of": "loss", "by": 0.0}),
}


class RepeatCommand(NamedTuple):
    """What repeats a run.

    Attributes:
        line: ready to be pasted; None where no command can.
        caveats: what it leaves out, in sentences.
    """

    line: str | None
    caveats: list[str]


def repeat_command(record: dict[str, Any]) -> RepeatCommand:
    """The command that repeats the run of this ``recipe.json``: what differs from the defaults.

    >>> data = {"name": "digits", "source": "digits", "arguments": {"binarise": "none", "seed": 0}}
    >>> settings = {"epochs": 20, "lr": 0.001, "seed": 0, "callbacks": []}
    >>> arguments = {"latent": 2, "hidden": [64, 32]}
    >>> told = {"recipe": "vae", "arguments": arguments, "data": data, "training": settings, "command": "elbowroom …"}
    >>> repeat_command(told).line
    'elbowroom train vae --data digits --latent 2 --hidden 64,32 --epochs 20'
    """
    if record["recipe"] is None:
        return RepeatCommand(None, ["The model was composed in Python, by no recipe: no command makes it again."])
    recipe, data, training = find(record["recipe"]), record["data"], record["training"]
    words, but = ["elbowroom", "train", record["recipe"]], list[str]()
    by_command = record.get("command") is not None
    if data.get("source") is None or data.get("arguments") is None:
        but.append(f"The data, {data.get('name')}, was given as a Python object: save it as .npy or .npz, and name it.")
        words += ["--data", "…"]
    else:
        words += ["--data", data["source"]]
        words += _data_flags(data["source"], data["arguments"])
        but += [] if by_command else _data_caveats(data["source"], data["arguments"], training["seed"])
    words += _recipe_flags(recipe, _recipe_arguments(record))
    words += [
        word for name, usual in TRAIN_DEFAULTS.items() for word in _format_flag(name, training.get(name, usual), usual)
    ]
    for callback in training["callbacks"]:
        words += _callback_flags(callback, but)
    if (own := _replaced_objective(record)) is not None:
        but.append(f"The objective was composed in Python: {record['objective']}, where the recipe's is {own}.")
    if not by_command:
        but.append("It was made in Python: the weights it began with depend on the seed set before the model was made.")
    return RepeatCommand(shlex.join(words).replace("'…'", "…"), but)


def _replaced_objective(record: dict[str, Any]) -> str | None:
    """The recipe's objective, where the run had another."""
    if "objective" not in record:
        return None
    with torch.random.fork_rng(devices=[]):
        _, objective = find(record["recipe"])(tuple(record["shape"]), **record["arguments"])
    return None if repr(objective) == record["objective"] else repr(objective)


def _recipe_arguments(record: dict[str, Any]) -> dict[str, Any]:
    """The recipe's arguments; the likelihood of a table's own columns needs no asking."""
    arguments = record["arguments"]
    own = "columns" in record["data"] and str(arguments.get("likelihood")).startswith(f"{TABLE_LIKELIHOOD}:")
    return {name: value for name, value in arguments.items() if not (own and name == "likelihood")}


def _recipe_flags(recipe: Recipe, arguments: dict[str, Any]) -> list[str]:
    words = []
    for name, value in arguments.items():
        field = recipe.arguments.get(name)
        usual = None if field is None or field.is_required else field.default
        words += _format_flag(name, tuple(value) if isinstance(value, list) else value, usual)
    return words


def _data_flags(source: str, arguments: dict[str, Any]) -> list[str]:
    given = arguments | {"skip_bad": arguments.get("bad_pictures") == "skip"}
    words = [
        word for name, usual in DATA_DEFAULTS.items() for word in _format_flag(name, given.get(name, usual), usual)
    ]
    if arguments.get("validation") is not None:
        words += _format_flag("validation", arguments["validation"], _default_split_sizes(source)[0])
    return words


def _data_caveats(source: str, arguments: dict[str, Any], seed: int) -> list[str]:
    """What was done to the data in Python, and cannot be on the command line."""
    but = []
    if arguments.get("test") not in (None, _default_split_sizes(source)[1]):
        but.append(f"The test split was set in Python (test={arguments['test']}), for which there is no flag.")
    if arguments.get("seed", seed) != seed:
        but.append(
            f"The data was split with seed {arguments['seed']}, the training ran with {seed}; a command has one."
        )
    return but


def _default_split_sizes(source: str) -> tuple[float | int, float | int]:
    """How much of its training examples a source gives to validation and test, if not told."""
    return CATALOG[source].default_amounts if source in CATALOG else (0.1, 0.1)


def _callback_flags(callback: dict[str, Any], caveats: list[str]) -> list[str]:
    name, arguments = callback["name"], callback["arguments"]
    if name in CALLBACK_FLAGS and arguments is not None:
        flag, argument, others = CALLBACK_FLAGS[name]
        if all(arguments.get(key, usual) == usual for key, usual in others.items()):
            return _format_flag(flag, arguments[argument], None)
    told = "" if arguments is None else f"({', '.join(f'{k}={v!r}' for k, v in arguments.items())})"
    caveats.append(f"The callback {name}{told} was given in Python, and has no flag.")
    return []


def _format_flag(name: str, value: Any, default: Any) -> list[str]:
    """The words that set a flag, none where it has its usual value."""
    flag = "--" + name.replace("_", "-")
    if value is None or value == default:
        return []
    if isinstance(value, bool):
        return [flag if value else f"--no-{flag[2:]}"]
    if isinstance(value, list | tuple):
        return [flag, ",".join(map(str, value)) or "none"]
    return [flag, str(value)]
