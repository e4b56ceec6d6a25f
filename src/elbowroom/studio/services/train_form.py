"""Forms: the fields of a recipe and of the training's flags, and the words of the command line they come to."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import click

from elbowroom import errors
from elbowroom.data import datasets
from elbowroom.recipes import Field, Recipe
from elbowroom.studio.http.json import Refused
from elbowroom.studio.services.run_index import Folder

#: Flags of train that no form has: where a run goes is the studio's business, files are named by ``data`` alone.
HIDDEN = ("out", "config", "preset", "data", "help")
#: Endings of files that hold data.
ENDINGS = (".npy", ".npz", ".csv", ".parquet", ".zip", ".tar")
#: Files and folders of data that are offered, of each folder; characters of a text.
OFFERED, LONGEST = 100, 500

_KINDS: dict[Any, str] = {
    int: "int",
    float: "float",
    str: "str",
    bool: "bool",
    tuple[int, ...]: "ints",
    tuple[float, ...]: "floats",
}


def of_recipe(recipe: Recipe) -> dict[str, Any]:
    """A recipe as a form."""
    fields = [_of_field(field) for field in recipe.fields.values()]
    return {"name": recipe.name, "summary": recipe.summary, "paper": recipe.paper, "fields": fields}


def _of_field(field: Field) -> dict[str, Any]:
    choices = list(get_args(field.type)) if get_origin(field.type) is Literal else None
    return {
        "name": field.name,
        "type": "choice" if choices else _KINDS[field.type],
        "default": None if field.required else field.default,
        "required": field.required,
        "optional": field.optional,
        "choices": choices,
        "help": field.help,
    }


def of_option(option: click.Option) -> dict[str, Any]:
    """A flag of train as a field."""
    usual = option.get_default(click.Context(click.Command("train")))
    usual = usual if isinstance(usual, str | int | float | bool) else None
    return {
        "name": option.name,
        "type": _kind(option),
        "default": usual,
        "required": False,
        "optional": usual is None,
        "choices": list(option.type.choices) if isinstance(option.type, click.Choice) else None,
        "help": option.help or "",
    }


def _kind(option: click.Option) -> str:
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


def settings(command: click.Command, recipe: Recipe) -> list[click.Option]:
    """The flags of a recipe's command that are not the recipe's own and have a place in a form."""
    options = [param for param in command.params if isinstance(param, click.Option)]
    return [option for option in options if option.name not in HIDDEN and option.name not in recipe.fields]


def words(
    recipe: Recipe, command: click.Command, arguments: dict[str, Any], given: dict[str, Any], data: str
) -> list[str]:
    """The arguments of ``elbowroom train``, each value checked by what reads it there.

    A value stands in one word with its flag, so that none can be taken for another flag.

    Raises:
        Refused: a name or a value is not what the recipe or the training takes.
    """
    try:
        found = [f"--data={data}"]
        for name, value in arguments.items():
            if name not in recipe.fields:
                raise errors.unknown(f"argument of {recipe.name}", name, recipe.fields)
            read = recipe.fields[name].read(value)
            found += _word(name, read, recipe.fields[name].type is bool)
        known = {str(option.name): option for option in settings(command, recipe)}
        for name, value in given.items():
            if name not in known:
                raise errors.unknown("setting", name, known)
            found += _word(name, _plain(name, value), False)
        # What the command line itself makes of them, without doing it.
        command.make_context(recipe.name, [recipe.name, *found][1:])
    except click.ClickException as error:
        raise Refused(" ".join(error.format_message().split())) from None
    except ValueError as error:
        raise Refused(str(error)) from None
    return [recipe.name, *found]


def _plain(name: str, value: Any) -> Any:
    """A setting as it came in JSON, if it is one."""
    if isinstance(value, list) and len(value) <= 100 and all(type(item) in (int, float) for item in value):
        return tuple(_plain(name, item) for item in value)
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int | float) and math.isfinite(value):
        return int(value) if float(value).is_integer() else value
    if isinstance(value, str):
        return value
    raise ValueError(f"{name}: expected a number, a text, true or false, or a list of numbers")


def _word(name: str, value: Any, either: bool) -> list[str]:
    """The word that sets a flag; none for None. A flag without a value is there or not, or has a ``--no-``."""
    flag = "--" + name.replace("_", "-")
    if value is None:
        return []
    if isinstance(value, bool):
        return [flag] if value else [f"--no-{flag[2:]}"] if either else []
    text = (",".join(map(repr, value)) or "none") if isinstance(value, tuple) else str(value)
    if len(text) > LONGEST or not text.isprintable():
        raise ValueError(f"{name}: expected at most {LONGEST} characters that can be seen")
    return [f"{flag}={text}"]


def data(folder: Folder, others: Sequence[Path]) -> list[dict[str, str]]:
    """What can be trained on: the named sets that are here or can be had, and what lies in the folders given."""
    found = [{"name": row.name, "about": row.summary, "where": row.where} for row in datasets()]
    for other in others:
        inside = sorted(other.iterdir()) if other.is_dir() else []
        fit = [path for path in inside if not path.name.startswith(".") and (path.is_dir() or path.suffix in ENDINGS)]
        found += [{"name": str(path), "about": "", "where": str(other)} for path in fit[:OFFERED]]
    return [one for one in found if one["where"] != "missing"]


def data_at(name: str, folder: Folder, others: Sequence[Path]) -> str:
    """The data of this name, or at this path if that is in a folder where data may be.

    Raises:
        Refused: it is neither, or not there.
    """
    if name in {row.name for row in datasets()}:
        return name
    try:
        path = (folder.path / name).resolve(strict=True)
    except (OSError, RuntimeError, ValueError):
        path = None
    if path is None or not any(path.is_relative_to(place) for place in (folder.path, *others)):
        raise Refused(
            f"there is no data '{name[:80]}' here: give a name of the list, or a path in the runs folder or in a "
            "folder that the studio was started with (--data-folder)"
        )
    return str(path)
