"""``elbowroom export``: a run to take away."""

from __future__ import annotations

import click


@click.command()
@click.argument("run")
@click.option("--html", help="FILE.html, a page that decodes in any browser by itself")
@click.option("--onnx", help="FOLDER for encoder, decoder and sampler as ONNX, checked against torch")
@click.option("--max-mb", type=float, default=20, show_default=True, help="of weights that a page takes")
def export(run: str, html: str | None, onnx: str | None, max_mb: float) -> None:
    """Write a run as a page that decodes by itself, or as ONNX."""
    from elbowroom.exporting import export

    for file in export(run, html=html, onnx=onnx, max_mb=max_mb):
        click.echo(f"{file.path}  {file.summary}")
