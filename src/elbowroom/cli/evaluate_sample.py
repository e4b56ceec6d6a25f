"""``elbowroom evaluate``, ``sample`` and ``reconstruct``: measure a run, decode latents, reconstruct examples."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from elbowroom.cli import listing, options

if TYPE_CHECKING:
    from torch import Tensor

    from elbowroom.models.base import GenerativeModel

#: What a file of each suffix holds.
OUTPUT_KINDS = {".png": "a grid", ".npz": "arrays", ".csv": "a table"}


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
@click.option("--samples", type=int, default=100, show_default=True, help="posterior samples per example")
@click.option("--split", default="test", show_default=True, help="train, validation or test")
@click.option("--batch-size", type=int, default=100, show_default=True, help="examples at a time; changes no metric")
@click.option("--seed", type=options.SEED_TYPE, default=0, show_default=True, help="of the noise")
@click.option("--device", help="cpu, cuda or mps  [default: the fastest there is]")
@click.option("--json", "as_json", is_flag=True, help="print JSON instead of a table")
@click.option("--no-save", "save", flag_value=False, default=True, help="do not keep the metrics in the run")
def evaluate(run: str, as_json: bool, **settings: Any) -> None:
    """Evaluate a run on a whole split: ELBO, importance bound, KL per dimension, error; with --metrics much more."""
    from elbowroom.evaluation import evaluate

    evaluation = evaluate(run, **settings)
    if as_json:
        click.echo(evaluation.json())
        return
    p = evaluation.protocol
    screen = listing.console()
    screen.print(
        f"[bold]{p['model']}[/]  {p['recipe']}, {p['parameters']:,} parameters, {p['data']['name']} {p['split']}, "
        f"{p['samples']} samples, seed {p['seed']}\np(x|z): {p['likelihood']}\n",
    )
    screen.print(evaluation.table())


@click.command()
@click.argument("run")
@click.option("-n", type=int, help="how many to draw from the prior  [default: 64]")
@click.option("--z", "latents", help='latents to decode instead: "0,0; 0,1; -0.9,-0.9"')
@click.option("--sampler", help="draw latents from a density fitted by fit-sampler, as gaussian, not from the prior")
@click.option("--label", help='for a conditional model: classes in turn, "7" or "3,8"; attributes, "Smiling=1,Male=0"')
@click.option("--seed", type=options.SEED_TYPE, default=0, show_default=True, help="of the draw")
@click.option("--out", required=True, help="FILE.png for a grid, FILE.npz for arrays x and z, FILE.csv for a table")
def sample(
    run: str, n: int | None, latents: str | None, sampler: str | None, label: str | None, seed: int, out: str
) -> None:
    """Decode latents drawn from the prior, or given with --z."""
    import torch

    from elbowroom.cli.conditioning import parse_condition
    from elbowroom.runs.run import Run

    target = options.output_path(out, OUTPUT_KINDS)
    if n is not None and latents is not None:
        raise ValueError(
            f"both -n {n} and --z were given: -n is for latents drawn from the prior; leave one of them out"
        )
    n = 64 if n is None else n
    if n < 1:
        raise ValueError(f"-n must be at least 1, got {n}")
    if sampler is not None and latents is not None:
        raise ValueError(f"both --sampler {sampler} and --z were given: leave one of them out")
    trained = Run(run)
    if sampler is None:
        model = trained.model()
    else:
        from elbowroom.samplers import load_with_sampler

        model = load_with_sampler(trained, sampler)
    given = None if latents is None else parse_latents(latents, model.latent_shape)
    c, description = parse_condition(trained, model, label, n if given is None else len(given))
    with torch.random.fork_rng(), torch.no_grad():
        torch.manual_seed(seed)
        z = model.draw_prior(n, c) if given is None else given
        x = model.decode(z, c).mean if given is None else model.sample(c=c, z=z)
    if target.suffix == ".npz":
        _save_arrays(target, x=x, z=z)
        return
    if target.suffix == ".csv":
        _save_table(target, x, trained.record["data"])
        return
    from elbowroom.plotting import sample_grid

    _require_images(model)
    labels = None if latents is None else [latent_label(latent.flatten().tolist()) for latent in z]
    origin = f"z ~ {sampler or 'prior'}, seed {seed}" if latents is None else "z as given"
    _save_image(target, sample_grid(x, " · ".join(filter(None, (origin, description, run))), labels))


class _FitSamplerCommand(click.Command):
    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        from elbowroom.samplers import SAMPLERS

        with formatter.section("Samplers"):
            formatter.write_dl([(name, SAMPLERS.help(name)) for name in SAMPLERS])


@click.command(cls=_FitSamplerCommand)
@click.argument("run")
@click.argument("name", default="gaussian")
def fit_sampler(run: str, name: str) -> None:
    """Fit a density to the latents of a run's training examples; sample --sampler NAME draws from it."""
    from elbowroom.samplers import fit_sampler

    click.echo(str(fit_sampler(run, name)))


@click.command()
@click.argument("run")
@click.option("--input", "source", help="your own images or array, instead of the run's data")
@click.option("--split", default="test", show_default=True, help="train, validation or test, without --input")
@click.option("-n", type=int, default=30, show_default=True, help="how many, from the first")
@click.option("--resize", type=options.HeightWidth(), help="height,width to which your own images are resized")
@click.option(
    "--out",
    required=True,
    help="FILE.png for a grid, FILE.npz for arrays x, reconstruction and z, FILE.csv: a table with its gaps filled in",
)
def reconstruct(run: str, source: str | None, split: str, n: int, resize: Any, out: str) -> None:
    """Reconstruct examples: data above, reconstructions below; of a table, with its gaps filled in."""
    from elbowroom.data import load_like
    from elbowroom.evaluation import check_range
    from elbowroom.runs.run import Run

    target = options.output_path(out, OUTPUT_KINDS)
    if n < 1:
        raise ValueError(f"-n must be at least 1, got {n}")
    trained = Run(run)
    model = trained.model()
    if source is None:
        data = trained.data()
        part = getattr(data, split, None) if split in ("train", "validation", "test") else None
        if part is None:
            raise ValueError(f"{data.name} has no '{split}' split: choose train, validation or test")
    else:
        data = load_like(source, trained.record["data"], **({} if resize is None else {"resize": resize}))
        part, split = data.train, ""
    first = part.first(n)
    x = _match_channels(first.x, model.shape)
    if tuple(x.shape[1:]) != model.shape:
        have, want = ("x".join(map(str, s)) for s in (data.shape, model.shape))
        raise ValueError(
            f"{source} holds examples of {have}, the model takes {want}: {_shape_hint(source, model.shape)}"
        )
    check_range(model, data)
    reconstruction, z = model.reconstruct(x, first.y), model.encode(x, first.y)
    if target.suffix == ".npz":
        _save_arrays(target, x=x, reconstruction=reconstruction, z=z)
        return
    if target.suffix == ".csv":
        _save_table(target, reconstruction.where(x.isnan(), x), trained.record["data"])
        return
    from elbowroom.plotting import reconstruction_grid

    _require_images(model)
    _save_image(target, reconstruction_grid(x, reconstruction, f"{data.name} {split} · {run}".replace("  ", " ")))


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


def _shape_hint(source: str | None, shape: tuple[int, ...]) -> str:
    """Advice on examples of another shape than the model's."""
    from elbowroom.data.readers.registry import is_image_source

    if source is not None and len(shape) == 3 and is_image_source(Path(source)):
        return f"bring them to it with --resize {shape[1]},{shape[2]}"
    return f"give examples of {'x'.join(map(str, shape))}"


def _match_channels(x: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Convert color images for a gray model by luminance (ITU-R 601), gray ones for a color model by repeating."""
    if x.dim() == 4 and len(shape) == 3 and (x.shape[1], shape[0]) == (3, 1):
        return (x * x.new_tensor([0.299, 0.587, 0.114])[:, None, None]).sum(1, keepdim=True)
    if x.dim() == 4 and len(shape) == 3 and (x.shape[1], shape[0]) == (1, 3):
        return x.expand(-1, 3, -1, -1)
    return x


def _require_images(model: GenerativeModel) -> None:
    from elbowroom.plotting import is_image

    if not is_image(model.shape):
        shape = "x".join(map(str, model.shape))
        raise ValueError(f"this model's examples are {shape}, not images: give an --out that ends in .npz or .csv")


def _save_image(path: Path, image: Any) -> None:
    try:
        image.save(path)
    except OSError as error:
        raise options.write_error(path, error) from None
    click.echo(str(path))


def _save_arrays(path: Path, **arrays: Tensor) -> None:
    import numpy as np

    try:
        np.savez_compressed(path, allow_pickle=False, **{name: t.cpu().numpy() for name, t in arrays.items()})
    except OSError as error:
        raise options.write_error(path, error) from None
    click.echo(f"{path}  " + "  ".join(f"{name} {tuple(t.shape)}" for name, t in arrays.items()))


def _save_table(path: Path, x: Tensor, data_record: dict[str, Any]) -> None:
    """Write rows with the columns of the table that the run was trained on."""
    import csv

    from elbowroom.data import decode_rows

    if "columns" not in data_record:
        raise ValueError(f"--out {path}: this model was not trained on a table: give an --out that ends in .npz")
    names = [column["name"] for column in data_record["columns"]]
    try:
        with path.open("w", newline="", encoding="utf-8") as file:
            rows = csv.writer(file)
            rows.writerow(names)
            for row in decode_rows(x, data_record["columns"]):
                rows.writerow([f"{cell:.7g}" if isinstance(cell, float) else cell for cell in row])
    except OSError as error:
        raise options.write_error(path, error) from None
    click.echo(f"{path}  {len(x):,} rows: {', '.join(names)}")
