"""``elbowroom reconstruct``: reconstruct examples, and fill the gaps of a table."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from elbowroom.cli import options, output_files
from elbowroom.cli.examples import read_examples

if TYPE_CHECKING:
    from torch import Tensor

    from elbowroom.data import Batch
    from elbowroom.models.base import GenerativeModel
    from elbowroom.runs.run import Run

#: Images of a grid without ``-n``.
N_IMAGES = 30
#: Rows of a grid without ``-n``, where each shows several draws.
N_DRAWN_IMAGES = 10
#: Examples encoded at once.
BATCH_SIZE = 512


@click.command()
@click.argument("run")
@click.option(
    "--data", "--input", "source", help="other data than the run's: your own images, array or table, or a name"
)
@options.shared_options("split", "label")
@click.option("-n", type=int, help=f"how many, from the first  [default: {N_IMAGES} for a grid, all for other files]")
@click.option(
    "--given",
    help="of examples of several views (multimodal data): the names of those to reconstruct all views from, as image",
)
@click.option("--draws", type=click.IntRange(1), help="draw so many reconstructions of each; of a table, so many fills")
@click.option(
    "--gibbs-steps",
    type=click.IntRange(0),
    default=0,
    show_default=True,
    help="of a table with --draws: further steps of pseudo-Gibbs sampling (Rezende et al. 2014)",
)
@options.shared_options("seed", "resize", seed={"help": "of the draws"})
@click.option(
    "--out",
    required=True,
    help="FILE.png: a grid, or of a single image file the reconstruction alone; .npz: arrays x, reconstruction and z; "
    ".csv or .parquet: a table with its gaps filled in; .txt: texts, each beside its reconstruction",
)
@options.weights_option
def reconstruct(
    run: Run, source: str | None, split: str | None, n: int | None, draws: int | None, gibbs_steps: int, **settings: Any
) -> None:
    """Reconstruct examples: data above, reconstructions below; of a table, with its gaps filled in."""
    from elbowroom.noise import seeded_rng

    target = options.output_path(settings["out"], output_files.EXAMPLE_KINDS)
    if n is not None and n < 1:
        raise ValueError(f"-n must be at least 1, got {n}")
    model = run.model()
    output_files.require_suffix(target, model, run.record["data"])
    found = read_examples(run, model, source, split, settings["resize"], settings["label"])
    n = n or (sys.maxsize if target.suffix != ".png" else N_IMAGES if draws is None else N_DRAWN_IMAGES)
    batch = _keep_views(model, found.split.first(n), settings["given"])
    with seeded_rng(settings["seed"]):
        if target.suffix in output_files.TABLE_KINDS:
            _fill_table(target, run, model, found.data.cells(found.name), batch, draws, gibbs_steps)
        elif target.suffix == ".txt":
            _save_texts(target, run, model, batch)
        elif target.suffix == ".npz":
            _save_reconstructions(target, model, batch, draws)
        else:
            is_single = source is not None and Path(source).is_file() and len(batch.x) == 1
            about = f"{found.description} · {run}"
            _draw_reconstructions(target, model, batch, draws, about, is_single)


def _keep_views(model: GenerativeModel, batch: Batch, given: str | None) -> Batch:
    """Return examples with some of their views alone, if any are named.

    Raises:
        ValueError: the model has one view, or none of that name.
    """
    if given is None:
        return batch
    if model.views is None:
        raise ValueError("--given names views of an example, and this model has one alone: leave it out")
    return batch._replace(x=model.views.keep(batch.x, [name.strip() for name in given.split(",") if name.strip()]))


def _describe_given(model: GenerativeModel, batch: Batch) -> str:
    """Return which views of the examples are given, and which are made from them, where some are not given."""
    names = () if model.views is None else model.views.names
    given = () if model.views is None else model.views.find_given(batch.x)
    made = [name for name in names if name not in given]
    return f"given {', '.join(given)}; made {', '.join(made)}" if made and given else ""


def _fill_table(
    path: Path, run: Run, model: GenerativeModel, known: Any, batch: Batch, draws: int | None, gibbs_steps: int
) -> None:
    """Write a table as it was, with its empty cells filled in: by means, or by several draws below each other."""
    import torch

    from elbowroom.latent import impute
    from elbowroom.plotting import captions

    known = None if known is None else known.first(len(batch.x))
    gaps = f"{int(batch.x.isnan().sum()):,} gaps filled with "
    if draws is None:
        filled = torch.cat([model.reconstruct(x, y) for x, y in iter_parts(batch)])
        latents = captions.posterior_words(model, is_drawn=False)
        caption = captions.output_caption(False, latents, has_categories=True)
        output_files.save_rows(path, filled, run.record["data"], gaps + caption, known=known)
        return
    filled = torch.cat([impute(model, x, y, draws, gibbs_steps) for x, y in iter_parts(batch)], 1)
    imputation = torch.arange(1, draws + 1).repeat_interleave(len(batch.x)).tolist()
    if known is not None:
        known = known.take(torch.arange(len(batch.x)).repeat(draws).tolist())
    caption = captions.output_caption(True, captions.posterior_words(model, is_drawn=True))
    about = {"known": known, "extra": {"imputation": imputation}}
    output_files.save_rows(path, filled.flatten(0, 1), run.record["data"], gaps + caption, **about)


def _save_texts(path: Path, run: Run, model: GenerativeModel, batch: Batch) -> None:
    """Write texts, each with its reconstruction after a tab."""
    import torch

    from elbowroom.plotting import captions

    made = torch.cat([model.reconstruct(x, y) for x, y in iter_parts(batch)])
    caption = captions.output_caption(False, captions.posterior_words(model, is_drawn=False))
    output_files.save_texts(path, run.record["data"], caption, batch.x, made)


def _save_reconstructions(path: Path, model: GenerativeModel, batch: Batch, draws: int | None) -> None:
    import torch

    from elbowroom.plotting import captions

    parts = list(iter_parts(batch))
    arrays = {
        "x": batch.x,
        "reconstruction": torch.cat([model.reconstruct(x, y) for x, y in parts]),
        "z": torch.cat([model.encode(x, y) for x, y in parts]),
    }
    latents = captions.posterior_words(model, is_drawn=False)
    caption = f"reconstruction: {captions.output_caption(False, latents, _describe_given(model, batch))}"
    if draws is not None:
        arrays["draws"] = torch.cat([model.draw_reconstructions(x, y, draws) for x, y in parts], 1)
        words = captions.output_caption(model.samples_are_draws, captions.posterior_words(model, is_drawn=True))
        caption += f"; draws: {words}"
    output_files.save_arrays(path, caption, **arrays)


def _draw_reconstructions(
    path: Path, model: GenerativeModel, batch: Batch, draws: int | None, about: str, is_single: bool
) -> None:
    """Draw data above reconstructions, or beside several drawn ones; of a single image, its reconstruction alone."""
    from elbowroom.plotting import captions
    from elbowroom.plotting.image_grid import beside_grid, reconstruction_grid, to_pil_image
    from elbowroom.plotting.montage import to_images

    latents = captions.posterior_words(model, is_drawn=draws is not None)
    caption = captions.output_caption(False, latents, _describe_given(model, batch))
    if draws is not None:
        drawn = to_images(model.draw_reconstructions(batch.x, batch.y, draws, draw=False).movedim(0, 1), model.views)
        image = beside_grid(
            to_images(batch.x, model.views), drawn, captions.join_caption(f"data, and beside it {caption}", about)
        )
    else:
        x, reconstruction = (to_images(one, model.views) for one in (batch.x, model.reconstruct(batch.x, batch.y)))
        if is_single:
            image = to_pil_image(reconstruction[0])
        else:
            image = reconstruction_grid(x, reconstruction, captions.join_caption(caption, about))
    output_files.save_image(path, image, caption)


def iter_parts(batch: Batch) -> list[tuple[Tensor, Tensor | None]]:
    """Return examples and labels of a batch, so many at once as are encoded together."""
    parts = [slice(i, i + BATCH_SIZE) for i in range(0, len(batch.x), BATCH_SIZE)]
    return [(batch.x[part], None if batch.y is None else batch.y[part]) for part in parts]
