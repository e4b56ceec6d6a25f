"""The table of recipes: a signature and a docstring make the flags, the row, the form and the citation."""

from __future__ import annotations

import importlib.util
import inspect
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_type_hints

from elbowroom import advice

if TYPE_CHECKING:
    from elbowroom.model import Generative
    from elbowroom.objectives import Term

#: Every recipe by its name.
RECIPES: dict[str, Recipe] = {}


@dataclass(frozen=True)
class Field:
    """One argument of a recipe: what a flag or a form's row is made of."""

    name: str
    type: Any
    default: Any
    help: str


class Recipe:
    """A function from a shape to ``(model, objective)``, with what it says of itself.

    Attributes:
        name: the function's.
        paper: authors and year, with the arXiv number or where else to find it.
        summary: the docstring's first line.
        fields: its arguments by name, those of the recipe it extends included.
    """

    def __init__(self, function: Callable[..., tuple[Any, Any]], paper: str, extends: Recipe | None) -> None:
        self.name, self.paper, self._function = function.__name__, paper, function
        doc = inspect.getdoc(function) or ""
        self.__doc__, self.__name__, self.__module__ = doc, self.name, function.__module__
        self.summary = doc.partition("\n")[0]
        own, inherited = _fields(function, doc), {} if extends is None else extends.fields
        self.fields: dict[str, Field] = own | inherited | own

    def __call__(self, shape: tuple[int, ...], **arguments: Any) -> tuple[Generative, Term]:
        """Make model and objective for examples of this shape; the model remembers how it was made."""
        from elbowroom.model import Origin

        for name in arguments:
            if name not in self.fields:
                raise advice.unknown(f"argument of {self.name}", name, self.fields)
        model, objective = self._function(tuple(shape), **arguments)
        full = {name: field.default for name, field in self.fields.items()} | arguments
        model.origin = Origin(self.name, tuple(shape), full)
        return model, objective

    def __repr__(self) -> str:
        return f"<recipe {self.name}: {self.paper}>"


def _fields(function: Callable[..., Any], doc: str) -> dict[str, Field]:
    from docstring_parser import parse

    helps = {p.arg_name: (p.description or "").replace("\n", " ") for p in parse(doc).params}
    # The return type is left alone: to evaluate it would import torch.
    annotations = {name: hint for name, hint in function.__annotations__.items() if name != "return"}
    hints = get_type_hints(type("Signature", (), {"__annotations__": annotations}), function.__globals__)
    own = list(inspect.signature(function).parameters.values())[1:]
    return {
        p.name: Field(p.name, hints.get(p.name, str), p.default, helps.get(p.name, ""))
        for p in own
        if p.kind is not inspect.Parameter.VAR_KEYWORD
    }


def recipe(paper: str, extends: Recipe | None = None) -> Callable[[Callable[..., tuple[Any, Any]]], Recipe]:
    """Enter a function into the table of recipes, under its own name.

    Args:
        paper: what it reproduces: authors, year, arXiv number.
        extends: a recipe whose arguments it takes too, and passes on as ``**rest``.

    >>> import elbowroom as er
    >>> @er.recipe("Example 2026", extends=er.recipes.vae)
    ... def half_kl_vae(shape, **rest):
    ...     "The VAE with half the KL."
    ...     model, _ = er.recipes.vae(shape, **rest)
    ...     return model, er.Reconstruction() + 0.5 * er.KL()
    >>> half_kl_vae.fields["latent"].default
    20
    >>> del er.recipes.RECIPES["half_kl_vae"]
    """

    def enter(function: Callable[..., tuple[Any, Any]]) -> Recipe:
        entry = Recipe(function, paper, extends)
        RECIPES[entry.name] = entry
        return entry

    return enter


def find(name: str) -> Recipe:
    """The recipe of this name; those in the files named by ``ELBOWROOM_RECIPES`` are read first.

    Raises:
        ValueError: there is none, with the nearest name.
    """
    table = known()
    if name not in table:
        raise advice.unknown("recipe", name, table, "; your own: set ELBOWROOM_RECIPES to the file that defines it")
    return table[name]


def known() -> Mapping[str, Recipe]:
    """All recipes, those in the files named by ``ELBOWROOM_RECIPES`` (separated as in PATH) included."""
    for entry in filter(None, os.environ.get("ELBOWROOM_RECIPES", "").split(os.pathsep)):
        _read(Path(entry).resolve())
    return RECIPES


_READ: set[Path] = set()


def _read(path: Path) -> None:
    if path in _READ:
        return
    if not path.is_file():
        raise ValueError(f"ELBOWROOM_RECIPES names {path}, which is not a file: give the Python file with your recipes")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    spec.loader.exec_module(importlib.util.module_from_spec(spec))
    _READ.add(path)
