"""Forms: the fields of a recipe and of the training's flags, and the words of the command line they come to."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import click

from elbowroom import errors
from elbowroom.data import datasets
from elbowroom.recipes import Argument, Recipe
from elbowroom.studio.http.json import RequestError
from elbowroom.studio.services.run_index import RunIndex

#: Flags of train that no form has: where a run goes is the studio's business, files are named by ``data`` alone.
HIDDEN_OPTIONS = ("out", "config", "preset", "data", "help")
#: Endings of files that hold data.
DATA_SUFFIXES = (".npy", ".npz", ".csv", ".parquet", ".zip", ".tar")
#: Files and folders of data that are offered, of each folder; characters of a text.
MAX_FILES_PER_FOLDER, MAX_TEXT_CHARS = 100, 500

_TYPE_NAMES: dict[Any, str] = {
    int: "int",
    float: "float",
    str: "str",
    bool: "bool",
    tuple[int, ...]: "ints",
    tuple[float, ...]: "floats",
}


def recipe_form(recipe: Recipe) -> dict[str, Any]:
    """A recipe as a form."""
    fields = [_argument_field(field) for field in recipe.arguments.values()]
    return {"name": recipe.name, "summary": recipe.summary, "paper": recipe.paper, "fields": fields}


def _argument_field(argument: Argument) -> dict[str, Any]:
    choices = list(get_args(argument.type)) if get_origin(argument.type) is Literal else None
    return {
        "name": argument.name,
        "type": "choice" if choices else _TYPE_NAMES[argument.type],
        "default": None if argument.is_required else argument.default,
        "required": argument.is_required,
        "optional": argument.is_optional,
        "choices": choices,
        "help": argument.help,
    }


def option_field(option: click.Option) -> dict[str, Any]:
    """A flag of train as a field."""
    usual = option.get_default(click.Context(click.Command("train")))
    usual = usual if isinstance(usual, str | int | float | bool) else None
    return {
        "name": option.name,
        "type": _option_type(option),
        "default": usual,
        "required": False,
        "optional": usual is None,
        "choices": list(option.type.choices) if isinstance(option.type, click.Choice) else None,
        "help": option.help or "",
    }


def _option_type(option: click.Option) -> str:
    if option.is_flag:
        return "bool"
    if isinstance(option.type, click.Choice):
        return "choice"
    if isinstance(option.type, click.types.IntParamType):
        return "int"
    if isinstance(option.type, click.types.FloatParamType):
        return "float"
    kind = getattr(option.type, "kind", None)  # of the numbers in a list
    if kind is not None:
        return "ints" if kind is int else "floats"
    return "str" if isinstance(option.type, click.types.StringParamType) else "float"


def form_options(command: click.Command, recipe: Recipe) -> list[click.Option]:
    """The flags of a recipe's command that are not the recipe's own and have a place in a form."""
    options = [param for param in command.params if isinstance(param, click.Option)]
    return [option for option in options if option.name not in HIDDEN_OPTIONS and option.name not in recipe.arguments]


def train_arguments(
    recipe: Recipe, command: click.Command, arguments: dict[str, Any], train_settings: dict[str, Any], data: str
) -> list[str]:
    """The arguments of ``elbowroom train``, each value checked by what reads it there.

    A value stands in one word with its flag, so that none can be taken for another flag.

    Raises:
        Refused: a name or a value is not what the recipe or the training takes.
    """
    try:
        found = [f"--data={data}"]
        for name, value in arguments.items():
            if name not in recipe.arguments:
                raise errors.unknown_name(f"argument of {recipe.name}", name, recipe.arguments)
            read = recipe.arguments[name].convert(value)
            found += _flag_words(name, read, recipe.arguments[name].type is bool)
        known = {str(option.name): option for option in form_options(command, recipe)}
        for name, value in train_settings.items():
            if name not in known:
                raise errors.unknown_name("setting", name, known)
            found += _flag_words(name, _check_setting(name, value), False)
        # What the command line itself makes of them, without doing it.
        command.make_context(recipe.name, [recipe.name, *found][1:])
    except click.ClickException as error:
        raise RequestError(" ".join(error.format_message().split())) from None
    except ValueError as error:
        raise RequestError(str(error)) from None
    return [recipe.name, *found]


def _check_setting(name: str, value: Any) -> Any:
    """A setting as it came in JSON, if it is one."""
    if isinstance(value, list) and len(value) <= 100 and all(type(item) in (int, float) for item in value):
        return tuple(_check_setting(name, item) for item in value)
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int | float) and math.isfinite(value):
        return int(value) if float(value).is_integer() else value
    if isinstance(value, str):
        return value
    raise ValueError(f"{name}: expected a number, a text, true or false, or a list of numbers")


def _flag_words(name: str, value: Any, has_negation: bool) -> list[str]:
    """The word that sets a flag; none for None. A flag without a value is there or not, or has a ``--no-``."""
    flag = "--" + name.replace("_", "-")
    if value is None:
        return []
    if isinstance(value, bool):
        return [flag] if value else [f"--no-{flag[2:]}"] if has_negation else []
    text = (",".join(map(repr, value)) or "none") if isinstance(value, tuple) else str(value)
    if len(text) > MAX_TEXT_CHARS or not text.isprintable():
        raise ValueError(f"{name}: expected at most {MAX_TEXT_CHARS} characters that can be seen")
    return [f"{flag}={text}"]


def list_data(run_index: RunIndex, data_folders: Sequence[Path]) -> list[dict[str, str]]:
    """What can be trained on: the named sets that are here or can be had, and what lies in the folders given."""
    found = [{"name": row.name, "about": row.summary, "where": row.location} for row in datasets()]
    for other in data_folders:
        inside = sorted(other.iterdir()) if other.is_dir() else []
        fit = [
            path for path in inside if not path.name.startswith(".") and (path.is_dir() or path.suffix in DATA_SUFFIXES)
        ]
        found += [{"name": str(path), "about": "", "where": str(other)} for path in fit[:MAX_FILES_PER_FOLDER]]
    return [one for one in found if one["where"] != "missing"]


def resolve_data(name: str, run_index: RunIndex, data_folders: Sequence[Path]) -> str:
    """The data of this name, or at this path if that is in a folder where data may be.

    Raises:
        Refused: it is neither, or not there.
    """
    if name in {row.name for row in datasets()}:
        return name
    try:
        path = (run_index.path / name).resolve(strict=True)
    except (OSError, RuntimeError, ValueError):
        path = None
    if path is None or not any(path.is_relative_to(place) for place in (run_index.path, *data_folders)):
        raise RequestError(
            f"there is no data '{name[:80]}' here: give a name of the list, or a path in the runs folder or in a "
            "folder that the studio was started with (--data-folder)"
        )
    return str(path)
