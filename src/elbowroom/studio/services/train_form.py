"""Training form: the fields of recipes and settings, with their defaults and what may be chosen."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any, get_origin

from elbowroom.argument import arguments_of
from elbowroom.data import DataConfig
from elbowroom.families.flow_posterior import NORMAL
from elbowroom.families.flows import FLOWS
from elbowroom.families.registry import LIKELIHOODS
from elbowroom.models.architecture import AUTO
from elbowroom.models.priors import PRIORS
from elbowroom.networks.mlp import ACTIVATIONS
from elbowroom.networks.registry import NETWORKS
from elbowroom.recipes import Argument, Recipe
from elbowroom.runs.settings import CALLBACK_OPTIONS, setting_label
from elbowroom.samplers import NO_SAMPLER, SAMPLERS
from elbowroom.training.callbacks.optimization import SCHEDULES
from elbowroom.training.optimizers import OPTIMIZERS

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
#: A name that an argument may have, what it is, and the setting that may follow a colon.
_Suggestion = tuple[str, str, str]

#: What the default of an option is, in the words of its help.
_DEFAULT_WORDS = re.compile(r"(?:by default|if open,|if not given,?) (?P<words>[^;]+)$")


def recipe_form(recipe: Recipe) -> dict[str, Any]:
    """Return a recipe with the form fields of its arguments."""
    fields = [argument_field(argument) for argument in recipe.arguments.values()]
    about = {"name": recipe.name, "summary": recipe.summary, "paper": recipe.paper}
    return about | {"fields": fields, "defaults": recipe.defaults}


def argument_field(argument: Argument) -> dict[str, Any]:
    """Return the form field of an argument of a recipe, or of an option of training or data."""
    is_names = get_origin(argument.type) is tuple and (argument.item_type is str or bool(argument.choices))
    kind = "str" if is_names else "choice" if argument.choices else _TYPE_NAMES[argument.type]
    default = None if argument.is_required else ",".join(argument.default) if is_names else argument.default
    return {
        "name": argument.name,
        "label": setting_label(argument.name),
        "type": kind,
        "default": default,
        "placeholder": _placeholder(argument),
        "required": argument.is_required,
        "optional": argument.is_optional,
        "choices": list(argument.choices) if kind == "choice" else None,
        "suggestions": _suggestions(argument),
        "group": _group(argument),
        "help": argument.help,
    }


def _group(argument: Argument) -> str:
    """Return what a setting is about: data, callbacks or training; an argument of a recipe has no use for it."""
    if argument.name in CALLBACK_OPTIONS:
        return "callbacks"
    return "data" if argument.name in arguments_of(DataConfig) and argument.name != "seed" else "training"


def _placeholder(argument: Argument) -> str:
    """Return what an empty field stands for, or an example of what may be written into it."""
    if found := _DEFAULT_WORDS.search(argument.help):
        return found["words"]
    if argument.type == tuple[int, int]:
        return "28, 20"
    examples = {"columns": "zip=category, id=drop", "only": "0, 1", "value_range": "0, 255", "freeze": "encoder"}
    return examples.get(argument.name, "off" if argument.is_optional else "")


def _suggestions(argument: Argument) -> list[dict[str, str]]:
    """Return the names that a text argument may be, each with what it is and the setting that may follow a colon."""
    if argument.type is not str or argument.name not in _SUGGESTED:
        return []
    rows = _SUGGESTED[argument.name]()
    return [{"value": value, "about": about, "setting": setting} for value, about, setting in rows]


def _names(table: Iterable[str]) -> Callable[[], list[_Suggestion]]:
    return lambda: [(name, "", "") for name in table]


def _likelihoods() -> list[_Suggestion]:
    return [(name, LIKELIHOODS.help(name), LIKELIHOODS[name].settings) for name in LIKELIHOODS]


def _networks() -> list[_Suggestion]:
    return [(name, NETWORKS.help(name), "") for name in NETWORKS] + [(AUTO, "Chosen from the shape of the data.", "")]


def _priors() -> list[_Suggestion]:
    return [(name, PRIORS.help(name), PRIORS[name].setting) for name in PRIORS]


def _posteriors() -> list[_Suggestion]:
    return [(NORMAL, "A diagonal normal.", ""), *((name, FLOWS.help(name), "LAYERS") for name in FLOWS)]


def _samplers() -> list[_Suggestion]:
    fitted = [name for name in SAMPLERS if SAMPLERS[name].requires_fit]
    rows = [(name, SAMPLERS.help(name), SAMPLERS[name].option.upper()) for name in fitted]
    return [*rows, (NO_SAMPLER, "Samples are of the prior alone.", "")]


#: What a text argument may be, by its name.
_SUGGESTED: dict[str, Callable[[], list[_Suggestion]]] = {
    "activation": _names(ACTIVATIONS),
    "likelihood": _likelihoods,
    "network": _networks,
    "optimizer": _names(OPTIMIZERS),
    "posterior": _posteriors,
    "prior": _priors,
    "sampler": _samplers,
    "schedule": _names(SCHEDULES),
}
