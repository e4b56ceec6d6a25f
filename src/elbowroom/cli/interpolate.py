"""``elbowroom interpolate``: from one file of an example to another, through the latents between them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from elbowroom.cli import options, output_files
from elbowroom.cli.reconstruct import read_examples

if TYPE_CHECKING:
    from torch import Tensor

    from elbowroom.models.base import GenerativeModel
    from elbowroom.runs.run import Run

#: What a file of each suffix holds.
PATH_KINDS = {".png": "a row of images", ".gif": "an animation", ".npz": "arrays"}


@click.command()
@click.argument("run")
@click.argument("first")
@click.argument("last")
@click.option("--steps", type=click.IntRange(2), default=11, show_default=True, help="how many, both ends among them")
@click.option("--path", default="linear", show_default=True, help="linear, or spherical: on an arc around the origin")
@click.option("--label", help='for a conditional model: the class, as "7", or attributes, as "Smiling=1,Male=0"')
@click.option("--resize", type=options.HeightWidth(), help="height,width to which your own images are resized")
@click.option("--out", required=True, help="FILE.png: a row between the two; .gif: an animation; .npz: arrays x and z")
@options.weights_option
def interpolate(
    run: Run, first: str, last: str, steps: int, path: str, label: str | None, resize: Any, out: str
) -> None:
    """Decode the latents between those of two examples: the first of the files FIRST and LAST."""
    import torch

    from elbowroom import errors
    from elbowroom.latent import PATHS, decode_latents
    from elbowroom.plotting import captions

    target = options.output_path(out, PATH_KINDS)
    if path not in PATHS:
        raise errors.unknown_name("path", path, PATHS)
    model = run.model()
    if model.is_quantized:
        raise ValueError("the latents of this model are entries of a codebook, with nothing between: take another run")
    c = _parse_label(run, model, label)
    x = torch.cat([_read_one(run, model, file, resize) for file in (first, last)])
    ends = model.encode(x, None if c is None else c.expand(2, *c.shape[1:]))
    z = PATHS[path](ends[0].flatten(), ends[1].flatten(), torch.linspace(0, 1, steps)).reshape(-1, *model.latent_shape)
    decoded = decode_latents(model, z, None if c is None else c[0])
    words = f"z {'straight' if path == 'linear' else 'on an arc'} between {captions.posterior_plural(model)}"
    caption = captions.output_caption(False, words, f"{Path(first).name} to {Path(last).name}")
    _save_path(target, model, x, decoded, z, caption)


def _parse_label(run: Run, model: GenerativeModel, label: str | None) -> Tensor | None:
    """Return the condition of both ends, (1, ...); refused where the model takes none, or lacks it."""
    from elbowroom.cli.conditioning import parse_condition

    if label is None and model.is_conditional:
        raise ValueError("this model is conditional: give --label, the class that both examples are decoded with")
    return parse_condition(run, model, label, 1)[0]


def _read_one(run: Run, model: GenerativeModel, file: str, resize: Any) -> Tensor:
    data, split = read_examples(run, model, file, "train", resize)
    return data.splits[split].first(1).x


def _save_path(path: Path, model: GenerativeModel, ends: Tensor, x: Tensor, z: Tensor, caption: str) -> None:
    import torch

    if path.suffix == ".npz":
        output_files.save_arrays(path, caption, x=x, z=z)
        return
    from elbowroom.plotting.gif import loop_frames, save_frames
    from elbowroom.plotting.image_grid import draw_grid

    output_files.require_images(model)
    if path.suffix == ".gif":
        with output_files.explain_write_errors(path):
            save_frames(loop_frames(x), path)
        click.echo(f"{path}  {caption}")
        return
    labels = ["data", *(f"{t:.2g}" for t in torch.linspace(0, 1, len(x)).tolist()), "data"]
    grid = draw_grid([torch.cat((ends[:1], x, ends[1:]))], [""], caption, [labels])
    output_files.save_image(path, grid, caption)
