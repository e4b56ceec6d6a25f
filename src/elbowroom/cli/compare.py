"""``elbowroom sweep`` and ``compare``: train a grid of runs, put runs side by side."""

from __future__ import annotations

import functools
import os
from collections.abc import Sequence, Set
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from elbowroom.argument import arguments_of
from elbowroom.cli import listing, options, train
from elbowroom.data.options import DataConfig
from elbowroom.formatting import format_count
from elbowroom.recipes.registry import Recipe, find
from elbowroom.runs.settings import UNCOMPARED_SETTINGS, train_options

if TYPE_CHECKING:
    from elbowroom.runs.run import Run
    from elbowroom.sweeps import SweepPoint

#: Options that take one value for the whole sweep, as they do not change the result.
SINGLE_VALUE_OPTIONS = {"out", "config", "preset", "quiet", *UNCOMPARED_SETTINGS} - {"seed"}


class MultiValue(click.ParamType[tuple[Any, ...]]):
    """One or more values of another type: ``2,5,10``, or ``400;400,200`` where a value has commas."""

    def __init__(self, item_type: click.ParamType[Any], has_commas: bool = False) -> None:
        self.item_type, self.has_commas = item_type, has_commas or isinstance(item_type, options.NumberList)
        self.name = f"{item_type.name}…"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[Any, ...]:
        if isinstance(value, tuple):
            return value
        text = str(value)
        parts = text.split(";") if ";" in text or self.has_commas else _split_at_commas(text)
        values = tuple(self.item_type.convert(part.strip(), param, ctx) for part in parts if part.strip())
        if not values:
            self.fail("no value: give one, or several with commas between them")
        return values

    def get_metavar(self, param: click.Parameter, ctx: Any = None) -> str:
        name = (
            "|".join(self.item_type.choices)
            if isinstance(self.item_type, click.Choice)
            else self.item_type.name.upper()
        )
        return name + ("; …" if self.has_commas else ",…")

    def toml_to_text(self, value: Any) -> str:
        """Write a TOML value in this type's syntax: a list is several values, unless it is one as ``[400, 200]`` is."""
        if not isinstance(value, list) or (self.has_commas and not _has_lists(value)):
            return options.toml_to_text(value)
        return ";".join(options.toml_to_text(item) or "none" for item in value) + ";"


def _has_lists(value: list[Any]) -> bool:
    return any(isinstance(item, list) for item in value)


def _split_at_commas(text: str) -> list[str]:
    """Split a text at the commas outside brackets.

    >>> _split_at_commas("adam,sgd(momentum=0.9,nesterov=True)")
    ['adam', 'sgd(momentum=0.9,nesterov=True)']
    """
    parts, depth = [""], 0
    for char in text:
        depth += (char in "([{") - (char in ")]}")
        if char == "," and not depth:
            parts.append("")
        else:
            parts[-1] += char
    return parts


class SweepGroup(train.TrainGroup):
    """A subcommand for every recipe, with the options of ``train``, each of which takes several values."""

    def get_command(self, ctx: click.Context, name: str) -> click.Command:
        train_params = super().get_command(ctx, name).params
        recipe = find(name)
        params = [
            param if param.name in SINGLE_VALUE_OPTIONS else multi_value_option(param)
            for param in train_params
            if isinstance(param, click.Option)
        ]
        params = [param for param in params if param.name not in ("out", "overwrite")]
        out = click.Option(["--out"], help="the folder of the sweep  [default: runs/sweep-RECIPE-DATA]")
        dry_run = click.Option(["--dry-run"], is_flag=True, help="list the grid and train nothing")
        return click.Command(
            name,
            params=[*params, out, dry_run, *process_options()],
            callback=lambda **flag_values: run_sweep(recipe, **flag_values),
            help=f"Train every combination of values: {recipe.summary}\n\n{recipe.paper}\n\n"
            "Every flag takes several values, --latent 2,5,10; one that takes lists has semicolons between them: "
            '--hidden "400; 400,200; none". In a TOML file: latent = [2, 5, 10], hidden = [[400], [400, 200]].',
            short_help=recipe.summary,
        )


def multi_value_option(option: click.Option) -> click.Option:
    """Make the option that takes several values where another takes one."""
    flag = max(option.opts, key=len)
    shared: dict[str, Any] = {"help": option.help, "required": option.required}
    if not option.required:
        shared |= {"default": option.default, "show_default": option.show_default}
    if option.is_flag:
        # As in train, the flag alone means true, and false is the default.
        shared |= {"is_flag": False, "flag_value": "true", "default": "true" if option.default is True else "false"}
    # A text of load_data may have commas itself: classes, columns.
    has_commas = isinstance(option.type, click.types.StringParamType) and option.name in arguments_of(DataConfig)
    return click.Option([option.name or "", flag], type=MultiValue(option.type, has_commas), **shared)


def process_options() -> list[click.Option]:
    """Make the options of the processes that train points together: how they share them, and jobs of a cluster."""
    return [
        click.Option(
            ["--heartbeat"],
            type=click.FloatRange(min=0, min_open=True),
            default=10.0,
            show_default=True,
            help="seconds between signs of life; a point whose process gave none for six of these is taken over",
        ),
        click.Option(
            ["--wait/--no-wait"],
            default=True,
            show_default=True,
            help="wait for points that other processes hold, to take over those of one that was killed",
        ),
        click.Option(["--jobs"], type=click.IntRange(1), help="submit this many jobs, which train the points together"),
        click.Option(
            ["--cluster"],
            type=click.Choice(("slurm", "local")),
            default="slurm",
            show_default=True,
            help="of --jobs: Slurm, or processes of this machine",
        ),
        click.Option(
            ["--job-option", "job_options"],
            multiple=True,
            metavar="NAME=VALUE",
            help="of --jobs, as submitit has it: timeout_min=60, gpus_per_node=1, slurm_partition=gpu; may be repeated",
        ),
    ]


def run_sweep(
    recipe: Recipe,
    out: str | None,
    dry_run: bool,
    heartbeat: float,
    wait: bool,
    jobs: int | None,
    cluster: str,
    job_options: tuple[str, ...],
    **values: Any,
) -> None:
    """Plan the grid, train it or submit jobs that do, and print how it ended."""
    from elbowroom.sweeps import parameter_grid, plan, sweep
    from elbowroom.sweeps.sweep import register_points, require_trainable, settings_to_begin
    from elbowroom.training.interrupts import hold_signals

    check_work(values["data"], jobs)
    axes: dict[str, tuple[Any, ...]] = {"recipe": (recipe.name,)}
    axes |= {name: (value,) if name in SINGLE_VALUE_OPTIONS else value or (None,) for name, value in values.items()}
    axes["seed"] = axes.pop("seed")  # last, so that it changes fastest
    out = out or default_folder("sweep", recipe.name, axes["data"])
    defaults = {name: argument.default for name, argument in train_options(recipe.defaults).items()}
    planned = plan(parameter_grid(axes), out, defaults)
    if dry_run:
        _print_grid(planned, out)
        return
    given = options.given_options()
    require_trainable(functools.partial(check_point, given, is_here(jobs, cluster), ""), settings_to_begin(planned))
    start, log = functools.partial(_train_point, given), options.echo_progress()
    work = functools.partial(sweep, start, axes, out, log, defaults, heartbeat, wait)
    if jobs is not None:
        register_points(parameter_grid(axes), out, defaults, heartbeat)
        submit_work(work, out, jobs, cluster, job_options)
        return
    with hold_signals():
        points = work()
    print_outcome(points, out)


def check_work(data: Sequence[str], jobs: int | None) -> None:
    """Raise a ValueError for data that is not there, on which every point would fail, and for options of no jobs."""
    from elbowroom.data.load import require_source

    for source in data:
        require_source(source)
    for name, flag in (("cluster", "--cluster"), ("job_options", "--job-option")):
        if jobs is None and options.is_given(name):
            raise ValueError(f"{flag} was given without --jobs: say how many jobs, as --jobs 4, or leave it out")


def submit_work(work: Any, out: str, n_jobs: int, cluster: str, texts: tuple[str, ...]) -> None:
    """Submit jobs that train points, and print where they are."""
    from elbowroom.sweeps.cluster import JOBS_FOLDER, parse_options, submit_jobs

    jobs = submit_jobs(work, os.path.abspath(out), n_jobs, cluster, parse_options(texts))
    click.echo(f"{format_count(len(jobs), 'job')}: {', '.join(str(job.job_id) for job in jobs)}")
    click.echo(f"their output is in {Path(out) / JOBS_FOLDER}; the same command with --dry-run shows how far they are")


def print_outcome(points: Sequence[SweepPoint], out: str) -> None:
    """Print how a sweep ended; the exit code is 1 if points failed, and a signal's if one stopped it."""
    failed = [point for point in points if point.state == "failed"]
    held = sum(point.state == "training" for point in points)
    finished = sum(point.is_done for point in points)
    others = f", {held} with other processes" if held else ""
    click.echo(f"\n{finished} finished, {len(failed)} failed{others}  {out}")
    for point in failed:
        click.echo(f"failed     {point.name}: {point.error}", err=True)
    if points[-1].state == "unfinished":
        click.echo("the same command goes on")
        raise click.exceptions.Exit(130 if points[-1].run.state == "interrupted" else 143)
    if any(point.run.exists for point in points):
        click.echo(f"side by side: elbowroom compare {out}")
    if failed:
        raise click.exceptions.Exit(1)


def _train_point(given: Set[str], recipe: str, **flag_values: Any) -> Run:
    return train.train_from_options(find(recipe), given, **flag_values)


def check_point(given: Set[str], is_here: bool, metric: str, recipe: str, **flag_values: Any) -> None:
    """Raise the ValueError by which the training of a point would be refused before its first step.

    Args:
        given: names of the options that were given.
        is_here: whether this machine is to train it.
        metric: of validation, which a search is for; empty without one.
        recipe: of the point.
        **flag_values: of its options.
    """
    train.check_options(find(recipe), given, is_here, metric, **flag_values)


def is_here(jobs: int | None, cluster: str) -> bool:
    """Whether this machine trains the points, and not those that a cluster gives to jobs."""
    return jobs is None or cluster == "local"


def default_folder(kind: str, recipe: str, data: tuple[str, ...]) -> str:
    """The default folder of a sweep or a search: the same for the same recipe and data."""
    names = [Path(source).stem or "data" for source in data]
    return str(Path("runs") / "-".join([kind, recipe, *names]))


def _print_grid(points: Any, out: str) -> None:
    from rich.markup import escape
    from rich.table import Table

    table = Table("run", "state", "why", box=None, pad_edge=False, header_style="bold")
    for point in points:
        table.add_row(escape(point.name), point.state, escape(str(point.holder or point.error)))
    listing.console().print(table)
    click.echo(f"\n{format_count(len(points), 'run')} in {out}")


@click.command()
@click.argument("runs", nargs=-1, required=True)
@click.option("--out", help="FILE.html  [default: compare.html in the folder that holds the runs]")
@click.option("--baselines", is_flag=True, help="add PCA and trained autoencoders of the same size")
@click.option("--sort", default="", help="a metric to order by, the best first: elbo, or one of evaluate, as mse")
@click.option("--json", "as_json", is_flag=True, help="print JSON instead of a table, and write no page")
@click.option("--csv", "as_csv", is_flag=True, help="print CSV instead of a table, and write no page")
@options.shared_options("quiet", quiet={"help": "show no progress of the baselines"})
def compare(
    runs: tuple[str, ...], out: str | None, baselines: bool, sort: str, as_json: bool, as_csv: bool, quiet: bool
) -> None:
    """Put runs side by side: a table of means over seeds, and a page with curves and images."""
    from elbowroom.comparing import compare

    if as_json and as_csv:
        raise ValueError("both --json and --csv were given: choose one")
    target = _page_path(out, runs)
    log = (lambda line: None) if quiet else functools.partial(click.echo, err=True)
    progress = False if quiet else None
    comparison = compare(*runs, baselines=baselines, sort=sort, log=log, progress=progress)
    if as_json or as_csv:
        click.echo(comparison.json() if as_json else comparison.csv(), nl=as_json)
        if out is None:
            return
    else:
        screen = listing.console()
        screen.print(comparison.table())
        for line in (*comparison.footnotes, *comparison.comparability_notes):
            click.echo(f"\n{line}")
    click.echo(f"\npage  {comparison.write(target)}", err=as_json or as_csv)


def _page_path(out: str | None, runs: tuple[str, ...]) -> Path:
    """The page's path: as given, or in the folder that holds the runs."""
    if out is not None:
        return options.output_path(out, {".html": "a page"})
    folders = [path if not (path / "recipe.json").is_file() else path.parent for path in map(Path, runs)]
    if len(set(folders)) == 1:
        return folders[0] / "compare.html"
    return Path(os.path.commonpath([path.resolve() for path in folders])) / "compare.html"
