"""``elbowroom interpolate``: from one file of an example to another, through the latents between them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from elbowroom import errors
from elbowroom.cli import options, output_files
from elbowroom.cli.examples import read_examples

if TYPE_CHECKING:
    from torch import Tensor

    from elbowroom.data import Batch
    from elbowroom.models.base import GenerativeModel
    from elbowroom.runs.run import Run

#: What a file of each suffix holds.
PATH_KINDS = {".png": "a row of images", ".gif": "an animation", ".npz": "arrays", ".txt": "texts"}


@click.command()
@click.argument("run")
@click.argument("first")
@click.argument("last")
@click.option("--steps", type=click.IntRange(2), default=11, show_default=True, help="how many, both ends among them")
@click.option(
    "--path",
    default="linear",
    show_default=True,
    help="linear, or spherical: on an arc around the origin; of latents on a manifold either is its geodesic",
)
@options.shared_options("label", "resize")
@click.option(
    "--out",
    required=True,
    help="FILE.png: a row between the two; .gif: an animation; .npz: arrays x and z; .txt: texts",
)
@options.weights_option
def interpolate(
    run: Run, first: str, last: str, steps: int, path: str, label: str | None, resize: Any, out: str
) -> None:
    """Decode the latents between those of two examples: the first of the files FIRST and LAST."""
    import torch

    from elbowroom.latent import decode_latents, find_path
    from elbowroom.plotting import captions

    target = options.output_path(out, PATH_KINDS)
    model = run.model()
    output_files.require_suffix(target, model, run.record["data"])
    way = find_path(model, path)
    if model.is_quantized:
        raise ValueError("the latents of this model are codes of a quantizer, with nothing between: take another run")
    batches = [read_examples(run, model, file, "all", resize, label).split.first(1) for file in (first, last)]
    x = torch.cat([batch.x for batch in batches])
    c = _shared_condition(model, batches)
    ends = model.encode(x, None if c is None else c.expand(2, *c.shape))
    z = way(ends[0].flatten(), ends[1].flatten(), torch.linspace(0, 1, steps)).reshape(-1, *model.latent_shape)
    decoded = decode_latents(model, z, c)
    how = ("straight" if path == "linear" else "on an arc") if model.manifold.is_flat else "on a geodesic"
    words = f"z {how} between {captions.posterior_plural(model)}"
    caption = captions.output_caption(False, words, f"{Path(first).name} to {Path(last).name}")
    if target.suffix == ".txt":
        output_files.save_texts(target, run.record["data"], caption, decoded)
    else:
        _save_path(target, model, x, decoded, z, caption)


def _shared_condition(model: GenerativeModel, ends: list[Batch]) -> Tensor | None:
    """Return the condition of both ends, () or (A,): as given with --label, or their own label, which has to be one."""
    if not model.is_conditional:
        return None
    first, last = (end.y for end in ends)
    if first is None or last is None:
        raise errors.MissingArgumentError(
            "this model is conditional: give the label that both are decoded with, as", "c"
        )
    if not first.equal(last):
        raise ValueError(
            "the two examples have labels of their own that differ: give --label, which both are decoded with"
        )
    return first[0]


def _save_path(path: Path, model: GenerativeModel, ends: Tensor, x: Tensor, z: Tensor, caption: str) -> None:
    import torch

    if path.suffix == ".npz":
        output_files.save_arrays(path, caption, x=x, z=z)
        return
    from elbowroom.plotting.gif import loop_frames, save_frames
    from elbowroom.plotting.image_grid import draw_grid
    from elbowroom.plotting.montage import to_images

    if path.suffix == ".gif":
        with output_files.explain_write_errors(path):
            save_frames(loop_frames(to_images(x, model.views)), path)
        click.echo(f"{path}  {caption}")
        return
    labels = ["data", *(f"{t:.2g}" for t in torch.linspace(0, 1, len(x)).tolist()), "data"]
    images = to_images(torch.cat((ends[:1], x, ends[1:])), model.views)
    grid = draw_grid([images], [""], caption, [labels])
    output_files.save_image(path, grid, caption)
