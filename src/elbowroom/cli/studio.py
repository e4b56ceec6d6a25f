"""``elbowroom studio``: serve the studio on a folder of runs."""

from __future__ import annotations

from pathlib import Path

import click

from elbowroom.cli.train import TrainGroup


@click.command()
@click.argument("runs", default="runs")
@click.option("--host", default="127.0.0.1", show_default=True, help="address to listen on; others ask for a token")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=7860, show_default=True, help="the next free one if it is taken"
)
@click.option("--no-browser", is_flag=True, help="print the address and open nothing")
@click.option("--data-folder", multiple=True, help="a folder whose files may be trained on; may be given several times")
def studio(runs: str, host: str, port: int, no_browser: bool, data_folder: tuple[str, ...]) -> None:
    """Open the studio: watch, compare, explore and train runs on one page.

    \b
    elbowroom studio
    elbowroom studio runs --data-folder ~/pictures
    """
    from elbowroom.studio import serve

    if runs == "runs" and not Path(runs).exists():
        Path(runs).mkdir()  # the default folder may not exist before the first training

    def announce(address: str) -> None:
        click.echo(f"studio  {address}\nCtrl-C ends it; trainings go on")
        if not no_browser:
            click.launch(address)

    serve(runs, host, port, data_folder, TrainGroup("train"), announce)
