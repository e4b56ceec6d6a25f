"""Tables of what there is: ``elbowroom recipes``, ``networks``, ``likelihoods``, ``quantizers``, ``runs`` and so on."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from elbowroom.formatting import format_fixed

if TYPE_CHECKING:
    from elbowroom.runs.run import Run


#: Columns that hold any path: without a terminal, a run is one line.
WHOLE_LINES = 10_000


def console(width: int = 140) -> Console:
    """Return the console that tables are printed to: as wide as the terminal, or ``width`` columns without one."""
    return Console(width=None if sys.stdout.isatty() else width, highlight=False)


def new_table(*columns: str) -> Table:
    """Return an empty table without lines, whose cells are folded where they are too long."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for i, column in enumerate(columns):
        table.add_column(column, overflow="fold", no_wrap=i == 0)
    return table


@click.command()
def recipes() -> None:
    """List the recipes, with their papers."""
    from elbowroom.recipes.registry import all_recipes

    table = new_table("recipe", "what", "paper")
    for recipe in all_recipes().values():
        table.add_row(recipe.name, recipe.summary, recipe.paper)
    console().print(table)


@click.command()
def likelihoods() -> None:
    """List the likelihoods, with what may follow a colon."""
    from elbowroom.families import LIKELIHOODS

    table = new_table("likelihood", "what")
    for name, entry in LIKELIHOODS.items():
        table.add_row(escape(f"{name}[:{entry.settings}]" if entry.settings else name), entry.help)
    console().print(table)


@click.command()
def quantizers() -> None:
    """List the quantizers of discrete latents that recipes take as --quantizer, with what follows the name."""
    from elbowroom.families import QUANTIZERS
    from elbowroom.recipes.registry import all_recipes

    all_recipes()  # whose files may register quantizers
    table = new_table("quantizer", "what", "as")
    for name, entry in QUANTIZERS.items():
        table.add_row(escape(f"{name}:{entry.settings}"), QUANTIZERS.help(name), f"{name}:{entry.example}")
    console().print(table)


@click.command()
def networks() -> None:
    """List the networks of encoder and decoder that recipes take as --network."""
    from elbowroom.networks import NETWORKS
    from elbowroom.recipes.registry import all_recipes

    all_recipes()  # whose files may register networks
    table = new_table("network", "what")
    for name in NETWORKS:
        table.add_row(name, NETWORKS.help(name))
    console().print(table)


@click.command()
def samplers() -> None:
    """List the samplers, with what each is by default; fit-sampler fits one to a run."""
    from elbowroom.samplers import SAMPLERS, full_name

    table = new_table("sampler", "what")
    for name in SAMPLERS:
        table.add_row(full_name(name), SAMPLERS.help(name))
    console().print(table)


@click.command()
def data() -> None:
    """List the data sets that have a name, and where each was found."""
    from elbowroom.data import datasets

    table = new_table("data", "what", "shape", "examples", "where")
    for row in datasets():
        table.add_row(
            row.name, row.summary, "x".join(map(str, row.shape)), f"{sum(row.sizes.values()):,}", row.location
        )
    console().print(table)


@click.command()
@click.argument("folder", default="runs")
@click.option("--metric", help="a kept metric of evaluate, as mse, to show of each  [default: the first of the newest]")
def runs(folder: str, metric: str | None) -> None:
    """List the runs in a folder, the newest first, with what was measured of them by evaluate."""
    from elbowroom.runs.run import list_runs

    table = new_table("run", "recipe", "data", "epoch", "validation elbo", "evaluated", "state", "started")
    for run in list_runs(folder):
        if run.is_damaged:
            table.add_row(str(run.path), "", "", "", "", "", run.state, "")
            continue
        rows = run.metrics()
        elbos = [row["elbo"] for row in run.rows_until_weights("validation") if "elbo" in row]
        table.add_row(
            str(run.path),
            str(run.record["recipe"]),
            str(run.record["data"].get("name")),
            str(rows[-1]["epoch"]) if rows else "0",
            format_fixed(elbos[-1]) if elbos else "",
            _kept_metric(run, metric),
            run.state,
            str(run.record.get("started", ""))[:16].replace("T", " "),
        )
    console(WHOLE_LINES).print(table)


def _kept_metric(run: Run, metric: str | None) -> str:
    """Return a kept metric of a run with the split it is of; the first word on what is wrong if it cannot be read."""
    from elbowroom.runs.evaluations import find_evaluations

    evaluations, problem = find_evaluations(run.path)
    name = None if metric is None else metric.replace("_", " ")
    current_first = sorted(evaluations, key=lambda evaluation: evaluation.is_outdated)
    rows = ((e, row) for e in current_first for row in e.rows() if name in (None, row.name))
    evaluation, row = next(rows, (None, None))
    if evaluation is None or row is None:
        return problem and "damaged"
    outdated = f", outdated: of step {evaluation.step:,}" if evaluation.is_outdated else ""
    return f"{evaluation.split} {row.name} {row.value}{outdated}"
