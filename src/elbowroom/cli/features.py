"""``elbowroom fit-features``: features of images for perceptual losses, in a file."""

from __future__ import annotations

from typing import Any

import click

from elbowroom.argument import arguments_of, config_from
from elbowroom.cli import options
from elbowroom.data.options import DataConfig


def _with_data_options(command: click.Command) -> click.Command:
    command.params += [options.option_from_argument(argument) for argument in arguments_of(DataConfig).values()]
    return command


@_with_data_options
@click.command("fit-features")
@click.option("--data", required=True, help="images: a name that 'elbowroom data' lists, or a path")
@click.option("--out", required=True, help="FILE.safetensors, which recipes take as --features FILE.safetensors")
def fit_features(data: str, out: str, **flag_values: Any) -> None:
    """Fit features of images for perceptual losses: those of a small classifier of the labels of a training split.

    A model that trained in them is not to be judged by the same: give another --seed than that of 'elbowroom evaluate
    --metrics images', which is 0. Without labels the features stay random.
    """
    from elbowroom.data import load_data
    from elbowroom.evaluation.metrics.feature_extractor import default_features

    target = options.output_path(out, {".safetensors": "weights"})
    loaded = load_data(data, config_from(DataConfig, flag_values))
    features = default_features(loaded, flag_values["seed"])
    features.save(target)
    click.echo(f"{target}  {features}")
