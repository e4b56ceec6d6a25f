"""Typed arguments of recipes, trainings and data: the source of flags, form fields, signatures and checks."""

from __future__ import annotations

import dataclasses
import functools
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from inspect import Parameter, formatannotation
from numbers import Integral, Real
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from msgspec import Meta

from elbowroom import errors

T = TypeVar("T")

#: The default of a required argument.
REQUIRED = Parameter.empty

#: Types of arguments of recipes with limits; ``Annotated[int, Meta(ge=2, le=9)]`` makes others.
NonNegativeFloat = Annotated[float, Meta(ge=0)]
UnitFloat = Annotated[float, Meta(ge=0, le=1)]
NonNegativeInt = Annotated[int, Meta(ge=0)]
PositiveInt = Annotated[int, Meta(ge=1)]

#: The types of an argument, besides a ``Literal`` of strings or a tuple of them, with what is expected.
TYPE_DESCRIPTIONS: dict[Any, str] = {
    int: "a whole number",
    float: "a number",
    str: "a text",
    bool: "True or False",
    tuple[int, ...]: "whole numbers, as (400, 200)",
    tuple[float, ...]: "numbers, as (0.5, 1)",
    tuple[str, ...]: "names, as ('encoder', 'prior')",
}
_ACCEPTED_TYPES: dict[type, type] = {int: Integral, float: Real, str: str, bool: bool}


@dataclass(frozen=True)
class Argument:
    """One argument of a recipe, or one option of a training or of data.

    Attributes:
        name: the argument's.
        type: one of :data:`TYPE_DESCRIPTIONS`, a ``Literal`` of strings, or a tuple of those.
        default: its default value; :data:`REQUIRED` if it has none.
        help: its description.
        is_optional: whether it may be None.
        minimum: its smallest value.
        maximum: its largest value.
        takes_objects: whether Python also takes values of other types, which are checked where they are used.
    """

    name: str
    type: Any
    default: Any
    help: str
    is_optional: bool = False
    minimum: float | None = None
    maximum: float | None = None
    takes_objects: bool = False

    @property
    def item_type(self) -> Any:
        """The type of the items of a tuple; that of any other value."""
        return get_args(self.type)[0] if get_origin(self.type) is tuple else self.type

    @property
    def choices(self) -> tuple[str, ...]:
        """The strings that the value, or each item of it, is one of."""
        return get_args(self.item_type) if get_origin(self.item_type) is Literal else ()

    @property
    def is_required(self) -> bool:
        """Whether the argument has no default."""
        return self.default is REQUIRED

    def convert(self, value: Any) -> Any:
        """Return the value as a recipe or a dataclass of settings takes it: a plain Python type, a list as a tuple.

        Raises:
            ValueError: the value is of another type, or outside the limits.

        >>> Argument("hidden", tuple[int, ...], (400,), "widths").convert([64, 32])
        (64, 32)
        """
        if self.takes_objects or (value is None and self.is_optional):
            return value
        is_tuple = get_origin(self.type) is tuple
        items = value if is_tuple and not isinstance(value, str) else (value,)
        if not isinstance(items, tuple | list) or not all(map(self._is_valid, items)):
            raise self._type_error(value)
        converted = tuple(item if self.choices else self.item_type(item) for item in items)
        return converted if is_tuple else converted[0]

    def _is_valid(self, value: Any) -> bool:
        """Whether a value, or an item of it, is of the right type and within the limits."""
        if self.choices:
            return value in self.choices
        # NaN alone differs from itself; no setting means anything with it.
        return (
            _is_of_type(self.item_type, value)
            and value == value
            and (self.minimum is None or value >= self.minimum)
            and (self.maximum is None or value <= self.maximum)
        )

    def _type_error(self, value: Any) -> ValueError:
        if self.choices:
            items = value if isinstance(value, tuple | list) else (value,)
            unknown = next((item for item in items if item not in self.choices), value)
            return errors.unknown_name(self.name, str(unknown), self.choices)
        limits = "" if self.minimum is None else f", at least {self.minimum}"
        limits = limits if self.maximum is None else f" from {self.minimum} to {self.maximum}"
        return ValueError(f"{self.name}={value!r}: expected {TYPE_DESCRIPTIONS[self.type]}{limits}")


def flag_name(name: str) -> str:
    """Return the flag of an argument; a word that Python keeps for itself is a flag all the same.

    >>> flag_name("batch_size"), flag_name("init_from")
    ('--batch-size', '--from')
    """
    return {"init_from": "--from"}.get(name, f"--{name.replace('_', '-')}")


def argument_from_parameter(parameter: Parameter, hint: Any, help: str) -> Argument:
    """Make the argument of a parameter; without an annotation its type is that of the default.

    Raises:
        ValueError: a type that cannot be a flag, or a default of another type or outside the limits.

    >>> def reweighted(shape, beta: NonNegativeFloat = 1.0): ...
    >>> hint = get_type_hints(reweighted, include_extras=True)["beta"]
    >>> argument_from_parameter(inspect.signature(reweighted).parameters["beta"], hint, "of the KL").convert(-1.0)
    Traceback (most recent call last):
    ValueError: beta=-1.0: expected a number, at least 0
    """
    kind, optional = _split_optional(_infer_type(parameter.default) if hint is None else hint)
    limits = Meta()
    if get_origin(kind) is Annotated:
        kind, limits = get_args(kind)
    is_choice = get_origin(kind) is Literal and all(isinstance(choice, str) for choice in get_args(kind))
    if kind not in TYPE_DESCRIPTIONS and not is_choice:
        annotation = "no annotation" if hint is None else f"the annotation {formatannotation(hint)}"
        raise ValueError(
            f"its argument '{parameter.name}' has {annotation}, which makes no flag: annotate it as int, float, str, "
            "bool, tuple[int, ...] and the like, or Literal['a', 'b'], with '| None = None' if it may be left open"
        )
    argument = Argument(parameter.name, kind, parameter.default, help, optional, limits.ge, limits.le)
    if argument.is_required:
        return argument
    try:
        return replace(argument, default=argument.convert(argument.default))
    except ValueError as error:
        raise ValueError(f"the default {error}; change the default or the annotation") from None


def option(default: Any, help: str, *, minimum: int | None = None, maximum: int | None = None, flag: Any = None) -> Any:
    """Declare a field of a frozen dataclass of settings: its default, help and limits, from which all else is derived.

    Args:
        default: its default value.
        help: what it is, for flags, forms and docstrings.
        minimum: its smallest value.
        maximum: its largest value.
        flag: the type of flag and form field, where Python takes objects of other types as well.
    """
    return field(default=default, metadata={"help": help, "minimum": minimum, "maximum": maximum, "flag": flag})


def arguments_of(config: Any) -> dict[str, Argument]:
    """Return the options of a dataclass of settings, by name."""
    return _read_options(config)


@functools.cache
def _read_options(config: Any) -> dict[str, Argument]:
    hints = get_type_hints(config)
    return {one.name: _argument_from_field(one, hints[one.name]) for one in fields(config)}


def _argument_from_field(one: dataclasses.Field[Any], hint: Any) -> Argument:
    kind, is_optional = _split_optional(hint)
    help, minimum, maximum, flag = (one.metadata[name] for name in ("help", "minimum", "maximum", "flag"))
    if flag is not None:
        return Argument(one.name, flag, one.default, help, one.default is None, minimum, maximum, takes_objects=True)
    return Argument(one.name, kind, one.default, help, is_optional, minimum, maximum)


def convert_options(config: Any) -> None:
    """Check the fields of a frozen dataclass of settings, and make them plain Python types.

    Raises:
        ValueError: a value is of another type than its field, or outside its limits.
    """
    for name, argument in arguments_of(type(config)).items():
        object.__setattr__(config, name, argument.convert(getattr(config, name)))


def config_from(config_class: Callable[..., T], values: Mapping[str, Any]) -> T:
    """Return the settings of this dataclass that are among these values; the others have their defaults."""
    return config_class(**{name: values[name] for name in arguments_of(config_class) if name in values})


def takes_options(config_class: Callable[..., Any]) -> Callable[[Callable[..., Any]], Any]:
    """Let a function with a parameter ``config`` take the fields of this dataclass as keyword arguments too.

    Signature and docstring list them. Those that are given replace the fields of a ``config``.

    >>> @dataclass(frozen=True)
    ... class Options:
    ...     size: int = option(2, "of the grid")
    >>> @takes_options(Options)
    ... def grid(name, config):
    ...     return name, config.size
    >>> grid("a", size=3), grid("a", Options(4)), str(inspect.signature(grid))
    (('a', 3), ('a', 4), "(name, config: 'Options | None' = None, *, size: 'int' = 2)")
    """
    options = {
        one.name: Parameter(one.name, Parameter.KEYWORD_ONLY, default=one.default, annotation=one.type)
        for one in fields(config_class)  # type: ignore[arg-type]  # a dataclass
    }

    def decorate(function: Callable[..., Any]) -> Any:
        own = dict(inspect.signature(function).parameters)
        own["config"] = own["config"].replace(default=None, annotation=f"{config_class.__name__} | None")
        signature = inspect.signature(function).replace(
            parameters=sorted([*own.values(), *options.values()], key=lambda parameter: parameter.kind)
        )

        @functools.wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            try:
                given = signature.bind(*args, **kwargs).arguments
            except TypeError as error:
                raise TypeError(f"{function.__name__}() {error}{_suggest_name(kwargs, signature)}") from None
            changed = {name: given.pop(name) for name in options if name in given}
            config = given.pop("config", None)
            return function(**given, config=replace(config or config_class(), **changed))

        call.__signature__ = signature  # type: ignore[attr-defined]  # read by inspect
        call.__doc__ = _list_options(function.__doc__ or "", config_class)
        return call

    return decorate


def _suggest_name(given: Mapping[str, Any], signature: inspect.Signature) -> str:
    """Return the question whether a parameter was meant that is nearly called as an unknown one; empty if none is.

    >>> _suggest_name({"epoch": 3}, inspect.signature(lambda epochs: None))
    ": did you mean 'epochs'?"
    """
    unknown = next((name for name in given if name not in signature.parameters), "")
    close = errors.nearest_name(unknown, signature.parameters, cutoff=0.7)
    return f": did you mean '{close}'?" if close else ""


def _list_options(doc: str, config_class: Any) -> str:
    """Put the options in the place of ``**options`` in a docstring."""
    before, line, after = doc.partition("        **options:")
    listed = "\n".join(f"        {name}: {argument.help}" for name, argument in arguments_of(config_class).items())
    return before + listed + "\n" + after.partition("\n")[2] if line else doc


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
