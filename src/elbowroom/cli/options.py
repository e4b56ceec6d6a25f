"""Options of the command line: made from a recipe's signature, preset, or read from a TOML file."""

from __future__ import annotations

import contextlib
import functools
import math
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, get_origin

import click

from elbowroom import deprecation, errors
from elbowroom.argument import Argument, flag_name
from elbowroom.recipes.registry import find
from elbowroom.runs.settings import train_options

CommandT = TypeVar("CommandT", bound=Callable[..., Any])
#: Seeds that numpy and torch both accept.
SEED_TYPE = click.IntRange(0, 2**32 - 1)


class FiniteFloat(click.types.FloatParamType):
    """A finite number: neither infinite nor NaN."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        number = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value!r} is not a finite number")
        return number


class FiniteFloatRange(FiniteFloat, click.FloatRange):
    """A finite number within limits."""


class NumberList(click.ParamType[tuple[float, ...]]):
    """Numbers separated by commas, as ``400,200``; ``none`` for an empty list."""

    name = "N,N,…"

    def __init__(self, kind: type[int] | type[float] = int) -> None:
        self.kind = kind

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[float, ...]:
        if isinstance(value, tuple):
            return value
        parts = [] if value.strip().lower() in ("", "none") else value.split(",")
        with contextlib.suppress(ValueError):
            numbers = tuple(self.kind(part) for part in parts)
            if all(map(math.isfinite, numbers)):
                return numbers
        kind, example = ("whole", "400,200") if self.kind is int else ("finite", "0.5,1")
        self.fail(f"{value!r} is not a list of {kind} numbers: write them as {example}, or none")


class HeightWidth(NumberList):
    """Height and width as ``28,20``, or one number for both."""

    name = "H,W"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[float, ...]:
        sides = super().convert(value, param, ctx)
        if len(sides) not in (1, 2) or min(sides) < 1:
            self.fail(f"{value!r} is no size: give height,width or one number for both, each at least 1")
        return sides * 2 if len(sides) == 1 else sides


class CountOrFraction(click.ParamType[int | float]):
    """A count of examples, or a fraction of them below 1."""

    name = "N|FRACTION"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int | float:
        try:
            number = float(value)
        except (TypeError, ValueError):
            self.fail(f"{value!r} is neither a count of examples nor a fraction of them")
        if not math.isfinite(number):
            self.fail(f"{value!r} is not a finite number")
        return int(value) if str(value).strip().isdigit() else number


class NameList(click.ParamType[tuple[str, ...]]):
    """Names separated by commas, as ``validation,test``, or ``none``; the argument checks them."""

    name = "NAME,NAME,…"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, ...]:
        if not isinstance(value, str):
            return tuple(value)
        return () if value == "none" else tuple(filter(None, value.replace(" ", "").split(",")))


#: Flags of numbers within limits, by the type of the number.
_RANGES: dict[Any, Any] = {int: click.IntRange, float: FiniteFloatRange}


def option_from_argument(argument: Argument) -> click.Option:
    """Make the option for one argument of a recipe, or one option of training or data."""
    flag = flag_name(argument.name)
    shared: dict[str, Any] = {"help": argument.help, "required": argument.is_required}
    if not argument.is_required:
        # In the syntax of the command line, in which help shows it too.
        shared["default"] = _list_to_text(argument.default) if isinstance(argument.default, tuple) else argument.default
        shared["show_default"] = argument.default is not None
    if argument.type is bool:
        return click.Option([argument.name, f"{flag}/--no-{flag[2:]}"], **shared)
    return click.Option([argument.name, flag], type=_flag_type(argument), **shared)


def _flag_type(argument: Argument) -> Any:
    is_list = get_origin(argument.type) is tuple
    if argument.choices:
        return NameList() if is_list else click.Choice(argument.choices)
    if is_list and argument.item_type is str:
        return NameList()
    if is_list:
        return HeightWidth() if argument.type == tuple[int, int] else NumberList(argument.item_type)
    if argument.minimum is not None and argument.type in _RANGES:
        return _RANGES[argument.type](argument.minimum, argument.maximum)
    return {float: FiniteFloat(), int | float: CountOrFraction()}.get(argument.type, argument.type)


def _list_to_text(items: tuple[Any, ...]) -> str:
    return ",".join(map(str, items)) or "none"


#: Options that several commands share: the same flag, type and words everywhere.
SHARED_OPTIONS: dict[str, tuple[tuple[str, ...], dict[str, Any]]] = {
    "data": (
        ("--data", "source"),
        {
            "metavar": "SOURCE",
            "help": "other data than the run's, coded by its record: a name, or a file or folder of your own",
        },
    ),
    "split": (
        ("--split",),
        {
            "metavar": "NAME",
            "help": "train, validation, test or all of them  [default: test; all of other data that has no splits]",
        },
    ),
    "samples": (
        ("--samples",),
        {"type": click.IntRange(1), "default": 20, "show_default": True, "help": "posterior samples per example"},
    ),
    "batch_size": (
        ("--batch-size",),
        {
            "type": click.IntRange(1),
            "default": 100,
            "show_default": True,
            "help": "examples at a time; changes no metric",
        },
    ),
    "seed": (("--seed",), {"type": SEED_TYPE, "default": 0, "show_default": True, "help": "of everything random"}),
    "device": (("--device",), {"help": "cpu, cuda or mps  [default: the fastest there is]"}),
    "resize": (
        ("--resize",),
        {"type": HeightWidth(), "help": "height,width to which images in files are resized  [default: as the run's]"},
    ),
    "label": (
        ("--label",),
        {
            "help": "of a conditional model: the class of all examples, as cat, or attributes, as Smiling=1,Male=0  "
            "[default: the labels of the data]"
        },
    ),
    "json": (("--json", "as_json"), {"is_flag": True, "help": "print JSON instead of a table"}),
    "quiet": (("-q", "--quiet"), {"is_flag": True, "help": "show no progress"}),
}


def shared_options(*names: str, **changes: dict[str, Any]) -> Callable[[CommandT], CommandT]:
    """Add options that several commands share to a command, in this order.

    Args:
        *names: of :data:`SHARED_OPTIONS`.
        **changes: what is otherwise for this command, by the name of the option: a default, or more words of help.
    """

    def add_options(command: CommandT) -> CommandT:
        for name in reversed([*names, *(name for name in changes if name not in names)]):
            flags, settings = SHARED_OPTIONS[name]
            command = click.option(*flags, **settings | changes.get(name, {}))(command)
        return command

    return add_options


def weights_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add ``--weights`` to a command with the argument ``run``, which then gets a run with these weights selected."""

    @click.option(
        "--weights",
        type=click.Choice(("final", "best", "checkpoint")),
        default="final",
        show_default=True,
        help="those that the training ended with, those with the lowest validation loss, or those of the last "
        "checkpoint, without averaging",
    )
    @functools.wraps(command)
    def with_weights(run: str | None, weights: Any, **values: Any) -> Any:
        from elbowroom.runs.run import Run

        return command(run=None if run is None else Run(run, weights), **values)

    return with_weights


def output_path(name: str, kinds: dict[str, str], flag: str = "--out") -> Path:
    """Check the name of a file to be written, before anything is computed for it.

    Args:
        name: as given.
        kinds: the suffixes that are allowed, with what each stands for.
        flag: the option that it was given with.

    Raises:
        ValueError: it has another suffix, or its folder does not exist.

    >>> output_path("x.gif", {".png": "a figure"})
    Traceback (most recent call last):
    ValueError: --out x.gif: the name must end in .png (a figure)
    """
    path = Path(name)
    if path.suffix not in kinds:
        *others, last = [f"{suffix} ({kind})" for suffix, kind in kinds.items()]
        raise ValueError(f"{flag} {name}: the name must end in {', '.join(others)}{' or ' if others else ''}{last}")
    if not path.parent.is_dir():
        raise ValueError(f"{flag} {name}: there is no folder {path.parent}; make it first")
    return path


def write_error(path: str | Path, error: OSError, flag: str = "--out") -> ValueError:
    """The error for a file that cannot be written."""
    return ValueError(f"cannot write {path} ({error.strerror or error}): give {flag} a place you may write to")


#: Settings that go together, by name; flags and a TOML file override them.
PRESETS: dict[str, dict[str, Any]] = {
    "classic": {},
    "fast": {"epochs": 4, "lr": 0.012, "schedule": "one-cycle"},
}


def apply_preset(ctx: click.Context, _: click.Parameter, name: str | None) -> None:
    """Take the defaults of the other options from a preset, where no TOML file gives them, and not from the recipe."""
    if name is None:
        return
    usual, changed = train_options(), find(str(ctx.command.name)).defaults
    for option in ctx.command.params:
        if option.name in changed:
            default = usual[option.name].default
            option.default = None if default is None else toml_to_text(default)
    ctx.default_map = PRESETS[name] | dict(ctx.default_map or {})


def echo_progress() -> Callable[[str], None]:
    """Return what prints a line of progress: nothing where ``--quiet`` or ``--no-progress`` was given."""
    shows = click.get_current_context().params.get("progress")
    return (lambda line: None) if shows is False else click.echo


def quiet_option() -> click.Option:
    """Make the option ``--quiet`` of a command with ``--no-progress``, which it stands for."""
    flags, settings = SHARED_OPTIONS["quiet"]
    settings = settings | {"help": f"{settings['help']}: --no-progress"}
    return click.Option(flags, expose_value=False, callback=apply_quiet, is_eager=True, **settings)


def apply_quiet(ctx: click.Context, _: click.Parameter, is_quiet: bool) -> None:
    """Show no progress."""
    if is_quiet:
        ctx.default_map = dict(ctx.default_map or {}) | {"progress": False}


def given_options() -> frozenset[str]:
    """Return the names of the current command's options that were given, on the command line or in a TOML file."""
    context = click.get_current_context()
    usual = (None, click.core.ParameterSource.DEFAULT)
    return frozenset(name for name in context.params if context.get_parameter_source(name) not in usual)


def is_given(name: str) -> bool:
    """Whether an option of the current command was given, on the command line or in a TOML file."""
    return name in given_options()


def recipe_of(run: str) -> str:
    """Return the recipe of a run, for a command that names none."""
    from elbowroom.runs.run import Run

    recipe = Run(run).record["recipe"]
    if recipe is None:
        raise ValueError(f"{run} was trained on a module of its own, which no recipe makes: start from it in Python")
    return str(recipe)


def apply_run(ctx: click.Context, _: click.Parameter, run: str | None) -> str | None:
    """Take the defaults of a recipe's options from the run that a training starts from, whose model has to be alike."""
    if run is None:
        return None
    from elbowroom.runs.run import Run

    arguments = {name: value for name, value in (Run(run).record["arguments"] or {}).items() if value is not None}
    known = {option.name for option in ctx.command.params}
    defaults = {name: toml_to_text(value) or "none" for name, value in arguments.items() if name in known}
    ctx.default_map = defaults | dict(ctx.default_map or {})
    return run


def apply_config(ctx: click.Context, _: click.Parameter, path: str | None) -> None:
    """Take the defaults of the other options from a TOML file, whose fields are named as the options are."""
    if path is None:
        return
    try:
        fields = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise ValueError(f"cannot read --config {path} ({error.strerror}): give a TOML file") from None
    except ValueError as error:
        raise ValueError(f"--config {path} is not TOML: {error}") from None
    flags = {p.name: p for p in ctx.command.params if p.name not in ("config", None)}
    ctx.default_map = dict(ctx.default_map or {})
    for name, value in deprecation.rename_fields(fields).items():
        flag = flags.get(name.replace("-", "_"))
        if flag is None:
            raise errors.unknown_name(f"field of {path}", name, [str(k) for k in flags])
        try:
            # A type may have a TOML syntax of its own.
            text = getattr(flag.type, "toml_to_text", toml_to_text)(value)
            ctx.default_map[str(flag.name)] = flag.type.convert(text, flag, ctx)
        except click.BadParameter as error:
            raise ValueError(f"--config {path}: {name} = {text}: {error.message.rstrip('.')}") from None
        except TypeError as error:
            raise ValueError(f"--config {path}: {name} is {error}: expected what --{name} takes") from None


def toml_to_text(value: Any) -> str:
    """Write a TOML value in the syntax of the command line, so that both are parsed and checked alike.

    >>> toml_to_text([400, 200]), toml_to_text(True), toml_to_text(1.5)
    ('400,200', 'true', '1.5')
    """
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        raise TypeError("a table")
    if isinstance(value, list):
        if any(isinstance(item, list) for item in value):
            raise TypeError("a list within a list")
        return ",".join(toml_to_text(item) for item in value)
    return str(value)
