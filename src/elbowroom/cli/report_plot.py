"""``elbowroom report`` and ``plot``: a run to look at."""

from __future__ import annotations

from pathlib import Path

import click

from elbowroom import errors
from elbowroom.cli import options

#: The kind that is a film, and the endings that a figure's and a film's file may have.
FILM = "training"
STILL, MOVING = (".png", ".svg", ".pdf"), (".gif",)


@click.command()
@click.argument("run")
@click.option("--out", help="FILE.html  [default: report.html in the run's directory]")
@click.option("--examples", type=int, default=2000, show_default=True, help="to encode and show as points, at most")
def report(run: str, out: str | None, examples: int) -> None:
    """Write a run's report: one page with its figures and numbers inside, to be opened from disk."""
    from elbowroom.reporting import write

    if out is not None:
        _target(out, (".html",), "a page")
    click.echo(str(write(run, out=out, examples=examples)))


class _Plot(click.Command):
    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The kinds of figures, with what each shows."""
        from elbowroom.plotting import PLOTS

        with formatter.section("Kinds"):
            rows = [(p.kind, p.summary + (f"; needs {p.needs}" if p.needs else "")) for p in PLOTS.values()]
            formatter.write_dl([*rows, (FILM, "what was saved after each epoch, as a film; needs pictures")])


@click.command(cls=_Plot)
@click.argument("kind")
@click.argument("run")
@click.option("--out", required=True, help="FILE.png, .svg or .pdf; FILE.gif for training")
@click.option("--examples", type=int, default=2000, show_default=True, help="to encode, at most")
@click.option(
    "--seed", type=options.SEED, default=0, show_default=True, help="of the examples' pick, and of every draw"
)
def plot(kind: str, run: str, out: str, examples: int, seed: int) -> None:
    """Draw one kind of figure of a run into a file."""
    from elbowroom.plotting import PLOTS, Look, film
    from elbowroom.runs.run import Run

    if kind not in (*PLOTS, FILM):
        raise errors.unknown("kind of figure", kind, (*PLOTS, FILM))
    if kind == FILM:
        film(Run(run), _target(out, MOVING, "a film"))
    else:
        target = _target(out, STILL, "a figure")
        figure = PLOTS[kind](Look(run, examples=examples, seed=seed))
        try:
            figure.savefig(target)
        except OSError as error:
            raise ValueError(
                f"cannot write {out} ({error.strerror or error}): give an --out you may write to"
            ) from None
    click.echo(out)


def _target(out: str, endings: tuple[str, ...], what: str) -> Path:
    path = Path(out)
    if path.suffix not in endings:
        raise ValueError(f"--out {out}: the name must end in {' or '.join(endings)} for {what}")
    if not path.parent.is_dir():
        raise ValueError(f"--out {out}: there is no folder {path.parent}; make it first")
    return path
