"""``elbowroom train`` and ``resume``: train a recipe, continue a run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from elbowroom.cli import options
from elbowroom.recipes.registry import Recipe, all_recipes, find

if TYPE_CHECKING:
    from elbowroom.runs.run import Run

_DATA_OPTIONS = (
    *("binarize", "dequantize", "validation", "only", "labeled", "label", "columns"),
    *("resize", "crop", "flip", "shift", "buffer"),
)
_FIT_OPTIONS = (
    "epochs",
    "steps",
    "batch_size",
    "lr",
    "optimizer",
    "seed",
    "out",
    "device",
    "watch",
    "accumulate",
    "checkpoint_every",
    "on_nan",
    "precision",
)


def _train_options() -> list[click.Option]:
    return [
        click.Option(
            ["--data"],
            default="digits",
            show_default=True,
            help="a name that 'elbowroom data' lists, a path, or a pattern of shards",
        ),
        click.Option(
            ["--epochs"], type=int, help="passes over the training examples  [default: 10, or 1,000 steps if more]"
        ),
        click.Option(["--steps"], type=int, help="optimiser steps, instead of epochs"),
        click.Option(["--batch-size"], type=int, default=128, show_default=True, help="examples per step"),
        click.Option(["--lr"], type=options.FiniteFloat(), default=1e-3, show_default=True, help="learning rate"),
        click.Option(
            ["--optimizer"],
            default="adam",
            show_default=True,
            help="a name in torch.optim, small: adam, adagrad, …; with arguments as 'sgd(momentum=0.9)'",
        ),
        click.Option(
            ["--seed"], type=options.SEED_TYPE, default=0, show_default=True, help="of weights, order, noise and splits"
        ),
        click.Option(["--out"], type=str, help="the run directory  [default: runs/RECIPE-DATA-N]"),
        click.Option(["--device"], type=str, help="cpu, cuda or mps  [default: the fastest there is]"),
        click.Option(
            ["--binarize"],
            type=click.Choice(["none", "threshold", "dynamic"]),
            default="none",
            show_default=True,
            help="make pixels 0 or 1: dynamic draws training pixels anew each time, validation and test once",
        ),
        click.Option(
            ["--dequantize"], is_flag=True, help="make pixels continuous with uniform noise within each level"
        ),
        click.Option(
            ["--validation"], type=options.CountOrFraction(), help="examples to hold out, where the data names none"
        ),
        click.Option(["--only"], help="classes to keep, as 0,1"),
        click.Option(
            ["--labeled"],
            type=click.IntRange(1),
            help="how many labels of training examples to keep, as for m2; the others are unknown",
        ),
        click.Option(["--label"], help="the column of a table, or the attributes, that are the labels"),
        click.Option(["--columns"], help="what columns of a table are, as zip=category,age=number,id=drop"),
        click.Option(["--resize"], type=options.HeightWidth(), help="height,width to which image files are resized"),
        click.Option(["--crop"], type=options.HeightWidth(), help="height,width to crop from their center first"),
        click.Option(["--flip"], is_flag=True, help="flip half of the training images at random"),
        click.Option(
            ["--shift"], type=click.IntRange(0), default=0, help="largest random shift of training images, in pixels"
        ),
        click.Option(["--skip-bad"], is_flag=True, help="skip images that cannot be read, with a warning"),
        click.Option(
            ["--buffer"], type=int, help="examples held in memory of data read in parts; they are shuffled within it"
        ),
        click.Option(
            ["--watch"],
            default="validation,test",
            show_default=True,
            help="splits to evaluate after every epoch; test is never used to choose",
        ),
        click.Option(["--schedule"], help="learning-rate schedule: cosine, one-cycle, exponential, thirds"),
        click.Option(["--clip"], type=options.FiniteFloat(), help="gradient clipping: largest norm of a gradient"),
        click.Option(["--skip"], type=options.FiniteFloat(), help="skip steps whose gradient norm is above this"),
        click.Option(
            ["--average"],
            type=options.FiniteFloat(),
            help="decay of an exponential moving average of the weights, as 0.999; the average is what is saved",
        ),
        click.Option(
            ["--kl-warmup"],
            type=options.FiniteFloat(),
            help="fraction of the run over which the KL weight grows to 1",
        ),
        click.Option(
            ["--free-bits"],
            type=options.FiniteFloat(),
            help="free bits: nats of KL per latent dimension that cost nothing",
        ),
        click.Option(["--patience"], type=int, help="early stopping: epochs without a better validation loss"),
        click.Option(
            ["--precision"],
            type=click.Choice(["float32", "bf16"]),
            default="float32",
            show_default=True,
            help="of matrix products; bf16 is faster on hardware that supports it",
        ),
        click.Option(
            ["--accumulate"], type=int, default=1, help="gradient accumulation: parts that each batch is split into"
        ),
        click.Option(["--checkpoint-every"], type=int, help="steps between checkpoints within an epoch"),
        click.Option(
            ["--on-nan"],
            type=click.Choice(["stop", "rollback"]),
            default="stop",
            show_default=True,
            help="on a NaN loss: stop, or go back to the last checkpoint and halve the learning rate",
        ),
        click.Option(
            ["--preset"],
            type=click.Choice(list(options.PRESETS)),
            is_eager=True,
            expose_value=False,
            callback=options.apply_preset,
            help="classic; or fast: 4 epochs with a one-cycle schedule, about as good as 10 of the classic",
        ),
        click.Option(
            ["--config"],
            is_eager=True,
            expose_value=False,
            callback=options.apply_config,
            help="a TOML file with these options",
        ),
    ]


class TrainGroup(click.Group):
    """A subcommand for every recipe, with options made from its signature."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(all_recipes())

    def get_command(self, ctx: click.Context, name: str) -> click.Command:
        recipe = find(name)
        recipe_options = [options.option_from_argument(argument) for argument in recipe.arguments.values()]
        train_options = _train_options()
        clashes = {option.name for option in recipe_options} & {"help", *(option.name for option in train_options)}
        if clashes:
            raise ValueError(f"recipe {name} has the argument '{min(clashes)}', which is a flag of train: rename it")
        return click.Command(
            name,
            params=[*recipe_options, *train_options],
            callback=lambda **flag_values: train(recipe, **flag_values),
            help=f"{recipe.summary}\n\n{recipe.paper}",
            short_help=recipe.summary,
        )


def train(recipe: Recipe, **flag_values: Any) -> None:
    """Train, and print the result."""
    from elbowroom import distributed

    run = train_from_options(recipe, **flag_values)
    if distributed.is_main_process():
        print_report(run)


def train_from_options(recipe: Recipe, **flag_values: Any) -> Run:
    """Load the data, build the recipe, and fit it, as the options say."""
    import torch

    from elbowroom import distributed
    from elbowroom.data import load_data
    from elbowroom.workbench.fit import fit

    # Defaults are left to the recipe: its default likelihood is another one for tables.
    arguments = {
        name: flag_values[name] for name, argument in recipe.arguments.items() if flag_values[name] != argument.default
    }
    settings = {name: flag_values[name] for name in _FIT_OPTIONS}
    settings["watch"] = tuple(filter(None, settings["watch"].replace(" ", "").split(",")))
    data_settings = {name: flag_values[name] for name in _DATA_OPTIONS if flag_values[name] is not None}
    data_settings["bad_images"] = "skip" if flag_values["skip_bad"] else "refuse"
    distributed.init_process_group()
    data = load_data(flag_values["data"], **data_settings, seed=flag_values["seed"])
    torch.manual_seed(flag_values["seed"])
    return fit(*recipe(data.shape, **arguments), data, **settings, callbacks=_build_callbacks(flag_values))


def _build_callbacks(flag_values: dict[str, Any]) -> list[Any]:
    """The callbacks that the options ask for."""
    from elbowroom import training

    callbacks = {
        "schedule": training.LRSchedule,
        "clip": training.GradientClipping,
        "skip": training.SkipStep,
        "average": training.EMA,
        "kl_warmup": training.Warmup,
        "free_bits": training.FreeBits,
        "patience": training.EarlyStopping,
    }
    return [make(flag_values[flag]) for flag, make in callbacks.items() if flag_values[flag] is not None]


def print_report(run: Any) -> None:
    """Print the last losses, and where run, report and images are."""
    rows = run.metrics()
    end = rows[-1]
    click.echo(f"{end['reason']} after {end['step']:,} steps, epoch {end['epoch']}")
    for split in ("train", "validation", "test"):
        last = next((row for row in reversed(rows) if row.get("split") == split), None)
        if last is not None:
            terms = [k for k in ("loss", "elbo", "reconstruction", "kl") if k in last]
            click.echo(f"  {split:<10} " + "  ".join(f"{k} {last[k]:.2f}" for k in terms) + "  nats per example")
    click.echo(f"run       {run.path}")
    if (page := run.path / "report.html").is_file():
        click.echo(f"report    {page}")
    for kind in ("reconstructions", "samples", "curves"):
        images = sorted(run.images.glob(f"{kind}*.png"))
        if images:
            click.echo(f"images    {images[-1]}")
    if end["reason"] in ("interrupted", "terminated"):
        click.echo(f"go on with: elbowroom resume {run.path}")
        raise click.exceptions.Exit(130 if end["reason"] == "interrupted" else 143)


@click.command()
@click.argument("run")
@click.option("--device", help="cpu, cuda or mps  [default: where it was trained]")
def resume(run: str, device: str | None) -> None:
    """Continue a run from its last checkpoint."""
    from elbowroom import distributed
    from elbowroom.workbench import fit as training

    resumed = training.resume(run, device=device)
    if distributed.is_main_process():
        print_report(resumed)
