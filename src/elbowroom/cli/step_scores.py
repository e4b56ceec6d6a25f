"""``elbowroom score-steps``: how unusual each step of series is to a run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from elbowroom.cli import options, output_files
from elbowroom.cli.examples import read_examples
from elbowroom.formatting import format_fixed

if TYPE_CHECKING:
    from elbowroom.runs.run import Run


@click.command("score-steps")
@click.argument("run")
@options.shared_options("data", "split", "label", "seed")
@click.option("--out", required=True, help="FILE.csv, .parquet or .npz: a row for each step with a value")
@options.weights_option
def score_steps(run: Run, source: str | None, split: str | None, out: str, seed: int, **settings: Any) -> None:
    """Score how unusual each step of series is: -log p(x|z) of the step, nats, at the posterior mean.

    Windows of a series are put together: a step that several share has their mean.
    """
    from elbowroom.data import freeze
    from elbowroom.evaluation.anomaly import steps

    target = options.output_path(out, output_files.COLUMN_KINDS)
    model = run.model().eval()
    found = read_examples(run, model, source, split, None, settings["label"])
    scores = steps.score_steps(model, freeze(found.split, seed))
    columns = steps.join_windows(scores, found.data.names(found.name))
    output_files.save_columns(target, columns)
    strangest = max(range(len(columns["score"])), key=lambda i: columns["score"][i])
    series, step, score = (columns[name][strangest] for name in ("series", "step", "score"))
    click.echo(f"{target}  {len(columns['step']):,} steps of {len(scores):,} {found.description}")
    click.echo(f"strangest: step {step} of series {series}, {format_fixed(score)} nats")
