"""``elbowroom tune``: search settings of a recipe."""

from __future__ import annotations

import functools
from collections.abc import Sequence, Set
from typing import TYPE_CHECKING, Any

import click

from elbowroom.cli import compare, listing, options, train
from elbowroom.formatting import format_metric, format_number
from elbowroom.recipes.registry import Recipe, find

if TYPE_CHECKING:
    from elbowroom.runs.run import Run
    from elbowroom.sweeps.tune import Search
    from elbowroom.training.callback import Callback

#: What trials do without, unless it is asked for: only the best of them will be looked at.
TRIAL_DEFAULTS = {"report": False, "sampler": "none"}


class RangeOrValues(compare.MultiValue):
    """A range of numbers, ``1e-4:1e-2`` or ``1e-4:1e-2:log``; or values, as in a sweep."""

    @property
    def is_number(self) -> bool:
        """Whether the option takes numbers, of which there are ranges."""
        return isinstance(self.item_type, click.types.IntParamType | click.types.FloatParamType)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        from elbowroom.sweeps.space import Range

        if not self.is_number or ":" not in str(value) or isinstance(value, Range):
            return value if isinstance(value, Range) else super().convert(value, param, ctx)
        low, high, *scale = [part.strip() for part in str(value).split(":")]
        if scale not in ([], ["log"]):
            self.fail(f"{value!r} is no range: write it as 1e-4:1e-2, or 1e-4:1e-2:log")
        low, high = (self.item_type.convert(end, param, ctx) for end in (low, high))
        try:
            return Range(low, high, bool(scale))
        except ValueError as error:
            self.fail(str(error))

    def get_metavar(self, param: click.Parameter, ctx: Any = None) -> str:
        values = super().get_metavar(param, ctx)
        return f"{values}|A:B|A:B:log" if self.is_number else values


class TuneGroup(compare.SweepGroup):
    """A subcommand for every recipe, with the options of ``train``, each of which takes a range or several values."""

    def get_command(self, ctx: click.Context, name: str) -> click.Command:
        sweep, recipe = super().get_command(ctx, name), find(name)
        params = [one for one in sweep.params if one.name not in ("out", "dry_run")]
        for param in params:
            if isinstance(param.type, compare.MultiValue):
                param.type = RangeOrValues(param.type.item_type, param.type.has_commas)
        return click.Command(
            name,
            params=[*params, *_search_options()],
            callback=lambda **flag_values: run_search(recipe, **flag_values),
            help=f"Search settings for the best validation bound: {recipe.summary}\n\n{recipe.paper}\n\n"
            "A flag that takes numbers takes a range, --latent 2:64 or --lr 1e-4:1e-2:log; every flag takes several "
            "values, as in a sweep. What is behind the other trials is pruned.",
            short_help=recipe.summary,
        )


def _search_options() -> list[click.Option]:
    return [
        click.Option(["--out"], help="the folder of the search  [default: runs/tune-RECIPE-DATA]"),
        click.Option(
            ["--trials"],
            type=click.IntRange(1),
            default=50,
            show_default=True,
            help="of all processes together; the same command with more goes on",
        ),
        click.Option(
            ["--metric"],
            default="elbo",
            show_default=True,
            help="the validation metric to optimize: elbo, higher is better; or loss, kl, …, lower is better",
        ),
        click.Option(
            ["--search-seed"], type=options.SEED_TYPE, default=0, show_default=True, help="of the choice of settings"
        ),
    ]


def run_search(
    recipe: Recipe,
    out: str | None,
    trials: int,
    metric: str,
    search_seed: int,
    heartbeat: float,
    wait: bool,
    jobs: int | None,
    cluster: str,
    job_options: tuple[str, ...],
    **values: Any,
) -> None:
    """Search, or submit jobs that do, and print the trials and the command that repeats the best."""
    from elbowroom.sweeps.space import corner_settings
    from elbowroom.sweeps.sweep import refuse_run, require_trainable
    from elbowroom.sweeps.tune import has_begun, tune
    from elbowroom.training.interrupts import hold_signals

    given = options.given_options()
    values |= {name: value for name, value in TRIAL_DEFAULTS.items() if name not in given}
    compare.check_work(values["data"], jobs)
    space: dict[str, Any] = {"recipe": (recipe.name,)}
    space |= {
        name: (value,) if name in compare.SINGLE_VALUE_OPTIONS else value or (None,) for name, value in values.items()
    }
    out = out or compare.default_folder("tune", recipe.name, space["data"])
    refuse_run(out)
    if not has_begun(out):
        check = functools.partial(compare.check_point, given, compare.is_here(jobs, cluster), metric)
        require_trainable(check, corner_settings(space))
    start, log = functools.partial(_train_trial, given), options.echo_progress()
    work = functools.partial(tune, start, space, out, trials, metric, log, search_seed, heartbeat, wait)
    if jobs is not None:
        compare.submit_work(_SearchWork(work), out, jobs, cluster, job_options)
        return
    with hold_signals():
        search = work()
    print_search(search, out)


class _SearchWork:
    """A search as the work of a job, which returns its points."""

    def __init__(self, work: Any) -> None:
        self.work = work

    def __call__(self) -> Any:
        return self.work().points


def _train_trial(given: Set[str], recipe: str, callbacks: Sequence[Callback], **flag_values: Any) -> Run:
    return train.train_from_options(find(recipe), given, callbacks, **flag_values)


def print_search(search: Search, out: str) -> None:
    """Print the trials, the best first, and the command that repeats the best; exit as a signal that stopped it."""
    from rich.markup import escape
    from rich.table import Table

    from elbowroom.runs.command import repeat_command

    varied = [name for name in search.points[0].settings if len({str(one.settings[name]) for one in search.points}) > 1]
    table = Table("trial", "state", search.metric, *varied, box=None, pad_edge=False, header_style="bold")
    for point in sorted(search.points, key=search.rank):
        value = search.values.get(point.name)
        settings = [escape(_format(point.settings[name])) for name in varied]
        table.add_row(point.name, escape(point.state), "" if value is None else format_metric(value), *settings)
    listing.console().print(table)
    if search.best is not None:
        click.echo(f"\nbest  {search.best.run.path}")
        click.echo(repeat_command(search.best.run.record).line)
    if any(point.run.exists for point in search.points):
        click.echo(f"side by side: elbowroom compare {out}")
    failed = [point for point in search.points if point.state == "failed"]
    for point in failed:
        click.echo(f"failed     {point.name}: {point.error}", err=True)
    stopped = [point.run.state for point in search.points if point.state == "unfinished"]
    if stopped:
        click.echo("the same command goes on")
        raise click.exceptions.Exit(130 if "interrupted" in stopped else 143)
    if failed and search.best is None:
        raise click.exceptions.Exit(1)


def _format(value: Any) -> str:
    if isinstance(value, float):
        return format_number(value)
    return options.toml_to_text(list(value) if isinstance(value, tuple) else value)
