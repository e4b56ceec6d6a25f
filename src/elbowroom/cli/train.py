"""``elbowroom train`` and ``resume``."""

from __future__ import annotations

from typing import Any

import click

from elbowroom.cli import flags
from elbowroom.recipes.table import Recipe, find, known

_DATA = ("binarise", "validation", "resize")
_FIT = ("epochs", "steps", "batch_size", "lr", "optimizer", "seed", "out", "device", "watch")


def _options() -> list[click.Option]:
    return [
        click.Option(
            ["--data"], default="digits", show_default=True, help="a name that 'elbowroom data' lists, or a path"
        ),
        click.Option(["--epochs"], type=int, help="passes over the training examples  [default: 10]"),
        click.Option(["--steps"], type=int, help="optimiser steps, instead of epochs"),
        click.Option(["--batch-size"], type=int, default=128, show_default=True, help="examples per step"),
        click.Option(["--lr"], type=float, default=1e-3, show_default=True, help="learning rate"),
        click.Option(["--optimizer"], default="adam", show_default=True, help="adam, adamw, adagrad, rmsprop, sgd"),
        click.Option(["--seed"], type=int, default=0, show_default=True, help="of weights, order, noise and splits"),
        click.Option(["--out"], type=str, help="the run directory  [default: runs/RECIPE-DATA-N]"),
        click.Option(["--device"], type=str, help="cpu, cuda or mps  [default: the fastest there is]"),
        click.Option(
            ["--binarise"],
            type=click.Choice(["none", "threshold", "dynamic"]),
            default="none",
            show_default=True,
            help="make pixels black or white: dynamic draws training anew each time, validation and test once",
        ),
        click.Option(["--validation"], type=flags.Amount(), help="examples to hold out, where the data names none"),
        click.Option(["--resize"], type=flags.Size(), help="height,width to which pictures of a folder are brought"),
        click.Option(
            ["--watch"],
            default="validation,test",
            show_default=True,
            help="splits to evaluate after every epoch; nothing is chosen by them",
        ),
        click.Option(
            ["--config"], is_eager=True, expose_value=False, callback=flags.config, help="a TOML file of these flags"
        ),
    ]


class Train(click.Group):
    """A subcommand for every recipe, its flags made from its signature."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: D102
        return list(known())

    def get_command(self, ctx: click.Context, name: str) -> click.Command:  # noqa: D102
        recipe = find(name)
        own = [flags.option(field) for field in recipe.fields.values()]
        return click.Command(
            name,
            params=[*own, *_options()],
            callback=lambda **given: train(recipe, **given),
            help=f"{recipe.summary}\n\n{recipe.paper}",
            short_help=recipe.summary,
        )


def train(recipe: Recipe, **given: Any) -> None:
    """Load, make, fit, and say where it all is."""
    import torch

    from elbowroom.data import load_data
    from elbowroom.training import fit

    arguments = {name: given[name] for name in recipe.fields}
    settings = {name: given[name] for name in _FIT}
    settings["watch"] = tuple(filter(None, settings["watch"].replace(" ", "").split(",")))
    about = {name: given[name] for name in _DATA if given[name] is not None}
    data = load_data(given["data"], **about, seed=given["seed"])
    torch.manual_seed(given["seed"])
    run = fit(*recipe(data.shape, **arguments), data, **settings)
    report(run)


def report(run: Any) -> None:
    """The last figures, the directory and the pictures in it."""
    rows = run.metrics()
    end = rows[-1]
    click.echo(f"{end['reason']} after {end['step']:,} steps, epoch {end['epoch']}")
    for split in ("train", "validation", "test"):
        last = next((row for row in reversed(rows) if row.get("split") == split), None)
        if last is not None:
            terms = [k for k in ("loss", "elbo", "reconstruction", "kl") if k in last]
            click.echo(f"  {split:<10} " + "  ".join(f"{k} {last[k]:.2f}" for k in terms) + "  nats per example")
    click.echo(f"run       {run.path}")
    for kind in ("reconstructions", "samples", "curves"):
        pictures = sorted(run.images.glob(f"{kind}*.png"))
        if pictures:
            click.echo(f"pictures  {pictures[-1]}")
    if end["reason"] == "interrupted":
        click.echo(f"go on with: elbowroom resume {run.path}")
        raise click.exceptions.Exit(130)


@click.command()
@click.argument("run")
def resume(run: str) -> None:
    """Go on with a run from its last checkpoint."""
    from elbowroom import training

    report(training.resume(run))
