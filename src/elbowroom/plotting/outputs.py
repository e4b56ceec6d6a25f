"""Figures of the model's outputs: reconstructions, samples, and the training examples nearest to samples."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from elbowroom.data import Split, freeze
from elbowroom.latent import find_nearest_examples
from elbowroom.plotting import captions, series_curves, table_rows
from elbowroom.plotting.figure import FigureSpec, ImageGrid
from elbowroom.plotting.montage import to_images
from elbowroom.plotting.registry import register_figure
from elbowroom.plotting.sample_source import find_source
from elbowroom.plotting.style import grayscale_note
from elbowroom.runs.run_view import RunView

#: Reconstructions of a table that are drawn as lines.
MAX_RECONSTRUCTED_ROWS = 6
#: Samples of a table that are drawn as lines.
N_SAMPLED_ROWS = 12
#: Samples of a table whose cells are shown.
N_SAMPLED_CELLS = 6
#: What the quantiles beside samples are.
BAND_WORDS = "nine tenths of the data lie between the grey lines"
#: Held-out examples whose nearest training example gives the reference distance.
N_REFERENCE_EXAMPLES = 100


@register_figure("reconstructions", "data above reconstructions", "Reconstructions", "data")
def reconstructions_figure(view: RunView, n: int = 20, n_columns: int = 10) -> FigureSpec:
    """Return examples above their reconstructions.

    Args:
        view: the run.
        n: number of examples, at most.
        n_columns: number of examples side by side, at most.
    """
    x, y = view.batch.x[:n], view.batch.y
    reconstruction = view.model.reconstruct(x.to(view.device), None if y is None else y[:n].to(view.device)).cpu()
    settings = captions.output_caption(False, captions.posterior_words(view.model, is_drawn=False))
    if not view.has_images:
        n = min(series_curves.MAX_PAIRS if view.has_series else MAX_RECONSTRUCTED_ROWS, len(x))
        titles = [view.example_name(i) for i in range(n)]
        scale = "in its own unit" if table_rows.has_named_columns(view) or view.has_series else "on its own scale"
        part = "channel" if view.has_series else "column"
        caption = f"Examples, and the model's reconstruction of each; every {part} {scale}."
        marks = table_rows.pair_rows(view, titles, x[:n], reconstruction[:n], ("data", "model"))
        return FigureSpec("Reconstructions", caption, f"{view.describe_examples(n)}; {settings}", marks)
    x, reconstruction = (to_images(images, view.model.views) for images in (x, reconstruction))
    n_columns = min(n_columns, len(x))
    n_rows = len(x) // n_columns
    n = n_rows * n_columns
    pairs = torch.stack([images[:n].reshape(n_rows, n_columns, *x.shape[1:]) for images in (x, reconstruction)], 1)
    grid = ImageGrid(
        pairs.flatten(0, 1),
        ["data", "model"] * n_rows,
        [""] * n_columns,
        "data above reconstruction",
        view.split_words,
        group_size=2,
    )
    sentence = f"{view.split_words[0].upper()}{view.split_words[1:]}, and under each its reconstruction: {settings}."
    caption = f"{sentence}{grayscale_note(view)}"
    return FigureSpec("Reconstructions", caption, f"{view.describe_examples(n)}; {settings}", [grid])


@register_figure("samples", "samples: draws of rows, means of images", "Samples", "a prior or a sampler")
def samples_figure(view: RunView, n: int = 64) -> FigureSpec:
    """Return about n samples from the density that the run samples from: draws from p(x|z) of rows, means of images."""
    source = find_source(view)
    what = captions.output_caption(view.model.samples_are_draws, source.words)
    sentence = f"{what[0].upper()}{what[1:]}"
    if not view.has_images:
        if table_rows.has_named_columns(view):
            n = N_SAMPLED_CELLS
            heads = [f"sample {i}" for i in range(1, n + 1)]
            cells = table_rows.cell_table(view, "", heads, source.samples(view, n))
            caption = f"{sentence}: {n} rows, every column in its own unit."
            return FigureSpec("Samples", caption, source.describe(view, n), [cells])
        n = N_SAMPLED_ROWS
        if view.has_series:
            n = series_curves.MAX_CURVES
            caption = f"{sentence}: {n} series, every channel in its own unit."
            charts = series_curves.sample_curves(view, source.samples(view, n))
            return FigureSpec("Samples", caption, f"{source.describe(view, n)}; {what}; {BAND_WORDS}", charts)
        caption = f"{sentence}: {n} rows."
        chart = table_rows.quantile_band(view, "samples", source.samples(view, n))
        return FigureSpec("Samples", caption, f"{source.describe(view, n)}; {what}; {BAND_WORDS}", [chart])
    side = math.isqrt(n)
    grid = source.image_grid(view, side, side)
    return FigureSpec("Samples", f"{sentence}.{grayscale_note(view)}", source.describe(view, side * side), [grid])


def _reference_distance(view: RunView, train: Split, scale: Tensor | None) -> str:
    """Return in a sentence how near held-out examples are to the nearest training example; nothing without such."""
    if view.split in ("train", "all"):
        return ""
    distances = find_nearest_examples(view.batch.x[:N_REFERENCE_EXAMPLES], train, 1, scale).distance
    return (
        f" For comparison: half of the {view.split} examples have one nearer than {distances.median().item():.2f}. A "
        "sample much nearer than that is a copy."
    )


@register_figure(
    "nearest", "the training examples nearest to samples", "Nearest training examples", "data, a prior or a sampler"
)
def nearest_figure(view: RunView, n: int = 6, k: int = 5) -> FigureSpec:
    """Return n samples beside the k training examples nearest to each, by Euclidean distance."""
    source = find_source(view)
    x, scale = source.samples(view, n), None if view.has_images else table_rows.column_stats(view)[1]
    train = freeze(view.data.train, view.seed)
    nearest = find_nearest_examples(x, train, k, scale)
    unit = "pixel values" if view.has_images else "standard deviations of each column"
    protocol = (
        f"{source.describe(view, n)}; {nearest.n_searched:,} training examples searched; Euclidean distance of {unit}"
    )
    what = captions.output_caption(view.model.samples_are_draws, source.words)
    caption = (
        f"Samples ({what}), and the training examples nearest to each, with their distances."
        f"{_reference_distance(view, train, scale)}"
    )
    if not view.has_images:
        titles = [f"sample {i}, distance {d:.2f}" for i, d in enumerate(nearest.distance[:, 0].tolist(), 1)]
        charts = table_rows.pair_rows(view, titles, nearest.x[:, 0], x, ("nearest example", "sample"))
        return FigureSpec("Nearest training examples", caption, protocol, charts)
    grid = ImageGrid(
        to_images(torch.cat((x[:, None], nearest.x), 1), view.model.views),
        [str(i) for i in range(1, n + 1)],
        ["sample", *(f"{i}." for i in range(1, nearest.x.shape[1] + 1))],
        "sample",
        f"nearest training examples, distance in {unit}",
        [["", *(f"{d:.2f}" for d in row)] for row in nearest.distance.tolist()],
    )
    return FigureSpec("Nearest training examples", caption + grayscale_note(view), protocol, [grid])
