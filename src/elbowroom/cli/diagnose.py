"""``elbowroom doctor`` and ``audit``: what a run suffers from, and whether its likelihood can be one."""

from __future__ import annotations

import click

from elbowroom.cli import listing


@click.command()
@click.argument("run")
@click.option("--strict", is_flag=True, help="exit with 1 where a warning or a fault was found")
@click.option("--json", "as_json", is_flag=True, help="print JSON instead of words")
def doctor(run: str, strict: bool, as_json: bool) -> None:
    """Say what a run suffers from, and what to do."""
    from elbowroom.doctor import examine

    found = examine(run)
    if as_json:
        click.echo(found.json())
    else:
        listing.console().print(found.table() if found else "[bold]nothing found[/]")
        click.echo(f"\nlooked for      {', '.join(found.performed_names)}")
        for name, why in found.skip_reasons.items():
            click.echo(f"not looked for  {name}: {why}")
    if strict and any(finding.severity != "note" for finding in found):
        raise click.exceptions.Exit(1)


@click.command()
@click.argument("run")
@click.option("--json", "as_json", is_flag=True, help="print JSON instead of a table")
def audit(run: str, as_json: bool) -> None:
    """Test that a run's likelihood can be one."""
    from elbowroom.auditor import audit

    page = audit(run)
    if as_json:
        click.echo(page.json())
    else:
        screen = listing.console()
        screen.print(f"[bold]{page.subject}[/]  {page.claim}\n")
        screen.print(page.table())
    if not page.passed:
        raise click.exceptions.Exit(1)
