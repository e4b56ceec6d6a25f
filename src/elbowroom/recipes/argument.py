"""One argument of a recipe: what its flag, its row in a form and its check are made of."""

from __future__ import annotations

from dataclasses import dataclass
from inspect import Parameter, formatannotation
from numbers import Integral, Real
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

#: The default of an argument that has none.
REQUIRED = Parameter.empty

#: The types an argument may have, besides a ``Literal`` of texts, and what is expected of its value.
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
        type: one of :data:`TYPE_DESCRIPTIONS`, or a ``Literal`` of texts.
        default: what it is when not given; :data:`REQUIRED` where it has to be.
        help: what the docstring says of it.
        is_optional: whether it may be None.
    """

    name: str
    type: Any
    default: Any
    help: str
    is_optional: bool = False

    @property
    def is_required(self) -> bool:
        """Whether the argument has to be given."""
        return self.default is REQUIRED

    def convert(self, value: Any) -> Any:
        """The value as the recipe takes it: plain Python, a list as a tuple.

        Raises:
            ValueError: it is of another type.

        >>> Argument("hidden", tuple[int, ...], (400,), "widths").read([64, 32])
        (64, 32)
        """
        kind, inside = get_origin(self.type) or self.type, get_args(self.type)
        if value is None and self.is_optional:
            return None
        if kind is Literal and value in inside:
            return value
        if kind is tuple and isinstance(value, tuple | list) and all(_is_of_type(inside[0], item) for item in value):
            return tuple(inside[0](item) for item in value)
        if kind in _ACCEPTED_TYPES and _is_of_type(kind, value):
            return kind(value)
        expected = TYPE_DESCRIPTIONS.get(self.type) or "one of " + ", ".join(map(repr, inside))
        raise ValueError(f"{self.name}={value!r}: expected {expected}")


def argument_from_parameter(parameter: Parameter, hint: Any, help: str) -> Argument:
    """The field of a parameter, its type taken from the default where it has no annotation.

    Raises:
        ValueError: a type that makes no flag, or a default of another type.
    """
    kind, optional = _split_optional(_infer_type(parameter.default) if hint is None else hint)
    texts = get_origin(kind) is Literal and all(isinstance(choice, str) for choice in get_args(kind))
    if kind not in TYPE_DESCRIPTIONS and not texts:
        what = "no annotation" if hint is None else f"the annotation {formatannotation(hint)}"
        raise ValueError(
            f"its argument '{parameter.name}' has {what}, which makes no flag: annotate it as int, float, str, bool, "
            "tuple[int, ...], tuple[float, ...] or Literal['a', 'b'], with '| None = None' if it may be left open"
        )
    made = Argument(parameter.name, kind, parameter.default, help, optional)
    if made.is_required:
        return made
    try:
        return Argument(made.name, kind, made.convert(made.default), help, optional)
    except ValueError as error:
        raise ValueError(f"the default {error}; change the default or the annotation") from None


def _is_of_type(kind: type, value: Any) -> bool:
    """Whether a value is of a simple type; True is no number here."""
    return isinstance(value, _ACCEPTED_TYPES[kind]) and (kind is bool or not isinstance(value, bool))


def _infer_type(default: Any) -> Any:
    """The type that a default speaks for."""
    if not isinstance(default, tuple):
        return type(default)
    inside = {type(item) for item in default}
    return tuple[int, ...] if inside == {int} else tuple[float, ...] if inside and inside <= {int, float} else tuple


def _split_optional(hint: Any) -> tuple[Any, bool]:
    """``X | None`` as X and True, anything else as itself and False."""
    kinds = [kind for kind in get_args(hint) if kind is not NoneType]
    if get_origin(hint) in (Union, UnionType) and len(kinds) == 1:
        return kinds[0], True
    return hint, False
