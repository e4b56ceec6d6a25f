"""Registry of recipes: flags, form and citation are derived from a function's signature and docstring."""

from __future__ import annotations

import importlib.util
import inspect
import os
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast, get_type_hints

from elbowroom import deprecation, errors
from elbowroom.argument import Argument, argument_from_parameter
from elbowroom.display import Displayed
from elbowroom.registry import Registry
from elbowroom.table_shape import TableShape
from elbowroom.view_shape import resolve_likelihood

if TYPE_CHECKING:
    from torch.nn import Module

    from elbowroom.models.base import GenerativeModel
    from elbowroom.objectives import Term

#: What examples of so many dimensions are, in words.
EXAMPLE_KINDS = {1: "vectors and tables", 2: "series (C, T)", 3: "images (C, H, W)"}
#: All recipes by name: those of this package's modules, then others.
RECIPES: Registry[Recipe] = Registry(
    "recipe",
    ("elbowroom.recipes.vae", ".*"),
    advice="; your own: set ELBOWROOM_RECIPES to the file that defines it",
)


class Recipe(Displayed):
    """A function from a shape to ``(model, objective)``, with its metadata.

    Attributes:
        name: of the function.
        paper: authors and year, with the arXiv number or another reference.
        summary: the first line of the docstring.
        equation: the paragraph of the docstring that begins with "Minimized: "; empty if there is none.
        arguments: by name, including those of the recipe it extends.
        sampler: the name of the density fitted to latents that the paper samples from, in place of the prior; that of
            the recipe it extends if it has none of its own.
        defaults: of the training and its data on the command line and in the studio, where they differ from the usual
            ones, by name; those of the recipe it extends if it has none of its own.
        dimensions: of the examples that it takes, as (2, 3) for series and images; empty for any. Those of the recipe
            it extends if it has none of its own.
        table_likelihood: what the rows of a table have where no likelihood is given; that of the recipe it extends if
            it has none of its own.
    """

    def __init__(
        self,
        function: Callable[..., tuple[Any, Any]],
        paper: str,
        extends: Recipe | None,
        without: tuple[str, ...] = (),
        sampler: str | None = None,
        defaults: Mapping[str, Any] | None = None,
        dimensions: tuple[int, ...] = (),
        table_likelihood: str | None = None,
    ) -> None:
        self.name, self.paper, self.function = function.__name__, paper, function
        doc = inspect.getdoc(function) or ""
        self.__doc__, self.__name__, self.__module__ = doc, self.name, function.__module__
        self.summary = doc.partition("\n")[0]
        self.equation = next((part for part in doc.split("\n\n") if part.startswith("Minimized: ")), "")
        self.sampler: str | None = sampler or (None if extends is None else extends.sampler)
        self.defaults: dict[str, Any] = dict(defaults or ({} if extends is None else extends.defaults))
        self.dimensions: tuple[int, ...] = dimensions or (() if extends is None else extends.dimensions)
        self.table_likelihood: str | None = table_likelihood or (None if extends is None else extends.table_likelihood)
        inherited = {} if extends is None else {**extends.arguments}
        for argument in without:
            del inherited[argument]
        try:
            own = _own_arguments(function, doc, extends)
        except ValueError as error:
            raise ValueError(f"recipe {self.name}: {error}") from None
        self.arguments: dict[str, Argument] = own | inherited | own
        self.__signature__ = _signature_of(self.arguments)
        if inherited:
            self.__doc__ += f"\n\nArguments of {extends.name if extends else ''}, which it also takes:\n" + "\n".join(
                f"    {name}: {argument.help}" for name, argument in inherited.items() if name not in own
            )

    def __call__(
        self, shape: tuple[int, ...], *, seed: int | None = None, **arguments: Any
    ) -> tuple[GenerativeModel, Term]:
        """Make model and objective for examples of this shape; ``model.recipe_call`` records the call.

        Args:
            shape: of an example.
            seed: of the initial weights. Without it they are drawn as :func:`~elbowroom.seeding.weights_rng` says, so
                that a program gives the same when it runs again.
            **arguments: those of the recipe.

        Raises:
            ValueError: an argument is unknown, missing or invalid.
        """
        from elbowroom.models.base import RecipeCall
        from elbowroom.seeding import weights_rng

        if seed is not None and "seed" in self.arguments:
            arguments, seed = arguments | {"seed": seed}, None
        for name in arguments:
            if name not in self.arguments:
                raise errors.unknown_name(f"argument of {self.name}", name, self.arguments)
        given: dict[str, Any] = {}
        try:
            self._check_dimensions(shape)
            given |= {name: self.arguments[name].convert(value) for name, value in arguments.items()}
            likelihood = None
            if "likelihood" not in self.arguments:
                self._check_numbers(shape)
            else:
                own = self.table_likelihood if isinstance(shape, TableShape) else None
                shape, likelihood = resolve_likelihood(shape, given.get("likelihood") or own)
            if likelihood is not None:
                given["likelihood"] = deprecation.current_likelihood(likelihood)
            with weights_rng(seed) as used_seed:
                model, objective = self._build(shape if likelihood else tuple(shape), given)
        except ValueError as error:
            raise _RecipeError(self._describe_call(given), error) from error
        defaults = {name: argument.default for name, argument in self.arguments.items()}
        model.recipe_call = RecipeCall(self.name, tuple(shape), defaults | given, used_seed)
        return model, objective

    def takes(self, shape: tuple[int, ...]) -> bool:
        """Whether it takes examples of this shape, by their number of dimensions."""
        return not self.dimensions or len(shape) in self.dimensions

    def _check_numbers(self, shape: tuple[int, ...]) -> None:
        """Raise a ValueError for a table with categories: the recipe has a likelihood of its own, of numbers."""
        if isinstance(shape, TableShape) and max(shape.sizes) > 1:
            raise ValueError(
                "it takes numbers, and this table has columns of categories: train vae, or leave them out with "
                "--columns NAME=drop"
            )

    def _check_dimensions(self, shape: tuple[int, ...]) -> None:
        if not self.takes(shape):
            kinds = " or ".join(EXAMPLE_KINDS[n] for n in self.dimensions)
            size = "x".join(map(str, shape)) if len(shape) > 1 else f"rows of {shape[0]} values"
            series = (
                " (--series says how a table or an array holds series)"
                if len(shape) == 1 and self.takes((1, 1))
                else ""
            )
            raise ValueError(
                f"it takes {kinds}, and these examples are {size}: give such data{series}, or train another recipe"
            )

    def _build(self, shape: tuple[int, ...], given: dict[str, Any]) -> tuple[GenerativeModel, Term]:
        from torch.nn import Module

        from elbowroom.objectives import Term

        missing = [name for name, argument in self.arguments.items() if argument.is_required and name not in given]
        if missing:
            raise ValueError(f"it needs {', '.join(missing)}: give a value")
        match self.function(shape, **given):
            case tuple((Module() as model, Term() as objective)):
                return cast("GenerativeModel", model), objective
            case tuple() as values:
                got = f"({', '.join(type(value).__name__ for value in values)})"
            case value:
                got = type(value).__name__
        raise ValueError(f"it returned {got}: expected (model, objective), as 'return model, er.ELBO()'")

    def _describe_call(self, arguments: dict[str, Any]) -> str:
        """Return the recipe's name with the arguments that differ from their defaults."""
        changed = [f"{name}={value!r}" for name, value in arguments.items() if value != self.arguments[name].default]
        return f"recipe {self.name}" + (f"({', '.join(changed)})" if changed else "")

    def __repr__(self) -> str:
        return f"<recipe {self.name}: {self.paper}>"


class _RecipeError(ValueError):
    """A failed call of a recipe; a recipe that calls it reports the reason under its own name."""

    def __init__(self, call: str, reason: ValueError) -> None:
        self.reason: ValueError = reason.reason if isinstance(reason, _RecipeError) else reason
        super().__init__(f"{call}: {self.reason}")


def _own_arguments(function: Callable[..., Any], doc: str, extends: Recipe | None) -> dict[str, Argument]:
    from docstring_parser import parse

    helps = {p.arg_name: (p.description or "").replace("\n", " ") for p in parse(doc).params}
    own = _own_parameters(function, extends)
    # Only these annotations: evaluating those of shape and model would import torch.
    annotations = {p.name: p.annotation for p in own if p.annotation is not p.empty}
    try:
        hints = get_type_hints(
            type("Signature", (), {"__annotations__": annotations}), _function_globals(function), include_extras=True
        )
    except NameError as error:
        raise ValueError(f"an annotation cannot be read ({error}): import what it names") from None
    return {p.name: argument_from_parameter(p, hints.get(p.name), helps.get(p.name, "")) for p in own}


def _signature_of(arguments: Mapping[str, Argument]) -> inspect.Signature:
    """Return the signature of a call, which notebooks and editors show: the shape, and all arguments by name."""
    keyword = inspect.Parameter.KEYWORD_ONLY
    own = [inspect.Parameter(one.name, keyword, default=one.default, annotation=one.type) for one in arguments.values()]
    shape = inspect.Parameter("shape", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=tuple[int, ...])
    seed = [] if "seed" in arguments else [inspect.Parameter("seed", keyword, default=None, annotation=int | None)]
    return inspect.Signature([shape, *seed, *own])


def _function_globals(function: Callable[..., Any]) -> dict[str, Any]:
    return getattr(inspect.unwrap(function), "__globals__", {})


def _own_parameters(function: Callable[..., Any], extends: Recipe | None) -> list[inspect.Parameter]:
    """Return the parameters after the shape, without ``**rest``."""
    parameters = list(inspect.signature(function).parameters.values())
    named = [p for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
    takes_rest = any(p.kind is p.VAR_KEYWORD for p in parameters)
    if not named or len(named) + takes_rest != len(parameters) or named[0].kind is inspect.Parameter.KEYWORD_ONLY:
        raise ValueError("it has to take the shape and arguments with names: write def my_recipe(shape, weight=1.0)")
    if extends is not None and not takes_rest:
        raise ValueError(f"it extends {extends.name}, whose arguments it does not take: add **rest, and pass them on")
    return named[1:]


def recipe(
    paper: str,
    extends: Recipe | None = None,
    without: tuple[str, ...] = (),
    sampler: str | None = None,
    defaults: Mapping[str, Any] | None = None,
    dimensions: tuple[int, ...] = (),
    table_likelihood: str | None = None,
) -> Callable[[Callable[..., tuple[Any, Any]]], Recipe]:
    """Register a function as a recipe, under its own name.

    Args:
        paper: that it reproduces: authors, year, arXiv number.
        extends: a recipe whose arguments it also takes, and passes on as ``**rest``.
        without: arguments of that recipe that have no meaning in this one.
        sampler: the name of the density that the paper fits to the latents and samples from, as "mixture:10": a run of
            the recipe samples from it by default. If not given, that of the recipe it extends, or else the prior.
        defaults: published settings of the training, as ``{"batch_size": 64, "schedule": "one-cycle"}``: the defaults
            of these flags of ``elbowroom train`` and fields of the studio, where no ``--preset`` is given. Options of
            data are for images in files. ``er.fit`` takes what it is given. If not given, those of the recipe that it
            extends.
        dimensions: of the examples that it takes, where not any: 3 for images (C, H, W), 2 for series (C, T), 1 for
            vectors and tables. If not given, those of the recipe that it extends.
        table_likelihood: of the rows of a table where none is given, as "bins". If not given, that of the recipe that
            it extends, or else columns.

    Raises:
        ValueError: when applied to a function whose name is taken, or whose arguments cannot be flags.

    >>> import elbowroom as er
    >>> @er.recipe("Example 2026", extends=er.recipes.vae)
    ... def half_kl_vae(shape, **rest):
    ...     "The VAE with half the KL."
    ...     model, _ = er.recipes.vae(shape, **rest)
    ...     return model, er.Reconstruction() + 0.5 * er.KL()
    >>> half_kl_vae.arguments["latent"].default
    20
    >>> del er.recipes.RECIPES["half_kl_vae"]
    """

    def register(function: Callable[..., tuple[Any, Any]]) -> Recipe:
        entry = Recipe(function, paper, extends, without, sampler, defaults, dimensions, table_likelihood)
        existing = RECIPES.get(entry.name)
        if existing is not None and not _is_redefinition(function, existing.function):
            raise ValueError(
                f"there is a recipe '{entry.name}' already, from {existing.__module__}: give yours another name"
            )
        return RECIPES.add(entry.name, entry, entry.summary)

    return register


def _is_redefinition(function: Callable[..., Any], existing: Callable[..., Any]) -> bool:
    """Whether a function redefines a registered one: a notebook's cell run again, a file under another module name."""
    files = [Path(inspect.unwrap(f).__code__.co_filename).resolve() for f in (function, existing)]
    is_same_source = function.__module__ == existing.__module__ or files[0] == files[1]
    return is_same_source and function.__qualname__ == existing.__qualname__


def find(name: str) -> Recipe:
    """Return the recipe of this name; the files named by ``ELBOWROOM_RECIPES`` are read first.

    Raises:
        ValueError: there is none; the message has the nearest name.
    """
    return all_recipes().find(name)


def seed_of_weights(model: Module) -> int | None:
    """Return the seed that a recipe draws the very weights of this model from; ``None`` where there is none.

    They are drawn again and compared, so that it does not claim what does not hold of weights that were trained,
    loaded or changed since.

    >>> import elbowroom as er
    >>> model, _ = er.recipes.vae((1, 8, 8), seed=3)
    >>> seed_of_weights(model)
    3
    """
    from elbowroom.models.base import recipe_call_of
    from elbowroom.serialization import named_tensors

    call = recipe_call_of(model)
    if call is None or call.seed is None:
        return None
    again, _ = find(call.recipe)(call.shape, seed=call.seed, **call.arguments)
    drawn, own = named_tensors(again), named_tensors(model)
    is_same = list(drawn) == list(own) and all(drawn[name].equal(tensor.cpu()) for name, tensor in own.items())
    return call.seed if is_same else None


def all_recipes() -> Registry[Recipe]:
    """Return all recipes, including those in the files named by ``ELBOWROOM_RECIPES`` (separated as in PATH)."""
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
    except (Exception, SystemExit) as error:  # a user's file may raise anything
        _LOADED_FILES.discard(path)
        raise ValueError(f"{_describe_failure(error, path)}: fix it, or remove it from ELBOWROOM_RECIPES") from error


def _describe_failure(error: BaseException, path: Path) -> str:
    """Return the file, the line of it that failed, and the error."""
    line, message = getattr(error, "lineno", "?"), getattr(error, "msg", str(error))
    for frame in traceback.extract_tb(error.__traceback__):
        if frame.filename == str(path):
            line, message = frame.lineno, str(error)
    return f"{path}, line {line}: {type(error).__name__}: {message}"
