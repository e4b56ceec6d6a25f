"""The table of recipes: a signature and a docstring make the flags, the row, the form and the citation."""

from __future__ import annotations

import importlib.util
import inspect
import os
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_type_hints

from elbowroom import errors
from elbowroom.recipes.argument import Argument, argument_from_parameter
from elbowroom.table_shape import resolve_table_likelihood

if TYPE_CHECKING:
    from elbowroom.models.base import GenerativeModel
    from elbowroom.objectives import Term

#: Every recipe by its name.
RECIPES: dict[str, Recipe] = {}


class Recipe:
    """A function from a shape to ``(model, objective)``, with what it says of itself.

    Attributes:
        name: the function's.
        paper: authors and year, with the arXiv number or where else to find it.
        summary: the docstring's first line.
        fields: its arguments by name, those of the recipe it extends included.
    """

    def __init__(self, function: Callable[..., tuple[Any, Any]], paper: str, extends: Recipe | None) -> None:
        self.name, self.paper, self.function = function.__name__, paper, function
        doc = inspect.getdoc(function) or ""
        self.__doc__, self.__name__, self.__module__ = doc, self.name, function.__module__
        self.summary = doc.partition("\n")[0]
        inherited = {} if extends is None else extends.arguments
        try:
            own = _own_arguments(function, doc, extends)
        except ValueError as error:
            raise ValueError(f"recipe {self.name}: {error}") from None
        self.arguments: dict[str, Argument] = own | inherited | own

    def __call__(self, shape: tuple[int, ...], **arguments: Any) -> tuple[GenerativeModel, Term]:
        """Make model and objective for examples of this shape; the model remembers how it was made.

        Raises:
            ValueError: an argument is unknown, missing, or not what the recipe can be made with.
        """
        from elbowroom.models.base import RecipeCall

        for name in arguments:
            if name not in self.arguments:
                raise errors.unknown_name(f"argument of {self.name}", name, self.arguments)
        given: dict[str, Any] = {}
        try:
            given |= {name: self.arguments[name].convert(value) for name, value in arguments.items()}
            shape, likelihood = (
                resolve_table_likelihood(shape, given.get("likelihood"))
                if "likelihood" in self.arguments
                else (shape, None)
            )
            given |= {} if likelihood is None else {"likelihood": likelihood}
            model, objective = self._build(shape if likelihood else tuple(shape), given)
        except ValueError as error:
            raise _RecipeError(self._describe_call(given), error) from error
        full = {name: field.default for name, field in self.arguments.items()} | given
        model.recipe_call = RecipeCall(self.name, tuple(shape), full)
        return model, objective

    def _build(self, shape: tuple[int, ...], given: dict[str, Any]) -> tuple[GenerativeModel, Term]:
        from torch.nn import Module

        from elbowroom.objectives import Term

        missing = [field.name for field in self.arguments.values() if field.is_required and field.name not in given]
        if missing:
            raise ValueError(f"it needs {', '.join(missing)}: give a value")
        made = self.function(shape, **given)
        if isinstance(made, tuple) and len(made) == 2 and isinstance(made[0], Module) and isinstance(made[1], Term):
            return made
        got = f"({', '.join(type(part).__name__ for part in made)})" if isinstance(made, tuple) else type(made).__name__
        raise ValueError(f"it returned {got}: expected (model, objective), as 'return model, er.ELBO()'")

    def _describe_call(self, arguments: dict[str, Any]) -> str:
        """The recipe with the arguments that are not its defaults."""
        told = [f"{name}={value!r}" for name, value in arguments.items() if value != self.arguments[name].default]
        return f"recipe {self.name}" + (f"({', '.join(told)})" if told else "")

    def __repr__(self) -> str:
        return f"<recipe {self.name}: {self.paper}>"


class _RecipeError(ValueError):
    """A recipe that cannot be made; a recipe that calls it passes on the reason under its own name."""

    def __init__(self, call: str, reason: ValueError) -> None:
        self.reason: ValueError = reason.reason if isinstance(reason, _RecipeError) else reason
        super().__init__(f"{call}: {self.reason}")


def _own_arguments(function: Callable[..., Any], doc: str, extends: Recipe | None) -> dict[str, Argument]:
    from docstring_parser import parse

    helps = {p.arg_name: (p.description or "").replace("\n", " ") for p in parse(doc).params}
    own = _own_parameters(function, extends)
    # The rest is left alone: to evaluate a shape's or a model's type would import torch.
    annotations = {p.name: p.annotation for p in own if p.annotation is not p.empty}
    try:
        hints = get_type_hints(type("Signature", (), {"__annotations__": annotations}), _function_globals(function))
    except NameError as error:
        raise ValueError(f"an annotation cannot be read ({error}): import what it names") from None
    return {p.name: argument_from_parameter(p, hints.get(p.name), helps.get(p.name, "")) for p in own}


def _function_globals(function: Callable[..., Any]) -> dict[str, Any]:
    return getattr(inspect.unwrap(function), "__globals__", {})


def _own_parameters(function: Callable[..., Any], extends: Recipe | None) -> list[inspect.Parameter]:
    """The parameters after the shape, ``**rest`` left out."""
    parameters = list(inspect.signature(function).parameters.values())
    named = [p for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
    takes_rest = any(p.kind is p.VAR_KEYWORD for p in parameters)
    if not named or len(named) + takes_rest != len(parameters) or named[0].kind is inspect.Parameter.KEYWORD_ONLY:
        raise ValueError("it has to take the shape and arguments with names: write def my_recipe(shape, weight=1.0)")
    if extends is not None and not takes_rest:
        raise ValueError(f"it extends {extends.name}, whose arguments it does not take: add **rest, and pass them on")
    return named[1:]


def recipe(paper: str, extends: Recipe | None = None) -> Callable[[Callable[..., tuple[Any, Any]]], Recipe]:
    """Enter a function into the table of recipes, under its own name.

    Args:
        paper: what it reproduces: authors, year, arXiv number.
        extends: a recipe whose arguments it takes too, and passes on as ``**rest``.

    Raises:
        ValueError: when applied to a function whose name another has, or whose arguments make no flags.

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
        there = RECIPES.get(entry.name)
        if there is not None and not _is_redefinition(function, there.function):
            raise ValueError(
                f"there is a recipe '{entry.name}' already, from {there.__module__}: give yours another name"
            )
        RECIPES[entry.name] = entry
        return entry

    return enter


def _is_redefinition(function: Callable[..., Any], existing: Callable[..., Any]) -> bool:
    """Whether a function is the one in the table, executed again: a notebook's cell, a file under another name."""
    files = [Path(inspect.unwrap(f).__code__.co_filename).resolve() for f in (function, existing)]
    alike = function.__module__ == existing.__module__ or files[0] == files[1]
    return alike and function.__qualname__ == existing.__qualname__


def find(name: str) -> Recipe:
    """The recipe of this name; those in the files named by ``ELBOWROOM_RECIPES`` are read first.

    Raises:
        ValueError: there is none, with the nearest name.
    """
    table = all_recipes()
    if name not in table:
        raise errors.unknown_name(
            "recipe", name, table, "; your own: set ELBOWROOM_RECIPES to the file that defines it"
        )
    return table[name]


def all_recipes() -> Mapping[str, Recipe]:
    """All recipes, those in the files named by ``ELBOWROOM_RECIPES`` (separated as in PATH) included."""
    for entry in filter(None, os.environ.get("ELBOWROOM_RECIPES", "").split(os.pathsep)):
        _load_file(Path(entry).resolve())
    return RECIPES


_LOADED_FILES: set[Path] = set()


def _load_file(path: Path) -> None:
    if path in _LOADED_FILES:
        return
    if not (path.is_file() and path.suffix == ".py"):
        raise ValueError(f"ELBOWROOM_RECIPES names {path}, which is not a file: give the .py file of your recipes")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    _LOADED_FILES.add(path)
    try:
        spec.loader.exec_module(importlib.util.module_from_spec(spec))
    except (Exception, SystemExit) as error:  # whatever a user's file may raise
        _LOADED_FILES.discard(path)
        raise ValueError(f"{_describe_failure(error, path)}: mend it, or take it out of ELBOWROOM_RECIPES") from error


def _describe_failure(error: BaseException, path: Path) -> str:
    """The file, the line of it that failed, and how."""
    line, what = getattr(error, "lineno", "?"), getattr(error, "msg", str(error))
    for frame in traceback.extract_tb(error.__traceback__):
        if frame.filename == str(path):
            line, what = frame.lineno, str(error)
    return f"{path}, line {line}: {type(error).__name__}: {what}"
