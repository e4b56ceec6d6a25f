"""``elbowroom train`` and ``resume``: train a recipe, continue a run."""

from __future__ import annotations

import warnings
from collections.abc import Sequence, Set
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from elbowroom.argument import arguments_of, config_from, flag_name
from elbowroom.cli import options
from elbowroom.formatting import format_count, format_fixed
from elbowroom.recipes.registry import Recipe, all_recipes, find
from elbowroom.runs.settings import TrainConfig, callback_records, settle_defaults, train_options

if TYPE_CHECKING:
    from elbowroom.data import Data
    from elbowroom.models.base import GenerativeModel
    from elbowroom.objectives import Term
    from elbowroom.runs.run import Run
    from elbowroom.training.callback import Callback

#: Options of ``train`` that are no settings of the training or its data.
_OTHER_OPTIONS = (
    click.Option(
        ["--data"],
        default="digits",
        show_default=True,
        help="a name that 'elbowroom data' lists, a path, or a pattern of shards",
    ),
    click.Option(["--out"], type=str, help="the run directory  [default: runs/RECIPE-DATA-N]"),
    click.Option(["--overwrite"], is_flag=True, help="replace a run that is in --out"),
    click.Option(
        ["--preset"],
        type=click.Choice(list(options.PRESETS)),
        is_eager=True,
        expose_value=False,
        callback=options.apply_preset,
        help="classic; or fast: 4 epochs with a one-cycle schedule, about as good as 10 of the classic; by default "
        "classic, or the settings that the recipe comes with",
    ),
    options.quiet_option(),
    click.Option(
        ["--config"],
        is_eager=True,
        expose_value=False,
        callback=options.apply_config,
        help="a TOML file with these options",
    ),
)


class TrainGroup(click.Group):
    """A subcommand for every recipe, with options made from its signature."""

    def collect_usage_pieces(self, ctx: click.Context) -> list[str]:
        return ["RECIPE", "[OPTIONS]"]

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(all_recipes())

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the words of a command line; where no recipe is named it is that of the run of ``--from``.

        Raises:
            ValueError: options stand where the recipe does.
        """
        words = [word for text in args for word in text.split("=", 1)]
        if args and args[0].startswith("-") and "--from" in words[:-1]:
            args = [options.recipe_of(words[words.index("--from") + 1]), *args]
        elif args and args[0].startswith("-") and args[0] not in ctx.help_option_names:
            path = ctx.command_path
            raise ValueError(f"the recipe comes first, as in '{path} vae {args[0]} …': 'elbowroom recipes' lists them")
        return super().parse_args(ctx, args)

    def get_command(self, ctx: click.Context, name: str) -> click.Command:
        recipe = find(name)
        settings = train_options(recipe.defaults)
        clashes = recipe.arguments.keys() & {"help", *settings, *(option.name for option in _OTHER_OPTIONS)}
        if clashes:
            raise ValueError(f"recipe {name} has the argument '{min(clashes)}', which is a flag of train: rename it")
        recipe_options = map(options.option_from_argument, recipe.arguments.values())
        training_options = [options.option_from_argument(argument) for argument in settings.values()]
        for one in training_options:
            if one.name == "init_from":
                one.is_eager, one.callback = True, options.apply_run
        return click.Command(
            name,
            params=[*recipe_options, *_OTHER_OPTIONS, *training_options],
            callback=lambda **flag_values: train(recipe, **flag_values),
            help="\n\n".join((recipe.summary, recipe.equation.replace("``", ""), recipe.paper)),
            short_help=recipe.summary,
        )


def train(recipe: Recipe, **flag_values: Any) -> None:
    """Train, and print the result."""
    from elbowroom import distributed

    run = train_from_options(recipe, options.given_options(), **flag_values)
    if distributed.is_main_process():
        print_report(run)


def train_from_options(
    recipe: Recipe, given: Set[str], extra_callbacks: Sequence[Callback] = (), **flag_values: Any
) -> Run:
    """Load the data, build the recipe, and fit it, as the options say, with further callbacks.

    Args:
        recipe: to train.
        given: names of the options that were given: the values of others are defaults. A job has no command to ask.
        extra_callbacks: besides those of options.
        **flag_values: of all options.
    """
    from elbowroom.training.interrupts import hold_signals
    from elbowroom.workbench.fit import fit

    model, objective, data, config, callbacks = _prepare(recipe, given, flag_values)
    out, overwrite = flag_values["out"], flag_values.get("overwrite", False)
    with hold_signals():
        return fit(
            model, objective, data, config, out=out, callbacks=[*callbacks, *extra_callbacks], overwrite=overwrite
        )


def check_options(recipe: Recipe, given: Set[str], is_here: bool, metric: str = "", **flag_values: Any) -> None:
    """Raise the ValueError by which a training with these options would be refused before its first step.

    Args:
        recipe: to train.
        given: as for :func:`train_from_options`.
        is_here: whether this machine is to train it, which then must have the device.
        metric: of validation, which a search is for.
        **flag_values: of all options.
    """
    from elbowroom import devices
    from elbowroom.models.base import GenerativeModel
    from elbowroom.training.trial import validation_terms
    from elbowroom.workbench.fit import check_fit
    from elbowroom.workbench.monitoring.pruning import require_metric

    # What is worth a warning is said by the training.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model, objective, data, config, callbacks = _prepare(recipe, given, flag_values)
        check_fit(model, objective, data, config, callbacks)
        # Of a module of one's own it is known once it trains.
        if metric and isinstance(model, GenerativeModel):
            require_metric(metric, validation_terms(model, objective, data, config.watch))
    if is_here:
        devices.resolve(config.device)


class _Training(NamedTuple):
    """What a training is of."""

    model: GenerativeModel
    objective: Term
    data: Data
    config: TrainConfig
    callbacks: list[Callback]


def _prepare(recipe: Recipe, given: Set[str], flag_values: dict[str, Any]) -> _Training:
    """Load the data and build the recipe, as the options say.

    Raises:
        ValueError: options that contradict each other, or that recipe or data do not take.
    """
    import torch

    from elbowroom import distributed
    from elbowroom.training.validate import check_length, default_batch_size
    from elbowroom.workbench.callback_registry import from_record

    flag_values = settle_defaults(recipe.defaults, flag_values, given.__contains__)
    # Defaults are left to the recipe: its default likelihood is another one for tables and views, unless it was given.
    arguments = {
        name: flag_values[name]
        for name, argument in recipe.arguments.items()
        if name in given or flag_values[name] != argument.default
    }
    # Known without the data, which may take long to read.
    check_length(config_from(TrainConfig, flag_values))
    distributed.init_process_group()
    data = _load_data(flag_values, given)
    for name in ("labels", "factors"):
        if name in recipe.arguments and name not in given and (count := _count_labels(data)):
            arguments[name] = count
    published = recipe.defaults.get("batch_size")
    if published and published == flag_values["batch_size"] and "batch_size" not in given:
        flag_values["batch_size"] = default_batch_size(data, published)
    torch.manual_seed(flag_values["seed"])
    callbacks = from_record(callback_records(flag_values))
    model, objective = recipe(data.shape, **arguments)
    if "pairs" in given and not model.learns_from_pairs:
        raise ValueError(
            f"--pairs is for recipes that learn from pairs, as ada_gvae, and {recipe.name} does not: leave it out"
        )
    return _Training(model, objective, data, config_from(TrainConfig, flag_values), callbacks)


def _load_data(flag_values: dict[str, Any], given: Set[str]) -> Data:
    """Load the data as the options say; for a training that starts from a run, coded as that run's."""
    from elbowroom.data import DataConfig, load_data
    from elbowroom.runs.run import Run

    start = flag_values.get("init_from")
    if start is None or Run(start).is_of_diffusers:
        return load_data(flag_values["data"], config_from(DataConfig, flag_values))
    for name in arguments_of(DataConfig):
        if name != "seed" and name in given:
            raise ValueError(
                f"{flag_name(name)} was given with --from {start}, whose record says how data is "
                f"read: leave {flag_name(name)} out"
            )
    return Run(start).data(flag_values["data"] if "data" in given else None)


def _count_labels(data: Data) -> int | None:
    """Return how many classes or attributes the data has; None where it has none, or their number is not known."""
    if names := data.attributes or data.classes:
        return len(names)
    y = data.train.first(1).y
    return y.shape[1] if y is not None and y.dim() > 1 else None


def print_report(run: Any) -> None:
    """Print the losses of the weights that are kept, and where run, report and images are."""
    rows = run.metrics()
    end = rows[-1]
    kept_at = end.get("weights", end)["step"]
    click.echo(f"{end['reason']} after {end['step']:,} steps, epoch {end['epoch']}")
    for split in ("train", "validation", "test"):
        last = next((row for row in reversed(rows) if row.get("split") == split and row["step"] <= kept_at), None)
        if last is not None:
            terms = [term for term in ("loss", "elbo", "reconstruction", "kl") if term in last]
            values = "  ".join(f"{term} {format_fixed(last[term])}" for term in terms)
            click.echo(f"  {split:<10} {values}  nats per example")
    if end["reason"] not in ("interrupted", "terminated"):
        click.echo(f"weights   {run.describe_weights()}")
    if found := list(dict.fromkeys(r["title"] for r in rows if r.get("event") == "finding" and not r.get("cause"))):
        click.echo(f"doctor    {', '.join(found)}: 'elbowroom doctor {run.path}' has more")
    click.echo(f"run       {run.path}")
    if (page := run.path / "report.html").is_file():
        click.echo(f"report    {page}")
    if words := _describe_sampler(run):
        click.echo(f"sampler   {words}")
    for kind in ("reconstructions", "samples", "curves"):
        images = sorted(run.images.glob(f"{kind}*.png"))
        if images:
            click.echo(f"images    {images[-1]}")
    if end["reason"] in ("interrupted", "terminated"):
        click.echo(f"go on with: elbowroom resume {run.path}")
        raise click.exceptions.Exit(130 if end["reason"] == "interrupted" else 143)


def _describe_sampler(run: Run) -> str:
    """Return what the run samples from, which sampler was fitted, and the command that draws; empty without one."""
    from elbowroom.samplers import current_samplers, default_sampler, load_sampler

    fitted = current_samplers(run)
    if not fitted:
        return ""
    default = default_sampler(run, run.model())
    is_default = default in fitted
    name = default if is_default else fitted[-1]
    sampler = load_sampler(run, name)
    origin = f"fitted to {format_count(sampler.n_latents, 'latent')}" if sampler.n_latents else sampler.origin
    density = f"{name}, {origin} in {sampler.seconds:.1f} s"
    flag = "" if is_default else f"--sampler {name} "
    draws = f"'elbowroom sample {run.path} {flag}--out FILE' draws"
    return f"samples from {density}; {draws} more" if is_default else f"{density}, beside the prior; {draws} from it"


@click.command()
@click.argument("run")
@options.shared_options(
    "data", data={"help": "its training data, where that was given in Python or is no longer where it was"}
)
@options.shared_options("device", device={"help": "cpu, cuda or mps  [default: where it was trained]"})
@click.option(
    "--epochs", type=click.IntRange(1), help="to train to, those before included  [default: as it was started]"
)
@click.option("--steps", type=click.IntRange(1), help="to train to, instead of epochs")
@options.shared_options("quiet")
def resume(
    run: str, source: str | None, device: str | None, epochs: int | None, steps: int | None, quiet: bool
) -> None:
    """Continue a run from its last checkpoint; with --epochs a finished one too."""
    from elbowroom import distributed
    from elbowroom.training.interrupts import hold_signals
    from elbowroom.workbench import fit as training

    with hold_signals():
        progress = False if quiet else None
        resumed = training.resume(run, source, device=device, epochs=epochs, steps=steps, progress=progress)
    if distributed.is_main_process():
        print_report(resumed)
