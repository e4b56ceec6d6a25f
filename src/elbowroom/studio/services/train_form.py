"""Training form: fields of recipes and settings, and the command line arguments their values become."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_origin

import click

from elbowroom import errors
from elbowroom.data import datasets
from elbowroom.data.readers.registry import dataset_suffixes
from elbowroom.deprecation import upgrade_settings
from elbowroom.recipes import Argument, Recipe
from elbowroom.runs.settings import train_options
from elbowroom.studio.errors import RequestError
from elbowroom.studio.services.run_index import RunIndex

#: Data files and folders that are offered of each data folder.
MAX_FILES_PER_FOLDER = 100
#: Length of a text value.
MAX_TEXT_CHARS = 500
#: Length of a list value.
MAX_LIST_ITEMS = 100

_TYPE_NAMES: dict[Any, str] = {
    int: "int",
    float: "float",
    str: "str",
    bool: "bool",
    tuple[int, ...]: "ints",
    tuple[float, ...]: "floats",
    tuple[int, int]: "ints",
    int | float: "float",
}


def recipe_form(recipe: Recipe) -> dict[str, Any]:
    """Return a recipe with the form fields of its arguments."""
    fields = [argument_field(argument) for argument in recipe.arguments.values()]
    return {"name": recipe.name, "summary": recipe.summary, "paper": recipe.paper, "fields": fields}


def argument_field(argument: Argument) -> dict[str, Any]:
    """Return the form field of an argument of a recipe, or of an option of training or data."""
    is_names = get_origin(argument.type) is tuple and (argument.item_type is str or bool(argument.choices))
    kind = "str" if is_names else "choice" if argument.choices else _TYPE_NAMES[argument.type]
    default = None if argument.is_required else ",".join(argument.default) if is_names else argument.default
    return {
        "name": argument.name,
        "type": kind,
        "default": default,
        "required": argument.is_required,
        "optional": argument.is_optional,
        "choices": list(argument.choices) if kind == "choice" else None,
        "help": argument.help,
    }


def train_arguments(
    recipe: Recipe, command: click.Command, arguments: dict[str, Any], train_settings: dict[str, Any], data: str
) -> list[str]:
    """Return the arguments of ``elbowroom train``, each value checked by the parser that reads it there.

    A value and its flag are one word, ``--flag=value``, so that no value can be taken for another flag.

    Raises:
        RequestError: a name or a value is not valid for the recipe or the training.
    """
    try:
        words = [f"--data={data}"]
        for name, value in arguments.items():
            if name not in recipe.arguments:
                raise errors.unknown_name(f"argument of {recipe.name}", name, recipe.arguments)
            argument = recipe.arguments[name]
            words += _flag_words(name, argument.convert(value))
        known = train_options()
        for name, value in upgrade_settings(train_settings).items():
            if name not in known:
                raise errors.unknown_name("setting", name, known)
            words += _flag_words(name, _check_setting(name, value))
        # Parses the words as the command line will, without running the command.
        command.make_context(recipe.name, list(words))
    except click.ClickException as error:
        raise RequestError(" ".join(error.format_message().split())) from None
    except ValueError as error:
        raise RequestError(str(error)) from None
    return [recipe.name, *words]


def _check_setting(name: str, value: Any) -> Any:
    """Return a setting from JSON as text, number, boolean, None or tuple of numbers or texts; reject anything else."""
    if (
        isinstance(value, list)
        and len(value) <= MAX_LIST_ITEMS
        and all(type(item) in (int, float, str) for item in value)
    ):
        return tuple(_check_setting(name, item) for item in value)
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int | float) and math.isfinite(value):
        return int(value) if float(value).is_integer() else value
    if isinstance(value, str):
        return value
    raise ValueError(f"{name}: expected a number, a text, true or false, or a list of numbers or texts")


def _flag_words(name: str, value: Any) -> list[str]:
    """Return the word that sets a flag; none for None."""
    flag = "--" + name.replace("_", "-")
    if value is None:
        return []
    if isinstance(value, bool):
        return [flag if value else f"--no-{flag[2:]}"]
    text = (",".join(map(str, value)) or "none") if isinstance(value, tuple) else str(value)
    if len(text) > MAX_TEXT_CHARS or not text.isprintable():
        raise ValueError(f"{name}: expected at most {MAX_TEXT_CHARS} printable characters")
    return [f"{flag}={text}"]


def list_data(data_folders: Sequence[Path]) -> list[dict[str, str]]:
    """List what can be trained on: the named data sets that are available, and the files in the data folders."""
    found = [{"name": entry.name, "about": entry.summary, "where": entry.location} for entry in datasets()]
    suffixes = dataset_suffixes()
    for folder in data_folders:
        children = sorted(folder.iterdir()) if folder.is_dir() else []
        visible = [path for path in children if not path.name.startswith(".")]
        paths = [path for path in visible if path.is_dir() or path.suffix.lower() in suffixes]
        found += [{"name": str(path), "about": "", "where": str(folder)} for path in paths[:MAX_FILES_PER_FOLDER]]
    return [entry for entry in found if entry["where"] != "missing"]


def resolve_data(name: str, run_index: RunIndex, data_folders: Sequence[Path]) -> str:
    """Return the name of a data set, or a path that is in the runs folder or a data folder.

    Raises:
        RequestError: it is neither, or does not exist.
    """
    if name in {entry.name for entry in datasets()}:
        return name
    try:
        path = (run_index.path / name).resolve(strict=True)
    except (OSError, RuntimeError, ValueError):
        path = None
    if path is None or not any(path.is_relative_to(folder) for folder in (run_index.path, *data_folders)):
        raise RequestError(
            f"there is no data '{name[:80]}' here: give a name of the list, or a path in the runs folder or in a "
            "folder that the studio was started with (--data-folder)"
        )
    return str(path)
