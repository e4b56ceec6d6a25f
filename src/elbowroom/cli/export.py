"""``elbowroom export``: a run for other runtimes, a page or ONNX."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from elbowroom.cli import options

if TYPE_CHECKING:
    from elbowroom.runs.run import Run


@click.command()
@click.argument("run")
@click.option("--html", help="FILE.html, a self-contained page that decodes in any browser")
@click.option("--onnx", help="FOLDER for encoder, decoder and sampler as ONNX, checked against torch")
@click.option("--max-mb", type=float, default=20, show_default=True, help="largest weights that a page may hold")
@click.option("--sampler", help="density of its samples: prior, or a fitted sampler  [default: the run's]")
@options.weights_option
def export(run: Run, html: str | None, onnx: str | None, sampler: str | None, max_mb: float) -> None:
    """Export a run as a self-contained page, or as ONNX."""
    from elbowroom.exporting import export

    for file in export(run, html=html, onnx=onnx, sampler=sampler, max_mb=max_mb):
        click.echo(f"{file.path}  {file.summary}")
