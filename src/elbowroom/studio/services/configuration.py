"""Configuration of a run for a reader: its settings with their labels, and which of them have their defaults."""

from __future__ import annotations

from typing import Any

from elbowroom.argument import arguments_of
from elbowroom.data import DataConfig
from elbowroom.recipes.registry import all_recipes
from elbowroom.runs.settings import flat_settings, format_named_setting, setting_label, train_options

#: Settings that come first, and are shown though they have their defaults.
MAIN_SETTINGS = (
    *("recipe", "data", "objective", "latent", "likelihood", "epochs", "steps"),
    *("batch_size", "lr", "optimizer", "seed"),
)


def list_settings(record: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the settings of a record, the main ones first: name, label, value in words, whether it is the default.

    >>> record = {"recipe": "beta_vae", "arguments": {"latent": 2, "beta": 4.0}, "objective": "(a + b)"}
    >>> record |= {"data": {"name": "digits"}, "training": {"seed": 0, "lr": 0.01, "callbacks": []}}
    >>> [row["label"] for row in list_settings(record) if not row["is_default"]]
    ['recipe', 'data', 'objective', 'latent', 'learning rate']
    """
    if not record:
        return []
    settings, defaults = flat_settings(record), _defaults(record.get("recipe"))
    rows = [
        {
            "name": name,
            "label": setting_label(name),
            "value": format_named_setting(name, value),
            "is_main": name in MAIN_SETTINGS,
            "is_default": _is_default(name, value, defaults),
        }
        for name, value in settings.items()
        if not (name == "steps" and value is None) and not (name == "epochs" and value is None)
    ]
    return sorted(rows, key=lambda row: MAIN_SETTINGS.index(row["name"]) if row["is_main"] else len(MAIN_SETTINGS))


def _defaults(recipe: str | None) -> dict[str, Any]:
    """Return the defaults of settings by name."""
    arguments = all_recipes()[recipe].arguments if recipe is not None and recipe in all_recipes() else {}
    known = arguments_of(DataConfig) | train_options() | arguments
    return {name: argument.default for name, argument in known.items()} | {"callbacks": []}


def _is_default(name: str, value: Any, defaults: dict[str, Any]) -> bool:
    if name not in defaults:
        return value in (None, [], "")
    default = defaults[name]
    return value in (default, None) or (isinstance(value, list) and tuple(value) == tuple(default or ()))
