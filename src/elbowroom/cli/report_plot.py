"""``elbowroom report`` and ``plot``: a run to look at."""

from __future__ import annotations

from pathlib import Path

import click

from elbowroom import errors
from elbowroom.cli import options

#: The kind that is a film, and the endings that a figure's and a film's file may have.
TRAINING_GIF = "training"
FIGURE_SUFFIXES, GIF_SUFFIXES = (".png", ".svg", ".pdf"), (".gif",)


@click.command()
@click.argument("run")
@click.option("--out", help="FILE.html  [default: report.html in the run's directory]")
@click.option("--examples", type=int, default=2000, show_default=True, help="to encode and show as points, at most")
def report(run: str, out: str | None, examples: int) -> None:
    """Write a run's report: one page with its figures and numbers inside, to be opened from disk."""
    from elbowroom.reporting import write_report

    if out is not None:
        _output_path(out, (".html",), "a page")
    click.echo(str(write_report(run, out=out, examples=examples)))


class _PlotCommand(click.Command):
    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The kinds of figures, with what each shows."""
        from elbowroom.plotting import PLOTS

        with formatter.section("Kinds"):
            rows = [(p.kind, p.summary + (f"; needs {p.needs}" if p.needs else "")) for p in PLOTS.values()]
            formatter.write_dl([*rows, (TRAINING_GIF, "what was saved after each epoch, as a film; needs pictures")])


@click.command(cls=_PlotCommand)
@click.argument("kind")
@click.argument("run")
@click.option("--out", required=True, help="FILE.png, .svg or .pdf; FILE.gif for training")
@click.option("--examples", type=int, default=2000, show_default=True, help="to encode, at most")
@click.option(
    "--seed", type=options.SEED_TYPE, default=0, show_default=True, help="of the examples' pick, and of every draw"
)
def plot(kind: str, run: str, out: str, examples: int, seed: int) -> None:
    """Draw one kind of figure of a run into a file."""
    from elbowroom.plotting import PLOTS, RunView, write_gif
    from elbowroom.runs.run import Run

    if kind not in (*PLOTS, TRAINING_GIF):
        raise errors.unknown_name("kind of figure", kind, (*PLOTS, TRAINING_GIF))
    if kind == TRAINING_GIF:
        write_gif(Run(run), _output_path(out, GIF_SUFFIXES, "a film"))
    else:
        target = _output_path(out, FIGURE_SUFFIXES, "a figure")
        figure = PLOTS[kind](RunView(run, examples=examples, seed=seed))
        try:
            figure.savefig(target)
        except OSError as error:
            raise ValueError(
                f"cannot write {out} ({error.strerror or error}): give an --out you may write to"
            ) from None
    click.echo(out)


def _output_path(out: str, suffixes: tuple[str, ...], content: str) -> Path:
    path = Path(out)
    if path.suffix not in suffixes:
        raise ValueError(f"--out {out}: the name must end in {' or '.join(suffixes)} for {content}")
    if not path.parent.is_dir():
        raise ValueError(f"--out {out}: there is no folder {path.parent}; make it first")
    return path
