"""``elbowroom export``: a run for other runtimes, a page, ONNX, diffusers or a repository of the hub."""

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
@click.option("--hub", help="FOLDER for a model repository: weights, recipe, samplers and a model card")
@click.option("--license", help="of the model card of --hub, as apache-2.0")
@click.option("--push", metavar="OWNER/NAME", help="upload --hub to this repository of the Hugging Face Hub")
@click.option("--max-mb", type=float, default=20, show_default=True, help="largest weights that a page may hold")
@click.option("--sampler", help="density of its samples: prior, or a fitted sampler  [default: the run's]")
@options.weights_option
def export(
    run: Run,
    html: str | None,
    onnx: str | None,
    hub: str | None,
    license: str | None,
    push: str | None,
    sampler: str | None,
    max_mb: float,
) -> None:
    """Export a run as a self-contained page, as ONNX, or for the Hugging Face Hub."""
    from elbowroom.exporting import export, export_hub

    if hub is None and (license or push):
        raise ValueError(f"{'--license' if license else '--push'} is of --hub: give --hub FOLDER, too")
    if html or onnx or not hub:
        for file in export(run, html=html, onnx=onnx, sampler=sampler, max_mb=max_mb):
            click.echo(f"{file.path}  {file.summary}")
    if hub:
        for file in export_hub(run, hub, license=license, push=push):
            click.echo(f"{file.path}  {file.summary}")
