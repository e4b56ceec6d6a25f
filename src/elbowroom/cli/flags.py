"""Flags: from a recipe's signature, and from a TOML file."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any, get_args, get_origin

import click

from elbowroom import advice
from elbowroom.recipes import Field


class Whole(click.ParamType):
    """Whole numbers separated by commas, as ``400,200``; ``none`` for no number at all."""

    name = "N,N,…"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, ...]:  # noqa: D102
        if isinstance(value, str):
            value = [] if value.strip().lower() in ("", "none") else value.split(",")
        try:
            return tuple(int(item) for item in ([value] if isinstance(value, int) else value))
        except (TypeError, ValueError):
            self.fail(f"{value!r} is not a list of whole numbers: write them as 400,200, or none")


class Size(Whole):
    """Height and width as ``28,20``, or one number for both."""

    name = "H,W"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, ...]:  # noqa: D102
        sides = super().convert(value, param, ctx)
        if len(sides) not in (1, 2) or min(sides) < 1:
            self.fail(f"{value!r} is no size: give height,width or one number for both, each at least 1")
        return sides * 2 if len(sides) == 1 else sides


class Amount(click.ParamType):
    """A count of examples, or a fraction of them below 1."""

    name = "N|FRACTION"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int | float:  # noqa: D102
        try:
            number = float(value)
        except (TypeError, ValueError):
            self.fail(f"{value!r} is neither a count of examples nor a fraction of them")
        return int(value) if str(value).strip().isdigit() else number


def option(field: Field) -> click.Option:
    """The flag of one argument of a recipe."""
    name = field.name.replace("_", "-")
    shared: dict[str, Any] = {"default": field.default, "help": field.help, "show_default": True}
    if field.type is bool:
        return click.Option([f"--{name}/--no-{name}"], **shared)
    if get_origin(field.type) is tuple:
        assert get_args(field.type)[0] is int
        shared["show_default"] = ",".join(map(str, field.default)) or "none"
        return click.Option([f"--{name}"], type=Whole(), **shared)
    return click.Option([f"--{name}"], type=field.type, **shared)


def config(ctx: click.Context, _: click.Parameter, path: str | None) -> None:
    """Take the defaults of the other flags from a TOML file, whose fields are named as the flags are."""
    if path is None:
        return
    try:
        fields = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise ValueError(f"cannot read --config {path} ({error.strerror}): give a TOML file") from None
    except ValueError as error:
        raise ValueError(f"--config {path} is not TOML: {error}") from None
    known = {p.name for p in ctx.command.params} - {"config", None}
    for name in fields:
        if name.replace("-", "_") not in known:
            raise advice.unknown(f"field of {path}", name, [str(k) for k in known])
    ctx.default_map = {name.replace("-", "_"): value for name, value in fields.items()}
