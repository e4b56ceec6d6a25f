"""``elbowroom anomalies``: score how unusual examples are to a run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from elbowroom.cli import listing, options, output_files
from elbowroom.formatting import format_count, format_fixed

if TYPE_CHECKING:
    from elbowroom.evaluation import Anomalies
    from elbowroom.runs.run import Run


@click.command()
@click.argument("run")
@options.shared_options(
    "data", data={"help": "other data, to be told apart from the run's: a name, or a file or folder of your own"}
)
@options.shared_options(
    "split", split={"default": "test", "show_default": True, "help": "of the run's data, and of other data with a name"}
)
@options.shared_options(
    "label",
    label={"help": "of a conditional model: the class or attributes of all of the other data, as cat or Male=1"},
)
@click.option(
    "--score",
    default="all",
    show_default=True,
    help="all, default, or some, comma separated: elbo, reconstruction, importance_bound, typicality, "
    "likelihood_ratio, density_of_states, neighbors",
)
@click.option("--level", type=float, default=0.05, show_default=True, help="false-positive rate of the threshold")
@options.shared_options("samples")
@click.option("--window", type=int, default=3, show_default=True, help="of the background; 1 takes pixels one by one")
@options.shared_options("resize", "seed", "device", "batch_size")
@click.option("--out", help="FILE.csv, .parquet or .npz: every example with its scores and p-values")
@click.option("--heat-map", help="FILE.png: the most unusual examples, pixel by pixel")
@click.option(
    "--explain", type=click.IntRange(0), default=0, help="N rows of a table, the strangest: their cells, and why"
)
@options.shared_options("json")
@options.weights_option
def anomalies(
    run: Run,
    source: str | None,
    label: str | None,
    score: str,
    out: str | None,
    heat_map: str | None,
    as_json: bool,
    **settings: Any,
) -> None:
    """Score how unusual examples are to a run, with a threshold of known false-positive rate."""
    table = None if out is None else options.output_path(out, output_files.COLUMN_KINDS)
    image = None if heat_map is None else options.output_path(heat_map, {".png": "a grid"}, "--heat-map")
    from elbowroom.cli.examples import parse_one_condition
    from elbowroom.evaluation import anomalies

    condition = None if label is None else parse_one_condition(run, run.model(), label)
    names = score if score in ("all", "default") else [name.strip() for name in score.split(",") if name.strip()]
    result = anomalies(run, source, score=names, maps=10 if image else 0, c=condition, **settings)
    if as_json:
        click.echo(result.json())
    else:
        _print_anomalies(result)
        _print_reasons(result)
    if table:
        _write_scores(result, table, quiet=as_json)
    if image:
        _draw_heatmaps(result, image, quiet=as_json)


def _print_anomalies(result: Anomalies) -> None:
    p, screen = result.protocol, listing.console()
    n = p["examples"]
    normal = f"{n['normal']:,} normal, {p['normal']['name']} {p['split']}"
    other = p["other"]["name"] if p["other"] else "given"
    against = f"; {n['other']:,} others, {other}" if n["other"] else ""
    screen.print(
        f"[bold]{p['model']}[/]  {normal}{against}; {format_count(p['samples'], 'sample')}, seed {p['seed']}\n"
        f"p(x|z): {p['likelihood']}\n"
    )
    screen.print(result.table())
    metrics = next(iter(result.values()))
    threshold = metrics["threshold"]
    screen.print(f"\nthreshold: {threshold.estimator}, calibrated on {threshold.examples:,} of the normal examples")
    screen.print(f"false positives: share above it {metrics['false_positives'].estimator}")
    screen.print(f"the default for such data: {p['default'].replace('_', ' ')}")
    if "auprc" in metrics:
        screen.print(f"found: share of the others above it; AUPRC: {metrics['auprc'].estimator}")


def _print_reasons(result: Anomalies) -> None:
    """Print the strangest rows of each set, and what the model expected of them."""
    screen = listing.console()
    for name, rows in result.strange.items():
        screen.print(f"\nstrangest rows, {name}, by {result.protocol['default'].replace('_', ' ')}", markup=False)
        reasons = rows.explanation.reasons()
        for index, score, why in zip(rows.index.tolist(), rows.scores.tolist(), reasons, strict=True):
            screen.print(f"  row {index + 1}  {format_fixed(score)}  {why}", markup=False)


def _write_scores(result: Anomalies, path: Path, quiet: bool) -> None:
    columns = result.to_columns()
    output_files.save_columns(path, columns)
    if not quiet:
        click.echo(f"{path}  {len(columns['set']):,} examples: {', '.join(columns)}")


def _draw_heatmaps(result: Anomalies, path: Path, quiet: bool) -> None:
    from elbowroom.plotting.heatmaps import heatmap_grid

    by = result.protocol["default"].replace("_", " ")
    blocks = [(name, *maps) for name, maps in result.heatmaps.items()]
    try:
        heatmap_grid(blocks, f"most unusual first, by {by} · {result.protocol['model']}").save(path)
    except OSError as error:
        raise options.write_error(path, error, "--heat-map") from None
    if not quiet:
        click.echo(str(path))
