"""Training requests: values of the form as command line words, checked before a process starts; values of a run."""

from __future__ import annotations

import math
import re
import shlex
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
import torch
from click.core import ParameterSource

from elbowroom import errors
from elbowroom.argument import arguments_of, config_from, flag_name
from elbowroom.data import DataConfig, load_data
from elbowroom.data.catalog.registry import CATALOG
from elbowroom.deprecation import upgrade_settings
from elbowroom.recipes import Recipe
from elbowroom.runs.command import repeat_command
from elbowroom.runs.settings import TrainConfig, callback_records, setting_label, settle_defaults, train_options
from elbowroom.studio.errors import RequestError, one_line
from elbowroom.studio.services.data_sources import is_small_file
from elbowroom.training.optimizers import parse_optimizer
from elbowroom.training.validate import check_length
from elbowroom.workbench.callback_registry import from_record

#: Length of a text value.
MAX_TEXT_CHARS = 500
#: Length of a list value.
MAX_LIST_ITEMS = 100


@contextmanager
def _naming_field(*names: str) -> Iterator[None]:
    """Turn an error into one of the request, in the words of the form; it names the field that it is about.

    Of several fields it is the one that the message speaks of.
    """
    try:
        yield
    except click.BadParameter as error:
        name = error.param.name if error.param is not None else None
        raise RequestError(f"{_label(name)}: {one_line(ValueError(error.message)).rstrip('.')}", field=name) from None
    except click.ClickException as error:
        raise RequestError(" ".join(error.format_message().split())) from None
    except RequestError:
        raise
    except ValueError as error:
        message = one_line(error)
        raise RequestError(message, field=names[0] if len(names) == 1 else find_field(message, names)) from None


def _label(name: str | None) -> str:
    return setting_label(name) if name else "a value"


def find_field(message: str, names: Collection[str]) -> str | None:
    """Return the field that a message speaks of first, by its name, its flag or its label.

    >>> find_field("the learning rate must be above 0, got -1", ("latent", "lr"))
    'lr'
    >>> find_field("--batch-size 0: give at least 1", ("latent", "batch_size"))
    'batch_size'
    """
    found: list[tuple[int, int, str]] = []
    for name in names:
        for words in {name, name.replace("_", "-"), setting_label(name)}:
            if match := re.search(rf"(?<!\w){re.escape(words)}(?!\w)", message):
                found.append((match.start(), -len(words), name))
    return min(found)[2] if found else None


def train_arguments(
    recipe: Recipe, command: click.Command, arguments: dict[str, Any], train_settings: dict[str, Any], data: str
) -> list[str]:
    """Return the arguments of ``elbowroom train``, each value checked by the parser that reads it there.

    A value and its flag are one word, ``--flag=value``, so that no value can be taken for another flag.

    Raises:
        RequestError: a name or a value is not valid for the recipe or the training; it names the field.
    """
    words = [f"--data={data}"]
    for name, value in arguments.items():
        with _naming_field(name):
            if name not in recipe.arguments:
                raise errors.unknown_name(f"argument of {recipe.name}", name, recipe.arguments)
            words += _flag_words(name, recipe.arguments[name].convert(value))
    known = train_options()
    with _naming_field():
        train_settings = upgrade_settings(train_settings)
    for name, value in train_settings.items():
        with _naming_field(name):
            if name not in known:
                raise errors.unknown_name("setting", name, known)
            if value is None and name in recipe.defaults:
                default = recipe.defaults[name]
                raise ValueError(f"{name}: {recipe.name} has {default}, and a value is needed in its place")
            words += _flag_words(name, _check_setting(name, value))
    parse_words(recipe, command, words)
    return [recipe.name, *words]


def parse_words(recipe: Recipe, command: click.Command, words: list[str]) -> dict[str, Any]:
    """Return the values of command line words, as the command line would parse them, without running the command."""
    with _naming_field():
        context = command.make_context(recipe.name, list(words))
        is_default = {name: context.get_parameter_source(name) == ParameterSource.DEFAULT for name in context.params}
        return settle_defaults(recipe.defaults, context.params, lambda name: not is_default[name])


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
    flag = flag_name(name)
    if value is None:
        return []
    if isinstance(value, bool):
        return [flag if value else f"--no-{flag[2:]}"]
    text = (",".join(map(str, value)) or "none") if isinstance(value, tuple) else str(value)
    if len(text) > MAX_TEXT_CHARS or not text.isprintable():
        raise ValueError(f"{name}: expected at most {MAX_TEXT_CHARS} printable characters")
    return [f"{flag}={text}"]


def check_training(recipe: Recipe, command: click.Command, words: list[str]) -> None:
    """Check what a training is made of before a process is started: settings, callbacks, small data, the model.

    The model is built without its weights, on torch's device "meta". Data in folders or large files, and what cannot
    be built there, are left to the training.

    Raises:
        RequestError: one of them is not valid; it names the field.
    """
    values = parse_words(recipe, command, words)
    with _naming_field(*train_options()):
        check_length(config_from(TrainConfig, values))
        parse_optimizer(values["optimizer"])
        from_record(callback_records(values))
    if values.get("init_from") is not None:
        return
    arguments = {name: values[name] for name, one in recipe.arguments.items() if values[name] != one.default}
    changed = [name for name, one in arguments_of(DataConfig).items() if values[name] != one.default and name != "seed"]
    with _naming_field(*(changed or ["data"])):
        shape = _data_shape(values)
    if shape is not None:
        with _naming_field(*recipe.arguments):
            _build_without_weights(recipe, shape, arguments)


def _data_shape(values: dict[str, Any]) -> tuple[int, ...] | None:
    """Return the shape of the data's examples, None for data that is not read here."""
    source, config = values["data"], config_from(DataConfig, values)
    if source in CATALOG and config == DataConfig(seed=config.seed):
        return CATALOG[source].shape
    if source in CATALOG or is_small_file(Path(source)):
        return load_data(source, config).shape
    return None


def _build_without_weights(recipe: Recipe, shape: tuple[int, ...], arguments: dict[str, Any]) -> None:
    try:
        with torch.device("meta"):
            recipe(shape, seed=0, **arguments)
    except ValueError as error:
        # The reason alone: the form shows the call.
        raise (error.__cause__ if isinstance(error.__cause__, ValueError) else error) from None
    except (RuntimeError, NotImplementedError, TypeError):
        return


def form_values(record: dict[str, Any], recipe: Recipe, command: click.Command) -> dict[str, Any]:
    """Return the values of the form that train a run again: of its recipe, its settings, and what no field can say.

    Raises:
        RequestError: no recipe made the run.
    """
    line, caveats = repeat_command(record)
    if line is None:
        raise RequestError(" ".join(caveats), 409)
    words = shlex.split(line)[3:]
    values = parse_words(recipe, command, words)
    is_known = values["data"] != "…"
    return {
        "recipe": recipe.name,
        "arguments": {name: values[name] for name in recipe.arguments},
        "settings": {name: values[name] for name in train_options()} | {"data": values["data"] if is_known else ""},
        "caveats": caveats,
    }
