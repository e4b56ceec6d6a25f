"""``elbowroom evaluate``, ``sample`` and ``fit-sampler``: measure a run, draw examples from it."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from elbowroom.cli import listing, options, output_files
from elbowroom.formatting import format_clock, format_count

if TYPE_CHECKING:
    from torch import Tensor

    from elbowroom.models.base import GenerativeModel
    from elbowroom.runs.run import Run


#: Seconds between two lines of the progress of a fit, outside a terminal.
FIT_PROGRESS_INTERVAL_S = 10.0


class _EvaluateCommand(click.Command):
    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        from elbowroom.evaluation.registry import SUITES

        with formatter.section("Metrics"):
            formatter.write_dl([(name, SUITES.help(name)) for name in SUITES])


@click.command(cls=_EvaluateCommand)
@click.argument("run")
@click.option(
    "--metrics",
    default="default",
    help="suites of metrics, comma separated; default is likelihood, latent, reconstruction; or all  "
    "[default: default]",
)
@click.option(
    "--sampler",
    help="fitted samplers to compare with the prior, comma separated, as gaussian,mixture:10; prior for none  "
    "[default: all that were fitted to the run]",
)
@options.shared_options("data", "split", samples={"default": 100})
@options.shared_options("resize", "label", "batch_size", "seed", "device", "json")
@click.option("--no-save", "save", flag_value=False, default=True, help="do not keep the metrics in the run")
@options.weights_option
def evaluate(run: Run, source: str | None, resize: Any, label: str | None, as_json: bool, **settings: Any) -> None:
    """Evaluate a run on a whole split: ELBO, importance bound, KL per dimension, error; with --metrics much more."""
    from elbowroom.cli.examples import load_other, parse_one_condition
    from elbowroom.evaluation import evaluate

    condition = None if label is None else parse_one_condition(run, run.model(), label)
    evaluation = evaluate(run, load_other(run, source, resize), c=condition, **settings)
    if as_json:
        click.echo(evaluation.json())
        return
    p = evaluation.protocol
    screen = listing.console()
    screen.print(
        f"[bold]{p['model']}[/]  {p['recipe']}, {p['parameters']:,} parameters, {p['data']['name']} {p['split']}, "
        f"{format_count(p['samples'], 'sample')}, seed {p['seed']}\np(x|z): {p['likelihood']}\n",
    )
    screen.print(evaluation.table())


@click.command()
@click.argument("run")
@click.option("-n", type=int, help="how many to draw  [default: 64]")
@click.option("--z", "latents", help='latents to decode instead: "0,0; 0,1; -0.9,-0.9"')
@click.option(
    "--sampler",
    help="density of latents: prior, or one fitted to them, as mixture:10  [default: the recipe's own, else the prior; "
    "without a prior that of the training]",
)
@click.option("--label", help='for a conditional model: classes in turn, "7" or "3,8"; attributes, "Smiling=1,Male=0"')
@click.option("--given", help='cells that every row of a table shall have: "education=Masters,age=40"')
@click.option(
    "--draw/--mean",
    "draw",
    default=None,
    help="draw from p(x|z), or take its mean, of a decoder that reads x the mean of each value given those "
    "before it  [default: draw rows, series and from such a decoder, take the mean of other images]",
)
@options.shared_options("seed", seed={"help": "of the draw"})
@click.option(
    "--out",
    required=True,
    help="FILE.png for a grid, .npz for arrays x and z, .csv or .parquet for a table, .txt for texts",
)
@options.weights_option
def sample(
    run: Run,
    n: int | None,
    latents: str | None,
    sampler: str | None,
    label: str | None,
    given: str | None,
    draw: bool | None,
    seed: int,
    out: str,
) -> None:
    """Decode latents drawn from the prior or from a density fitted to latents, or given with --z."""
    from elbowroom.plotting import captions

    target = options.output_path(out, output_files.EXAMPLE_KINDS)
    n = _count_samples(n, latents, sampler)
    model, name = _load_sampled_model(run, sampler)
    output_files.require_suffix(target, model, run.record["data"])
    if given is not None:
        if latents is not None or label is not None or draw is False:
            raise ValueError("--given was given with --z, --label or --mean: leave one of them out")
        _save_rows_with_cells(run, model, name, given, n, seed, target)
        return
    z_given = None if latents is None else _move_to_manifold(model, parse_latents(latents, model.latent_shape))
    is_drawn = model.samples_are_draws if draw is None else draw
    x, z, c, description = _draw_samples(run, model, z_given, label, n, is_drawn, seed)
    origin = captions.sampler_words(name) if z_given is None else captions.AS_GIVEN
    is_random = z_given is None or is_drawn
    caption = captions.output_caption(is_drawn, origin, f"seed {seed}" if is_random else "", description)
    if target.suffix == ".npz":
        output_files.save_arrays(target, caption, x=x, z=z)
    elif target.suffix == ".txt":
        output_files.save_texts(target, run.record["data"], caption, x)
    elif target.suffix in output_files.TABLE_KINDS:
        _save_sampled_rows(target, x, c, run.record["data"], caption, is_drawn, seed)
    else:
        from elbowroom.plotting import sample_grid
        from elbowroom.plotting.montage import to_images

        labels = None if z_given is None else [latent_label(latent.flatten().tolist()) for latent in z]
        grid = sample_grid(to_images(x, model.views), captions.join_caption(caption, str(run)), labels)
        output_files.save_image(target, grid, caption)


def _save_rows_with_cells(
    run: Run, model: GenerativeModel, name: str, given: str, n: int, seed: int, target: Path
) -> None:
    """Write rows of a table that have the given cells, and say how many latents they rest on."""
    from elbowroom.data import draw_missing
    from elbowroom.latent.conditional_rows import encode_given, sample_given
    from elbowroom.noise import seeded_rng
    from elbowroom.plotting import captions

    if target.suffix not in output_files.TABLE_KINDS or "columns" not in run.record["data"]:
        raise ValueError(f"--given is for tables: give a run of a table and --out rows.csv, not {target.name}")
    pairs = [part.partition("=") for part in given.split(",")]
    if not all(equals for _, equals, _ in pairs):
        raise ValueError(f"--given '{given}' is not understood: write COLUMN=CELL,COLUMN=CELL")
    row = encode_given({key.strip(): cell.strip() for key, _, cell in pairs}, run.record["data"]["columns"])
    with seeded_rng(seed):
        x, effective = sample_given(model, row, n)
        x = draw_missing(x, run.record["data"]).where(row.isnan().to(x.device), x)
    caption = captions.output_caption(True, captions.sampler_words(name), f"seed {seed}", f"given {given}")
    output_files.save_rows(target, x, run.record["data"], caption)
    click.echo(f"the rows rest on {effective:,.0f} latents (effective sample size of the importance weights)", err=True)


def _move_to_manifold(model: GenerativeModel, z: Tensor) -> Tensor:
    """Return given latents, or where they lie off the model's manifold, the nearest points of it, which is said."""
    if not bool(model.manifold.contains(z).all()):
        click.echo(f"--z: moved to the nearest of this model's latents, {model.manifold.description}", err=True)
    return model.manifold.project(z)


def _count_samples(n: int | None, latents: str | None, sampler: str | None) -> int:
    """Return how many to draw; options that contradict each other are refused."""
    if n is not None and latents is not None:
        raise ValueError(f"both -n {n} and --z were given: -n is for latents that are drawn; leave one of them out")
    if sampler is not None and latents is not None:
        raise ValueError(f"both --sampler {sampler} and --z were given: leave one of them out")
    if n is not None and n < 1:
        raise ValueError(f"-n must be at least 1, got {n}")
    return 64 if n is None else n


def _load_sampled_model(run: Run, sampler: str | None) -> tuple[GenerativeModel, str]:
    """Return the model with the density that latents are drawn from, and its name."""
    from elbowroom.samplers import NO_SAMPLER, PRIOR, declared_sampler, default_sampler, full_name, sampling_model

    model = run.model()
    name = default_sampler(run, model) if sampler is None else full_name(sampler)
    declared = declared_sampler(run.record)
    if sampler is None and name == PRIOR and declared and run.record["training"].get("sampler") != NO_SAMPLER:
        # A training that was interrupted fits none.
        again = f"'elbowroom fit-sampler {run.path} {full_name(declared)}' fits it"
        click.echo(
            f"from the prior: {run.record['recipe']} samples from {declared}, which is not there; {again}", err=True
        )
    return sampling_model(run, model, name), name


def _draw_samples(
    run: Run, model: GenerativeModel, given: Tensor | None, label: str | None, n: int, is_drawn: bool, seed: int
) -> tuple[Tensor, Tensor, Tensor | None, str]:
    """Return samples, their latents and conditions, and the conditions in words."""
    from elbowroom.cli.conditioning import parse_condition, sample_labels
    from elbowroom.noise import seeded_rng

    with seeded_rng(seed):
        n = n if given is None else len(given)
        c, description = sample_labels(run, model, n) if label is None else (None, "")
        if c is None:
            c, description = parse_condition(run, model, label, n)
        if given is None:
            return *model.sample_with_latents(n, c, is_drawn), c, description
        return model.sample(c=c, z=given, draw=is_drawn), given, c, description


def _save_sampled_rows(
    path: Path, x: Tensor, c: Tensor | None, record: Mapping[str, Any], caption: str, is_drawn: bool, seed: int
) -> None:
    """Write sampled rows: with the label where the model knows it, and drawn ones with as many gaps as the data has."""
    from elbowroom.data import draw_missing
    from elbowroom.noise import seeded_rng
    from elbowroom.plotting import captions

    if "columns" in record and is_drawn:
        with seeded_rng(seed):
            x = draw_missing(x, record)
    label = record.get("table", {}).get("label")
    if label is not None and c is None:
        caption = captions.join_caption(caption, f"without the label '{label}', which this model does not draw")
    output_files.save_rows(path, x, record, caption, y=c)


class _FitSamplerCommand(click.Command):
    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        from elbowroom.samplers import SAMPLERS

        with formatter.section("Samplers"):
            formatter.write_dl([(name, SAMPLERS.help(name)) for name in SAMPLERS])


@click.command(cls=_FitSamplerCommand)
@click.argument("run")
@click.argument("name", default="gaussian")
@options.shared_options(
    "data", data={"help": "the training data, if it was given in Python or is no longer where it was"}
)
@options.shared_options("quiet")
@options.weights_option
def fit_sampler(run: Run, name: str, source: str | None, quiet: bool) -> None:
    """Fit a density to the latents of a run's training examples; sample --sampler NAME draws from it."""
    from elbowroom.samplers import fit_sampler
    from elbowroom.samplers.optimization import report_progress

    progress = _FitProgress()
    with nullcontext() if quiet else report_progress(progress):
        path = fit_sampler(run, name, source)
    progress.close()
    click.echo(str(path))


class _FitProgress:
    """Progress of a fit on stderr: a line that is overwritten in a terminal, else one every ten seconds at most."""

    def __init__(self) -> None:
        self._start = self._last = time.monotonic()
        self._is_terminal, self._has_line = sys.stderr.isatty(), False

    def __call__(self, step: int, steps: int, loss: float) -> None:
        now = time.monotonic()
        if not self._is_terminal and now - self._last < FIT_PROGRESS_INTERVAL_S:
            return
        self._last, left = now, (now - self._start) / step * (steps - step)
        text = f"step {step:,}/{steps:,}  held-out loss {loss:,.2f}  {format_clock(left)} left"
        click.echo(f"\r{text}" if self._is_terminal else text, nl=not self._is_terminal, err=True)
        self._has_line = self._is_terminal

    def close(self) -> None:
        """End the line of a terminal."""
        if self._has_line:
            click.echo(err=True)


def parse_latents(text: str, shape: tuple[int, ...]) -> Tensor:
    """Parse latents as they are typed: ``"0,0; 0,1"`` to a tensor of two, each of the model's shape.

    Raises:
        ValueError: they are not numbers, or not as many as a latent of the model has.

    >>> parse_latents("0,0; 0,1.5", (2,))
    tensor([[0.0000, 0.0000],
            [0.0000, 1.5000]])
    """
    import math

    import torch

    size = math.prod(shape)
    latents = []
    for i, part in enumerate(filter(str.strip, text.split(";")), 1):
        try:
            latent = [float(number) for number in part.replace(",", " ").split()]
        except ValueError:
            raise ValueError(
                f"--z: latent {i}, '{part.strip()}', is not numbers: write latents as \"0,0; 0,1\""
            ) from None
        if not all(map(math.isfinite, latent)):
            raise ValueError(f"--z: latent {i}, '{part.strip()}', is not finite: give numbers that are")
        if len(latent) != size:
            raise ValueError(
                f"--z: latent {i}, '{part.strip()}', has {len(latent)} numbers; this model's latents have {size}"
            )
        latents.append(latent)
    if not latents:
        raise ValueError('--z holds no latent: write latents as "0,0; 0,1"')
    return torch.tensor(latents).reshape(-1, *shape)


def latent_label(latent: list[float]) -> str:
    """A latent as it would be typed, a long one by its first numbers and its size.

    >>> latent_label([0, -0.5]), latent_label([0.1, 0.2, 0.3, 0.4, 0.5])
    ('0,-0.5', '0.1,0.2,0.3,… (5)')
    """
    shown = ",".join(f"{v:g}" for v in (latent if len(latent) <= 4 else latent[:3]))
    return shown if len(latent) <= 4 else f"{shown},… ({len(latent)})"
