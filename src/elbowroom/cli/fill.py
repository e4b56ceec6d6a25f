"""``elbowroom fill``: fill the gaps of a table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from elbowroom.cli import options, output_files
from elbowroom.cli.examples import read_examples
from elbowroom.cli.reconstruct import iter_parts

if TYPE_CHECKING:
    from elbowroom.runs.run import Run


@click.command()
@click.argument("run")
@click.option("--data", "source", help="a table to fill, coded as the run's; by default the run's own")
@options.shared_options("split")
@click.option("-n", type=click.IntRange(1), help="how many rows, from the first  [default: all]")
@click.option(
    "--draws",
    type=click.IntRange(1),
    help="write so many fills of each row, drawn, for multiple imputation; by default one, of means and the most "
    "probable categories",
)
@click.option(
    "--samples",
    type=click.IntRange(1),
    default=100,
    show_default=True,
    help="importance samples of each row (Mattei & Frellsen 2019)",
)
@options.shared_options("seed", seed={"help": "of the samples"})
@click.option("--out", required=True, help=".csv or .parquet: the table with its gaps filled in")
@options.weights_option
def fill(
    run: Run, source: str | None, split: str | None, n: int | None, draws: int | None, samples: int, **settings: Any
) -> None:
    """Fill the gaps of a table with what the model expects there; cells that are known stay as they are."""
    import torch

    from elbowroom.latent.imputation import expect_missing, impute
    from elbowroom.noise import seeded_rng

    target = options.output_path(settings["out"], output_files.TABLE_KINDS)
    model = run.model()
    output_files.require_suffix(target, model, run.record["data"])
    found = read_examples(run, model, source, split)
    batch = found.split.first(n or len(found.split))
    known = found.data.cells(found.name)
    rows = torch.arange(len(batch.x)).repeat(draws or 1).tolist()
    with seeded_rng(settings["seed"]):
        if draws is None:
            filled = [expect_missing(model, x, y, samples)[None] for x, y in iter_parts(batch)]
        else:
            filled = [impute(model, x, y, draws, samples=max(draws, samples)) for x, y in iter_parts(batch)]
    what = "means and most probable categories" if draws is None else f"{draws} draws of each row"
    caption = f"{int(batch.x.isnan().sum()):,} gaps filled with {what}, of {samples} importance samples"
    about = {} if draws is None else {"extra": {"imputation": [1 + i // len(batch.x) for i in range(len(rows))]}}
    known = None if known is None else known.take(rows)
    output_files.save_rows(
        target, torch.cat(filled, 1).flatten(0, 1), run.record["data"], caption, known=known, **about
    )
