"""Command line that repeats a run, from its record."""

from __future__ import annotations

import shlex
from typing import Any, NamedTuple

import torch

from elbowroom.data.catalog.registry import CATALOG
from elbowroom.recipes import Recipe, find
from elbowroom.table_shape import TABLE_LIKELIHOOD

#: The flags of ``train`` for the training settings of a record, and their defaults.
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
#: The flags of ``train`` for the loading of data, and their defaults.
DATA_DEFAULTS: dict[str, Any] = {
    "binarize": "none",
    "dequantize": False,
    "only": None,
    "labeled": None,
    "label": None,
    "columns": None,
    "resize": None,
    "crop": None,
    "flip": False,
    "shift": 0,
    "skip_bad": False,
    "buffer": None,
}
#: The flags of callbacks, by class: the flag, the argument it sets, and the defaults of the other arguments.
CALLBACK_FLAGS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "LRSchedule": ("schedule", "schedule", {}),
    "GradientClipping": ("clip", "norm", {}),
    "SkipStep": ("skip", "norm", {}),
    "EMA": ("average", "decay", {}),
    "Warmup": ("kl-warmup", "fraction", {"steps": None, "cycles": 1}),
    "FreeBits": ("free-bits", "nats", {}),
    "EarlyStopping": ("patience", "patience", {"metric": "loss", "min_delta": 0.0}),
}


class RepeatCommand(NamedTuple):
    """The command that repeats a run, and what it cannot repeat.

    Attributes:
        line: the command line, ready to be pasted; None where there is none.
        caveats: what it leaves out, in sentences.
    """

    line: str | None
    caveats: list[str]


def repeat_command(record: dict[str, Any]) -> RepeatCommand:
    """Return the command that repeats the run of this record, with the flags that differ from their defaults.

    >>> data = {"name": "digits", "source": "digits", "arguments": {"binarize": "none", "seed": 0}}
    >>> settings = {"epochs": 20, "lr": 0.001, "seed": 0, "callbacks": []}
    >>> arguments = {"latent": 2, "hidden": [64, 32]}
    >>> record = {"recipe": "vae", "arguments": arguments, "data": data, "training": settings, "command": "elbowroom …"}
    >>> repeat_command(record).line
    'elbowroom train vae --data digits --latent 2 --hidden 64,32 --epochs 20'
    """
    if record["recipe"] is None:
        return RepeatCommand(None, ["The model was composed in Python, by no recipe: no command makes it again."])
    recipe, data, training = find(record["recipe"]), record["data"], record["training"]
    words, caveats = ["elbowroom", "train", record["recipe"]], list[str]()
    by_command = record.get("command") is not None
    if data.get("source") is None or data.get("arguments") is None:
        caveats.append(
            f"The data, {data.get('name')}, was given as a Python object: save it as .npy or .npz, and name it."
        )
        words += ["--data", "…"]
    else:
        words += ["--data", data["source"]]
        words += _data_flags(data["source"], data["arguments"])
        caveats += [] if by_command else _data_caveats(data["source"], data["arguments"], training["seed"])
    words += _recipe_flags(recipe, _recipe_arguments(record))
    words += _changed_flags(training, TRAIN_DEFAULTS)
    for callback in training["callbacks"]:
        words += _callback_flags(callback, caveats)
    if (default := _replaced_objective(record)) is not None:
        caveats.append(f"The objective was composed in Python: {record['objective']}, where the recipe's is {default}.")
    if not by_command:
        caveats.append(
            "It was made in Python: the weights it began with depend on the seed set before the model was made."
        )
    return RepeatCommand(shlex.join(words).replace("'…'", "…"), caveats)


def _replaced_objective(record: dict[str, Any]) -> str | None:
    """Return the recipe's objective if the run had another."""
    if "objective" not in record:
        return None
    with torch.random.fork_rng(devices=[]):
        _, objective = find(record["recipe"])(tuple(record["shape"]), **record["arguments"])
    return None if repr(objective) == record["objective"] else repr(objective)


def _recipe_arguments(record: dict[str, Any]) -> dict[str, Any]:
    """Return the recipe's arguments, without the likelihood of a table's columns, which is the default for tables."""
    arguments = record["arguments"]
    is_default = "columns" in record["data"] and str(arguments.get("likelihood")).startswith(f"{TABLE_LIKELIHOOD}:")
    return {name: value for name, value in arguments.items() if not (is_default and name == "likelihood")}


def _recipe_flags(recipe: Recipe, arguments: dict[str, Any]) -> list[str]:
    words = []
    for name, value in arguments.items():
        argument = recipe.arguments.get(name)
        default = None if argument is None or argument.is_required else argument.default
        words += _format_flag(name, tuple(value) if isinstance(value, list) else value, default)
    return words


def _changed_flags(values: dict[str, Any], defaults: dict[str, Any]) -> list[str]:
    """Return the flags whose values are not their defaults."""
    return [
        word for name, default in defaults.items() for word in _format_flag(name, values.get(name, default), default)
    ]


def _data_flags(source: str, arguments: dict[str, Any]) -> list[str]:
    values = arguments | {"skip_bad": arguments.get("bad_images") == "skip"}
    words = _changed_flags(values, DATA_DEFAULTS)
    if arguments.get("validation") is not None:
        words += _format_flag("validation", arguments["validation"], _default_split_sizes(source)[0])
    return words


def _data_caveats(source: str, arguments: dict[str, Any], seed: int) -> list[str]:
    """Return what was done to the data in Python and has no flag, in sentences."""
    caveats = []
    if arguments.get("test") not in (None, _default_split_sizes(source)[1]):
        caveats.append(f"The test split was set in Python (test={arguments['test']}), for which there is no flag.")
    if arguments.get("seed", seed) != seed:
        caveats.append(
            f"The data was split with seed {arguments['seed']}, the training ran with {seed}; a command has one."
        )
    return caveats


def _default_split_sizes(source: str) -> tuple[float | int, float | int]:
    """Return the default amounts of training examples that a source sets aside for validation and test."""
    return CATALOG[source].default_amounts if source in CATALOG else (0.1, 0.1)


def _callback_flags(callback: dict[str, Any], caveats: list[str]) -> list[str]:
    name, arguments = callback["name"], callback["arguments"]
    if name in CALLBACK_FLAGS and arguments is not None:
        flag, argument, others = CALLBACK_FLAGS[name]
        if all(arguments.get(key, default) == default for key, default in others.items()):
            return _format_flag(flag, arguments[argument], None)
    shown = "" if arguments is None else f"({', '.join(f'{k}={v!r}' for k, v in arguments.items())})"
    caveats.append(f"The callback {name}{shown} was given in Python, and has no flag.")
    return []


def _format_flag(name: str, value: Any, default: Any) -> list[str]:
    """Return the words that set a flag; none where it has its default."""
    flag = "--" + name.replace("_", "-")
    if value is None or value == default:
        return []
    if isinstance(value, bool):
        return [flag if value else f"--no-{flag[2:]}"]
    if isinstance(value, list | tuple):
        return [flag, ",".join(map(str, value)) or "none"]
    return [flag, str(value)]
