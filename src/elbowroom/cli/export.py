"""``elbowroom export``: a run for other runtimes: a page, ONNX, diffusers, a repository of the Hugging Face Hub."""

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
@click.option("--diffusers", help="FOLDER that diffusers.AutoencoderKL loads, of a run of autoencoder_kl")
@click.option("--hub", help="FOLDER for a model repository: weights, recipe, samplers and a model card")
@click.option("--license", help="of the model card of --hub or --diffusers, as apache-2.0")
@click.option("--push", metavar="OWNER/NAME", help="upload --hub to this repository of the Hugging Face Hub")
@click.option("--max-mb", type=float, default=20, show_default=True, help="largest weights that a page may hold")
@click.option(
    "--sampler", help="density of the samples of a page or ONNX: prior, or a fitted one  [default: the run's]"
)
@options.shared_options(
    "data", data={"help": "its training data, where that was given in Python or is no longer where it was"}
)
@options.weights_option
def export(
    run: Run,
    html: str | None,
    onnx: str | None,
    diffusers: str | None,
    hub: str | None,
    license: str | None,
    push: str | None,
    max_mb: float,
    sampler: str | None,
    source: str | None,
) -> None:
    """Export a run as a self-contained page, as ONNX, for diffusers or for the Hugging Face Hub."""
    from elbowroom.exporting import export, export_diffusers, export_hub

    if not (html or onnx or diffusers or hub):
        raise ValueError(
            "nothing to export was named: give --html FILE.html, --onnx FOLDER, --diffusers FOLDER or --hub FOLDER"
        )
    _require_target("--license", license, {"--hub": hub, "--diffusers": diffusers})
    _require_target("--push", push, {"--hub": hub})
    _require_target("--sampler", sampler, {"--html": html, "--onnx": onnx})
    files = []
    if html or onnx:
        files += export(run, source, html=html, onnx=onnx, sampler=sampler, max_mb=max_mb)
    if diffusers:
        files += export_diffusers(run, diffusers, source, license=license)
    if hub:
        files += export_hub(run, hub, source, license=license, push=push)
    for file in files:
        click.echo(f"{file.path}  {file.summary}")


def _require_target(flag: str, value: str | None, targets: dict[str, str | None]) -> None:
    """Raise for a flag that is given without any of the exports that it is for."""
    if value and not any(targets.values()):
        raise ValueError(f"{flag} {value} is for {' and '.join(targets)}: give one of them, too")
