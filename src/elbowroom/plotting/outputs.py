"""Figures of what a model makes: reconstructions, samples, and what those are closest to."""

from __future__ import annotations

import math

import torch

from elbowroom.data import freeze
from elbowroom.latent import find_nearest_examples
from elbowroom.plotting import table_rows
from elbowroom.plotting.figure import FigureSpec, ImageGrid
from elbowroom.plotting.run_view import RunView


def reconstructions_figure(view: RunView, n: int = 20, n_columns: int = 10) -> FigureSpec:
    """Data above reconstructions."""
    x, place, y = view.batch.x[:n], view.device, view.batch.y
    again = view.model.reconstruct(x.to(place), None if y is None else y[:n].to(place)).cpu()
    protocol = "{}; at the posterior mean, without noise"
    if not view.has_images:
        few = min(6, len(x))
        titles = [view.example_name(i) for i in range(few)]
        caption = "Examples, and the mean of p(x|z) at each one's posterior mean; every column on its own scale."
        charts = list(table_rows.pair_charts(view, titles, x[:few], again[:few], ("data", "model")))
        return FigureSpec("Reconstructions", caption, protocol.format(view.describe_examples(few)), charts)
    n_columns = min(n_columns, len(x))
    whole = len(x) // n_columns * n_columns
    both = torch.stack([part[:whole].unflatten(0, (-1, n_columns)) for part in (x, again)], 1)
    sheet = ImageGrid(
        both.flatten(0, 1),
        ["data", "model"] * (whole // n_columns),
        [""] * n_columns,
        "data above the mean of p(x|z)",
        f"{view.split} examples",
        group_size=2,
    )
    caption = f"Examples of the {view.split} split, and under each the mean of p(x|z) at its posterior mean.{view.grayscale_note}"
    return FigureSpec("Reconstructions", caption, protocol.format(view.describe_examples(whole)), [sheet])


def samples_figure(view: RunView, n: int = 64) -> FigureSpec:
    """What the model makes of codes from its prior."""
    if not view.has_images:
        n = 12
        caption = (
            f"Means of p(x|z) for {n} codes drawn from the prior; nine tenths of the data lie between the grey lines."
        )
        return FigureSpec(
            "Samples", caption, view.describe_samples(n), [table_rows.quantile_band(view, "samples", view.samples(n))]
        )
    side = math.isqrt(n)
    x = view.samples(side * side).unflatten(0, (side, side))
    sheet = ImageGrid(x, [""] * side, [""] * side, f"{side * side} samples", "means of p(x|z), z ~ p(z)")
    caption = f"Means of p(x|z) for codes drawn from the prior.{view.grayscale_note}"
    return FigureSpec("Samples", caption, view.describe_samples(side * side), [sheet])


def nearest_figure(view: RunView, n: int = 6, k: int = 5) -> FigureSpec:
    """The training examples closest to some samples."""
    x, scale = view.samples(n), None if view.has_images else view.column_stats[1]
    train = freeze(view.data.train, view.seed)
    found = find_nearest_examples(x, train, k, scale)
    usual = find_nearest_examples(view.batch.x[:100], train, 1, scale).distance.median().item()
    unit = "pixel values" if view.has_images else "standard deviations of each column"
    protocol = (
        f"{view.describe_samples(n)}; {found.n_searched:,} training examples searched; Euclidean distance of {unit}"
    )
    caption = (
        "Samples, and the training examples nearest to each, with their distances. For comparison: half of the "
        f"{view.split} examples have one nearer than {usual:.2f}. A sample much nearer than that is a copy."
    )
    if not view.has_images:
        titles = [f"sample {i}, distance {d:.2f}" for i, d in enumerate(found.distance[:, 0].tolist(), 1)]
        charts = list(table_rows.pair_charts(view, titles, found.x[:, 0], x, ("nearest example", "sample")))
        return FigureSpec("Nearest training examples", caption, protocol, charts)
    columns = ["sample", *(f"{i}." for i in range(1, found.x.shape[1] + 1))]
    sheet = ImageGrid(
        torch.cat((x[:, None], found.x), 1),
        [str(i) for i in range(1, n + 1)],
        columns,
        "sample",
        f"nearest training examples, distance in {unit}",
        [["", *(f"{d:.2f}" for d in row)] for row in found.distance.tolist()],
    )
    return FigureSpec("Nearest training examples", caption + view.grayscale_note, protocol, [sheet])
