"""``elbowroom report`` and ``plot``: a run as a page, a figure as a file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from elbowroom import deprecation, errors
from elbowroom.cli import options

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from elbowroom.runs.run import Run

#: What a file of each suffix holds.
FIGURE_KINDS = {".png": "pixels", ".svg": "vectors", ".pdf": "vectors"}
GIF_KINDS = {".gif": "an animation"}


@click.command()
@click.argument("run")
@options.shared_options("data")
@click.option("--out", help="FILE.html  [default: report.html in the run's directory]")
@click.option("--examples", type=int, default=2000, show_default=True, help="to encode and show as points, at most")
@options.weights_option
def report(run: Run, source: str | None, out: str | None, examples: int) -> None:
    """Write a run's report: one page with its figures and numbers inside, to be opened from disk."""
    from elbowroom.reporting import write_report

    if out is not None:
        options.output_path(out, {".html": "a page"})
    click.echo(str(write_report(run, source, out=out, examples=examples)))


class _PlotCommand(click.Command):
    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        from elbowroom.plotting import PLOTS
        from elbowroom.plotting.registry import ANIMATION_KIND

        with formatter.section("Kinds"):
            rows = [(p.kind, p.summary + (f"; needs {p.needs}" if p.needs else "")) for p in PLOTS.values()]
            formatter.write_dl(
                [*rows, (ANIMATION_KIND, "the images saved after epochs, as an animation; needs images")]
            )


@click.command(cls=_PlotCommand)
@click.argument("kind")
@click.argument("run", required=False)
@options.shared_options("data", data={"help": "other data than the run's; for the kind data no run is needed"})
@click.option("--out", required=True, help="FILE.png, .svg or .pdf; FILE.gif for training")
@click.option("--examples", type=int, default=2000, show_default=True, help="to encode, at most")
@options.shared_options("seed", seed={"help": "of the choice of examples, and of every draw"})
@options.weights_option
def plot(kind: str, run: Run | None, source: str | None, out: str, examples: int, seed: int) -> None:
    """Draw one kind of figure of a run into a file; of data before any run, "plot data --data SOURCE"."""
    from elbowroom.plotting import PLOTS, write_gif
    from elbowroom.plotting.registry import ANIMATION_KIND

    kind = deprecation.current_plot_kind(kind)
    if kind not in (*PLOTS, ANIMATION_KIND):
        raise errors.unknown_name("kind of figure", kind, (*PLOTS, ANIMATION_KIND))
    if kind == ANIMATION_KIND:
        write_gif(_require_run(kind, run), options.output_path(out, GIF_KINDS))
    else:
        target = options.output_path(out, FIGURE_KINDS)
        figure = _draw(kind, run, source, examples, seed)
        try:
            figure.savefig(target)
        except OSError as error:
            raise options.write_error(out, error) from None
    click.echo(out)


def _draw(kind: str, run: Run | None, source: str | None, examples: int, seed: int) -> Figure:
    """Draw a figure of a run, or of data alone."""
    from elbowroom.plotting import PLOTS, RunView

    if kind == "data" and run is None and source is not None:
        from elbowroom.data import load_data
        from elbowroom.plotting.examples import examples_figure
        from elbowroom.plotting.matplotlib_backend import draw_figure

        return draw_figure(examples_figure(load_data(source), seed))
    return PLOTS[kind](RunView(_require_run(kind, run), source, examples=examples, seed=seed))


def _require_run(kind: str, run: Run | None) -> Run:
    if run is None:
        hint = ", or give --data SOURCE for data alone" if kind == "data" else ""
        raise ValueError(f"plot {kind} needs a run: name its directory after the kind{hint}")
    return run
