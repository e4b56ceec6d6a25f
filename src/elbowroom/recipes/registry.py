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
from elbowroom.recipes.argument import Field, field
from elbowroom.table_shape import resolve_table_likelihood

if TYPE_CHECKING:
    from elbowroom.models.base import Generative
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
        inherited = {} if extends is None else extends.fields
        try:
            own = _fields(function, doc, extends)
        except ValueError as error:
            raise ValueError(f"recipe {self.name}: {error}") from None
        self.fields: dict[str, Field] = own | inherited | own

    def __call__(self, shape: tuple[int, ...], **arguments: Any) -> tuple[Generative, Term]:
        """Make model and objective for examples of this shape; the model remembers how it was made.

        Raises:
            ValueError: an argument is unknown, missing, or not what the recipe can be made with.
        """
        from elbowroom.models.base import Origin

        for name in arguments:
            if name not in self.fields:
                raise errors.unknown(f"argument of {self.name}", name, self.fields)
        given: dict[str, Any] = {}
        try:
            given |= {name: self.fields[name].read(value) for name, value in arguments.items()}
            shape, likelihood = resolve_table_likelihood(shape, given.get("likelihood")) if "likelihood" in self.fields else (shape, None)
            given |= {} if likelihood is None else {"likelihood": likelihood}
            model, objective = self._cooked(shape if likelihood else tuple(shape), given)
        except ValueError as error:
            raise _Refused(self._call(given), error) from error
        full = {name: field.default for name, field in self.fields.items()} | given
        model.origin = Origin(self.name, tuple(shape), full)
        return model, objective

    def _cooked(self, shape: tuple[int, ...], given: dict[str, Any]) -> tuple[Generative, Term]:
        from torch.nn import Module

        from elbowroom.objectives import Term

        missing = [field.name for field in self.fields.values() if field.required and field.name not in given]
        if missing:
            raise ValueError(f"it needs {', '.join(missing)}: give a value")
        made = self.function(shape, **given)
        if isinstance(made, tuple) and len(made) == 2 and isinstance(made[0], Module) and isinstance(made[1], Term):
            return made
        got = f"({', '.join(type(part).__name__ for part in made)})" if isinstance(made, tuple) else type(made).__name__
        raise ValueError(f"it returned {got}: expected (model, objective), as 'return model, er.ELBO()'")

    def _call(self, arguments: dict[str, Any]) -> str:
        """The recipe with the arguments that are not its defaults."""
        told = [f"{name}={value!r}" for name, value in arguments.items() if value != self.fields[name].default]
        return f"recipe {self.name}" + (f"({', '.join(told)})" if told else "")

    def __repr__(self) -> str:
        return f"<recipe {self.name}: {self.paper}>"


class _Refused(ValueError):  # noqa: N818 - it is what happened
    """A recipe that cannot be made; a recipe that calls it passes on the reason under its own name."""

    def __init__(self, call: str, reason: ValueError) -> None:
        self.reason: ValueError = reason.reason if isinstance(reason, _Refused) else reason
        super().__init__(f"{call}: {self.reason}")


def _fields(function: Callable[..., Any], doc: str, extends: Recipe | None) -> dict[str, Field]:
    from docstring_parser import parse

    helps = {p.arg_name: (p.description or "").replace("\n", " ") for p in parse(doc).params}
    own = _arguments(function, extends)
    # The rest is left alone: to evaluate a shape's or a model's type would import torch.
    annotations = {p.name: p.annotation for p in own if p.annotation is not p.empty}
    try:
        hints = get_type_hints(type("Signature", (), {"__annotations__": annotations}), _names(function))
    except NameError as error:
        raise ValueError(f"an annotation cannot be read ({error}): import what it names") from None
    return {p.name: field(p, hints.get(p.name), helps.get(p.name, "")) for p in own}


def _names(function: Callable[..., Any]) -> dict[str, Any]:
    return getattr(inspect.unwrap(function), "__globals__", {})


def _arguments(function: Callable[..., Any], extends: Recipe | None) -> list[inspect.Parameter]:
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
        if there is not None and not _is_again(function, there.function):
            raise ValueError(
                f"there is a recipe '{entry.name}' already, from {there.__module__}: give yours another name"
            )
        RECIPES[entry.name] = entry
        return entry

    return enter


def _is_again(function: Callable[..., Any], there: Callable[..., Any]) -> bool:
    """Whether a function is the one in the table, executed again: a notebook's cell, a file under another name."""
    files = [Path(inspect.unwrap(f).__code__.co_filename).resolve() for f in (function, there)]
    alike = function.__module__ == there.__module__ or files[0] == files[1]
    return alike and function.__qualname__ == there.__qualname__


def find(name: str) -> Recipe:
    """The recipe of this name; those in the files named by ``ELBOWROOM_RECIPES`` are read first.

    Raises:
        ValueError: there is none, with the nearest name.
    """
    table = known()
    if name not in table:
        raise errors.unknown("recipe", name, table, "; your own: set ELBOWROOM_RECIPES to the file that defines it")
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
    if not (path.is_file() and path.suffix == ".py"):
        raise ValueError(f"ELBOWROOM_RECIPES names {path}, which is not a file: give the .py file of your recipes")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    _READ.add(path)
    try:
        spec.loader.exec_module(importlib.util.module_from_spec(spec))
    except (Exception, SystemExit) as error:  # whatever a user's file may raise
        _READ.discard(path)
        raise ValueError(f"{_where(error, path)}: mend it, or take it out of ELBOWROOM_RECIPES") from error


def _where(error: BaseException, path: Path) -> str:
    """The file, the line of it that failed, and how."""
    line, what = getattr(error, "lineno", "?"), getattr(error, "msg", str(error))
    for frame in traceback.extract_tb(error.__traceback__):
        if frame.filename == str(path):
            line, what = frame.lineno, str(error)
    return f"{path}, line {line}: {type(error).__name__}: {what}"
