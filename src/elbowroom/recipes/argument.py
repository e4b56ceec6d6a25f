"""Typed arguments of recipes: the source of flags, form fields and checks."""

from __future__ import annotations

from dataclasses import dataclass, replace
from inspect import Parameter, formatannotation
from numbers import Integral, Real
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

#: The default of a required argument.
REQUIRED = Parameter.empty

#: The types of an argument, besides a ``Literal`` of strings, with a description of the expected value.
TYPE_DESCRIPTIONS: dict[Any, str] = {
    int: "a whole number",
    float: "a number",
    str: "a text",
    bool: "True or False",
    tuple[int, ...]: "whole numbers, as (400, 200)",
    tuple[float, ...]: "numbers, as (0.5, 1)",
}
_ACCEPTED_TYPES: dict[type, type] = {int: Integral, float: Real, str: str, bool: bool}


@dataclass(frozen=True)
class Argument:
    """One argument of a recipe.

    Attributes:
        name: the argument's.
        type: one of :data:`TYPE_DESCRIPTIONS`, or a ``Literal`` of strings.
        default: its default value; :data:`REQUIRED` if it has none.
        help: its description in the docstring.
        is_optional: whether it may be None.
    """

    name: str
    type: Any
    default: Any
    help: str
    is_optional: bool = False

    @property
    def is_required(self) -> bool:
        """Whether the argument has no default."""
        return self.default is REQUIRED

    def convert(self, value: Any) -> Any:
        """Return the value as the recipe takes it: a plain Python type, a list as a tuple.

        Raises:
            ValueError: the value is of another type.

        >>> Argument("hidden", tuple[int, ...], (400,), "widths").convert([64, 32])
        (64, 32)
        """
        kind, parameters = get_origin(self.type) or self.type, get_args(self.type)
        if value is None and self.is_optional:
            return None
        if kind is Literal and value in parameters:
            return value
        if kind is tuple and isinstance(value, tuple | list) and all(_is_of_type(parameters[0], v) for v in value):
            return tuple(parameters[0](item) for item in value)
        if kind in _ACCEPTED_TYPES and _is_of_type(kind, value):
            return kind(value)
        expected = TYPE_DESCRIPTIONS.get(self.type) or "one of " + ", ".join(map(repr, parameters))
        raise ValueError(f"{self.name}={value!r}: expected {expected}")


def argument_from_parameter(parameter: Parameter, hint: Any, help: str) -> Argument:
    """Make the argument of a parameter; without an annotation its type is that of the default.

    Raises:
        ValueError: a type that cannot be a flag, or a default of another type.
    """
    kind, optional = _split_optional(_infer_type(parameter.default) if hint is None else hint)
    is_choice = get_origin(kind) is Literal and all(isinstance(choice, str) for choice in get_args(kind))
    if kind not in TYPE_DESCRIPTIONS and not is_choice:
        annotation = "no annotation" if hint is None else f"the annotation {formatannotation(hint)}"
        raise ValueError(
            f"its argument '{parameter.name}' has {annotation}, which makes no flag: annotate it as int, float, str, "
            "bool, tuple[int, ...], tuple[float, ...] or Literal['a', 'b'], with '| None = None' if it may be left open"
        )
    argument = Argument(parameter.name, kind, parameter.default, help, optional)
    if argument.is_required:
        return argument
    try:
        return replace(argument, default=argument.convert(argument.default))
    except ValueError as error:
        raise ValueError(f"the default {error}; change the default or the annotation") from None


def _is_of_type(kind: type, value: Any) -> bool:
    """Whether a value is of a simple type; a bool does not count as a number."""
    return isinstance(value, _ACCEPTED_TYPES[kind]) and (kind is bool or not isinstance(value, bool))


def _infer_type(default: Any) -> Any:
    """Return the type of a default; of a tuple, with that of its items."""
    if not isinstance(default, tuple):
        return type(default)
    types = {type(item) for item in default}
    return tuple[int, ...] if types == {int} else tuple[float, ...] if types and types <= {int, float} else tuple


def _split_optional(hint: Any) -> tuple[Any, bool]:
    """Return ``X | None`` as X and True, any other type as itself and False."""
    kinds = [kind for kind in get_args(hint) if kind is not NoneType]
    if get_origin(hint) in (Union, UnionType) and len(kinds) == 1:
        return kinds[0], True
    return hint, False
