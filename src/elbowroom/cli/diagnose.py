"""``elbowroom doctor`` and ``audit``: diagnose a run, test whether its likelihood is normalized and honest."""

from __future__ import annotations

import click

from elbowroom.cli import listing


@click.command()
@click.argument("run")
@click.option("--strict", is_flag=True, help="exit with 1 where a warning or a fault was found")
@click.option("--json", "as_json", is_flag=True, help="print JSON instead of words")
def doctor(run: str, strict: bool, as_json: bool) -> None:
    """Diagnose a run: problems with their evidence, and what to do about each."""
    from elbowroom.doctor import examine

    findings = examine(run)
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
@click.option("--json", "as_json", is_flag=True, help="print JSON instead of a table")
def audit(run: str, as_json: bool) -> None:
    """Test whether a run's reported likelihood can be a likelihood."""
    from elbowroom.auditor import audit

    result = audit(run)
    if as_json:
        click.echo(result.json())
    else:
        screen = listing.console()
        screen.print(f"[bold]{result.subject}[/]  {result.claim}\n")
        screen.print(result.table())
    if not result.passed:
        raise click.exceptions.Exit(1)
