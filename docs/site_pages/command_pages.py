"""Reference of the command line: a page of all commands, from the commands themselves."""

from __future__ import annotations

from collections.abc import Iterator

import click

from elbowroom.cli.main import commands

#: The subcommand whose flags stand for those of all, on the page of commands that have one a recipe, or one a lab.
EXAMPLE, EXAMPLE_LAB = "vae", "kl_surface"


def render_pages() -> Iterator[tuple[str, str]]:
    """Yield the path and the text of the pages."""
    root = click.Context(commands, info_name="elbowroom")
    names = list(commands.commands)
    lines = ["# Commands", "", "```text", commands.get_help(root), "```", ""]
    lines += ["```{toctree}", ":hidden:", "", *names, "```"]
    yield "commands/index.md", "\n".join(lines) + "\n"
    for name in names:
        yield f"commands/{name}.md", render_command(name, root)


def render_command(name: str, root: click.Context) -> str:
    """Return the page of a command: its help, and its flags as a table."""
    command = commands.commands[name]
    context = click.Context(command, info_name=name, parent=root)
    lines = [f"# `elbowroom {name}`", "", summarize(command), ""]
    if isinstance(command, click.Group):
        example = EXAMPLE_LAB if name == "lab" else EXAMPLE
        others = "`--help` of a lab has those of others" if name == "lab" else "the zoo has those of other recipes"
        lines += [f"The flags of `elbowroom {name} {example}`; {others}.", ""]
        child = command.get_command(context, example)
        assert child is not None
        command, context = child, click.Context(child, info_name=example, parent=context)
    usage = command.get_usage(context).removeprefix("Usage: ")
    return "\n".join([*lines, "```text", usage, "```", "", *render_flags(command, context)]) + "\n"


def summarize(command: click.Command) -> str:
    """Return the help of a command as paragraphs, what it shows as it stands (``\\b``) as code."""
    paragraphs = (command.help or "").strip().split("\n\n")
    return "\n\n".join(
        f"```text\n{text.removeprefix(chr(8)).strip()}\n```" if text.startswith("\b") else text for text in paragraphs
    )


def render_flags(command: click.Command, context: click.Context) -> Iterator[str]:
    """Yield the table of flags."""
    records = [record for param in command.get_params(context) if (record := param.get_help_record(context))]
    yield from ("```{rst-class} flags", "```", "", "| flag | what it is |", "|---|---|")
    for flags, words in records:
        if words:  # an argument, which the line of usage has
            yield f"| `{escape(flags)}` | {escape(words)} |"


def escape(text: str) -> str:
    """Return a text for a cell of a table."""
    return " ".join(text.split()).replace("|", r"\|")
