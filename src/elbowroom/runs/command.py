"""Command line that repeats a run, from its record."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any, NamedTuple

from elbowroom.argument import Argument, flag_name
from elbowroom.data.catalog.registry import CATALOG
from elbowroom.recipes import Recipe, find
from elbowroom.runs.objective_text import format_objective
from elbowroom.runs.settings import (
    DEFAULT_BATCH_SIZE,
    asked_arguments,
    callback_settings,
    settle_defaults,
    train_options,
)
from elbowroom.table_shape import BINNED_LIKELIHOODS, TABLE_LIKELIHOOD


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
    options, others = callback_settings(training["callbacks"])
    settings = training | options
    defaults = _applied_defaults(recipe, settings, data)
    usual = train_options(defaults)
    words, caveats = ["elbowroom", "train", record["recipe"]], list[str]()
    words += ["--preset", "classic"] if defaults is None else []
    by_command = record.get("command") is not None
    if data.get("source") is None or data.get("arguments") is None:
        caveats.append(
            f"The data, {data.get('name')}, was given as a Python object: save it as .npy or .npz, and name it."
        )
        words += ["--data", "…"]
    else:
        words += ["--data", data["source"]]
        # Where a training starts from a run, that run's record says how the data is read.
        words += [] if training.get("init_from") else _data_flags(data["source"], asked_arguments(data), usual)
        caveats += [] if by_command else _data_caveats(data["arguments"], training["seed"])
    words += _changed_flags(_recipe_arguments(record), recipe.arguments)
    likelihood = record["arguments"].get("likelihood")
    if "columns" in data and likelihood is not None and likelihood == recipe.arguments["likelihood"].default:
        words += ["--likelihood", likelihood]  # A table's default is another.
    unasked = {"device": None} | ({"batch_size": None} if _has_default_batch_size(record) else {})
    words += _changed_flags(settings | unasked, usual)
    caveats += [f"The callback {callback} was given in Python, and has no flag." for callback in others]
    if (default := _replaced_objective(record)) is not None:
        own = format_objective(record["objective"])
        caveats.append(f"The objective was composed in Python: {own}, where the recipe's is {default}.")
    caveats += _weights_caveats(record, by_command)
    return RepeatCommand(shlex.join(words).replace("'…'", "…"), caveats)


def _weights_caveats(record: dict[str, Any], by_command: bool) -> list[str]:
    """Return in sentences why the command begins with other weights."""
    seed, weights_seed = record["training"]["seed"], record.get("weights_seed")
    if by_command or weights_seed == seed:
        return []
    if "weights_seed" not in record:
        return ["It was made in Python: the weights it began with depend on the seed set before the model was made."]
    if weights_seed is None:
        return ["The weights it began with are drawn from no seed: the model had been trained, loaded or changed."]
    return [f"The weights were drawn with seed {weights_seed}, the training ran with {seed}; a command has one."]


def _has_default_batch_size(record: dict[str, Any]) -> bool:
    """Whether the batch size of a run is what it is if none is given."""
    size = (record["data"].get("sizes") or {}).get("train") or DEFAULT_BATCH_SIZE
    return bool(record["training"].get("batch_size") == min(DEFAULT_BATCH_SIZE, size))


def _replaced_objective(record: dict[str, Any]) -> str | None:
    """Return the recipe's objective in words if the run had another."""
    if "objective" not in record:
        return None
    _, objective = find(record["recipe"])(tuple(record["shape"]), seed=0, **record["arguments"])
    return None if repr(objective) == record["objective"] else format_objective(repr(objective))


def _recipe_arguments(record: dict[str, Any]) -> dict[str, Any]:
    """Return the recipe's arguments, without the likelihood of a table's columns, which is the default for tables.

    Bins are not spelled out, since they are chosen again from the same rows.
    """
    arguments = dict(record["arguments"])
    name = str(arguments.get("likelihood")).partition(":")[0]
    if "columns" in record["data"] and name in BINNED_LIKELIHOODS:
        arguments["likelihood"] = name
    is_default = "columns" in record["data"] and str(arguments.get("likelihood")).startswith(f"{TABLE_LIKELIHOOD}:")
    return {name: value for name, value in arguments.items() if not (is_default and name == "likelihood")}


def _changed_flags(values: dict[str, Any], arguments: Mapping[str, Argument]) -> list[str]:
    """Return the flags of these arguments whose values are not their defaults."""
    flags = (_format_flag(name, value, arguments[name].default) for name, value in values.items() if name in arguments)
    return [word for words in flags for word in words]


def _applied_defaults(recipe: Recipe, settings: dict[str, Any], data: dict[str, Any]) -> dict[str, Any] | None:
    """Return the defaults of a recipe that apply to a run; None where one was off, which no flag but --preset says."""
    values = (data.get("arguments") or {}) | settings
    lengths = [name for name in ("epochs", "steps") if values.get(name) is not None]
    given = recipe.defaults | {"data": data.get("source") or "…"}
    settled = settle_defaults(recipe.defaults, given, lengths.__contains__)
    applied = {name: value for name, value in recipe.defaults.items() if settled[name] == value}
    is_off = [name for name in applied if values.get(name) is None and name not in ("epochs", "steps")]
    return None if is_off else applied


def _data_flags(source: str, arguments: dict[str, Any], usual: Mapping[str, Argument]) -> list[str]:
    amounts = dict(zip(("validation", "test"), _default_split_sizes(source), strict=True))
    changed = {name: value for name, value in arguments.items() if name != "seed" and value != amounts.get(name)}
    return _changed_flags(changed, usual)


def _data_caveats(arguments: dict[str, Any], seed: int) -> list[str]:
    """Return what was done to the data in Python and has no flag, in sentences."""
    if arguments.get("seed", seed) == seed:
        return []
    return [f"The data was split with seed {arguments['seed']}, the training ran with {seed}; a command has one."]


def _default_split_sizes(source: str) -> tuple[float | int, float | int]:
    """Return the default amounts of training examples that a source sets aside for validation and test."""
    return CATALOG[source].default_amounts if source in CATALOG else (0.1, 0.1)


def _format_flag(name: str, value: Any, default: Any) -> list[str]:
    """Return the words that set a flag; none where it has its default."""
    flag = flag_name(name)
    value = tuple(value) if isinstance(value, list) else value
    if value is None or value == default:
        return []
    if isinstance(value, bool):
        return [flag if value else f"--no-{flag[2:]}"]
    if isinstance(value, tuple):
        return [flag, ",".join(map(str, value)) or "none"]
    return [flag, str(value)]
