"""``elbowroom doctor`` and ``audit``: diagnose a run, test whether its likelihood is normalized and honest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from elbowroom.cli import listing, options

if TYPE_CHECKING:
    from elbowroom.runs.run import Run


@click.command()
@click.argument("run")
@options.shared_options(
    "data", "resize", data={"help": "data to examine it with, as where its own is no longer where it was"}
)
@click.option("--strict", is_flag=True, help="exit with 1 where a warning or a fault was found")
@click.option("--json", "as_json", is_flag=True, help="print JSON instead of words")
@options.weights_option
def doctor(run: Run, source: str | None, resize: Any, strict: bool, as_json: bool) -> None:
    """Diagnose a run: problems with their evidence, and what to do about each."""
    from elbowroom.cli.examples import load_other
    from elbowroom.doctor import examine

    findings = examine(run, load_other(run, source, resize))
    if as_json:
        click.echo(findings.json())
    else:
        listing.console().print(findings.table() if findings else "[bold]nothing found[/]")
        click.echo(f"\n{findings.summary}")
        click.echo(f"passed          {', '.join(findings.passed_names)}")
        for reason, names in findings.names_by_skip_reason.items():
            click.echo(f"not applicable  {', '.join(names)}: {reason}")
    if strict and any(finding.severity != "note" for finding in findings):
        raise click.exceptions.Exit(1)


@click.command()
@click.argument("run")
@options.shared_options("data", "resize", "json")
@options.weights_option
def audit(run: Run, source: str | None, resize: Any, as_json: bool) -> None:
    """Test whether a run's reported likelihood can be a likelihood."""
    from elbowroom.auditor import audit
    from elbowroom.cli.examples import load_other

    result = audit(run, load_other(run, source, resize))
    if as_json:
        click.echo(result.json())
    else:
        screen = listing.console()
        screen.print(f"[bold]{result.subject}[/]  {result.claim}\n")
        screen.print(result.table())
    if not result.passed:
        raise click.exceptions.Exit(1)
