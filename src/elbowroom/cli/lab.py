"""``elbowroom lab``: run a lab, or list them."""

from __future__ import annotations

from argparse import Namespace
from importlib import import_module
from pathlib import Path
from typing import Any

import click

from elbowroom.argument import flag_name
from elbowroom.labs.registry import Lab, find_lab, lab_names


class LabGroup(click.Group):
    """A subcommand for every lab, with options made from the defaults that it states; by itself it lists them."""

    def __init__(self, name: str, help: str) -> None:
        super().__init__(name, help=help, invoke_without_command=True, callback=print_labs)

    def collect_usage_pieces(self, ctx: click.Context) -> list[str]:
        return ["[NAME]", "[OPTIONS]"]

    def list_commands(self, ctx: click.Context) -> list[str]:
        return lab_names()

    def get_command(self, ctx: click.Context, name: str) -> click.Command:
        lab = find_lab(name.replace("-", "_"))
        folder = Path("runs/labs") / lab.name.replace("_", "-")
        params: list[click.Parameter] = [
            click.Option(
                ["--data"], default=lab.data, show_default=True, help="a named set or a path; digits is quick"
            ),
            click.Option(["--out"], default=str(folder), show_default=True, help="folder of its runs and its figure"),
            *(_make_option(lab, flag) for flag in lab.flags if flag != "data"),
        ]
        return click.Command(
            name,
            params=params,
            callback=lambda **values: run_lab(lab, **values),
            help=lab.doc.replace("\n\n    elbowroom", "\n\n\b\n    elbowroom"),
            short_help=lab.question,
        )


def _make_option(lab: Lab, flag: str) -> click.Option:
    """Return the option of a flag, whose default may depend on the data."""
    value, other = lab.default(flag, lab.data), lab.default(flag, "digits")
    words = f"[default: {value}" + (f"; of digits {other}]" if other != value else "]")
    return click.Option([flag_name(flag)], type=type(value), help=words)


def run_lab(lab: Lab, data: str, out: str, **values: Any) -> None:
    """Run a lab with these values of its flags; those that are None have their default for the data."""
    flags = {name: lab.default(name, data) if value is None else value for name, value in values.items()}
    figure = Path(out) / f"{lab.name.replace('_', '-')}.png"
    import_module(f"elbowroom.labs.{lab.name}").main(Namespace(data=data, out=Path(out), figure=figure, **flags))


@click.pass_context
def print_labs(ctx: click.Context) -> None:
    """Print a table of the labs, where none is named."""
    if ctx.invoked_subcommand is None:
        from elbowroom.cli.listing import console, new_table

        table = new_table("lab", "what it asks")
        for name in lab_names():
            table.add_row(name, find_lab(name).question)
        console().print(table)
