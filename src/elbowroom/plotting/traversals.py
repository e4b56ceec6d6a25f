"""Figures of latent paths: traversals, interpolations, the decoded plane."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from elbowroom.formatting import format_count, format_number
from elbowroom.latent import (
    axis_traversal,
    decode_latents,
    decode_plane,
    interpolation,
    normal_quantiles,
    paths_of,
    principal_components,
)
from elbowroom.manifolds import SquareChart
from elbowroom.plotting import table_rows
from elbowroom.plotting.figure import FigureSpec, ImageGrid
from elbowroom.plotting.latent_factors import dimension_factors, dimension_title, sort_by_factor
from elbowroom.plotting.latent_ranking import dimension_name, ranked_dimensions, require_continuous
from elbowroom.plotting.montage import to_images
from elbowroom.plotting.registry import register_figure
from elbowroom.plotting.style import grayscale_note
from elbowroom.runs.run_view import RunView

#: How far a traversal goes to either side, in steps of one standard deviation.
TRAVERSAL_REACH = 3.0
PATH_STEPS = 11
#: Dimensions traversed on a table, at most: each takes a chart.
MAX_TABLE_DIMENSIONS = 6


@register_figure(
    "plane", "a two-dimensional latent, decoded everywhere", "The plane, decoded", "images, two dimensions"
)
def plane_figure(view: RunView, n_per_axis: int = 20) -> FigureSpec:
    """Return a two-dimensional latent space, decoded on a grid."""
    require_continuous(view)
    if not view.has_images:
        raise ValueError("the examples are rows of a table: a decoded plane is for images")
    if chart := view.model.manifold.square_chart(math.prod(view.model.latent_shape)):
        return _chart_figure(view, chart, n_per_axis)
    if math.prod(view.model.latent_shape) != 2:
        size = format_count(math.prod(view.model.latent_shape), "dimension")
        raise ValueError(f"the latent has {size}, not two: there is no one plane")
    if view.model.has_standard_prior:
        first = second = normal_quantiles(n_per_axis)
        spacing = "Neighbours are equally far apart in the prior's probability: each image stands for an equal share."
    else:
        ranges = view.latents.quantile(torch.tensor([0.01, 0.99]), 0).T.tolist()
        first, second = (torch.linspace(low, high, n_per_axis) for low, high in ranges)
        spacing = "The values are evenly spaced over the middle 98 % of the data's latents."
    # Images are laid out from the top down, the axis goes from the bottom up.
    second = second.flip(0)
    grid = ImageGrid(
        to_images(decode_plane(view.model, first, second, view.label(0)), view.model.views),
        _format_positions(second),
        _format_positions(first),
        f"{dimension_name(view, 1)}, {view.latent_unit}",
        f"{dimension_name(view, 0)}, {view.latent_unit}",
        is_seamless=True,
    )
    caption = f"The mean of p(x|z) all over the two-dimensional latent. {spacing}{grayscale_note(view)}"
    protocol = f"{n_per_axis} × {n_per_axis} latents{describe_label(view, 0)}"
    return FigureSpec("The plane, decoded", caption, protocol, [grid])


def _chart_figure(view: RunView, chart: SquareChart, n_per_axis: int) -> FigureSpec:
    """Return a two-dimensional manifold, decoded on a grid of a chart of all of it."""
    middles = (torch.arange(n_per_axis) + 0.5) / n_per_axis
    second, first = torch.meshgrid(middles.flip(0), middles, indexing="ij")
    x = decode_latents(view.model, chart.to_points(torch.stack((first, second), -1)), view.label(0))
    names = [_format_positions(low + (high - low) * middles) for low, high in chart.ranges]
    grid = ImageGrid(x, names[1][::-1], names[0], chart.names[1], chart.names[0], is_seamless=True)
    caption = (
        f"The mean of p(x|z) all over the latent space, {view.model.manifold.description}: {chart.description} "
        f"Each image stands for an equal share of the uniform prior.{grayscale_note(view)}"
    )
    protocol = f"{n_per_axis} × {n_per_axis} latents{describe_label(view, 0)}"
    return FigureSpec("The plane, decoded", caption, protocol, [grid])


class TraversalAxes(NamedTuple):
    """Axes that a latent is moved along, the most informative first.

    Attributes:
        noun: what they are.
        order: in words, how they are sorted.
        axes: (K, D), as long as one step of the unit.
        unit: of the steps.
        names: of the axes.
        scores: how much each tells.
        score_unit: what the scores are.
    """

    noun: str
    order: str
    axes: Tensor
    unit: str
    names: list[str]
    scores: list[float]
    score_unit: str


def traversal_axes(view: RunView, n: int) -> TraversalAxes:
    """Return the n dimensions that tell most; of a map, where one number is of one place, its principal axes.

    Where the examples have factors as labels, dimensions stand in the order of the factors they tell of.
    """
    if len(view.model.latent_shape) > 1:
        n = min(n, *view.latents.shape)
        points, axes, shares = principal_components(view.latents, n)
        axes = axes * points.std(0, correction=0)[:, None]
        names = [f"principal axis {i}" for i in range(1, n + 1)]
        unit = "standard deviations of the latents"
        score_unit = "share of the variance"
        order = f"sorted by {score_unit}"
        return TraversalAxes("principal axis", order, axes, unit, names, shares.tolist(), score_unit)
    ranked, scores, score_unit = ranked_dimensions(view)
    score_of = dict(zip(ranked, scores, strict=True))
    dims = sort_by_factor(view, ranked[:n])
    step, unit = latent_step(view)
    names = [dimension_title(view, dim) for dim in dims]
    order = "sorted by the factor it tells most of, with the share of that factor's entropy; then"
    order = f"{order if dimension_factors(view) else 'sorted'} by {score_unit}"
    return TraversalAxes(
        "dimension", order, torch.diag(step)[dims], unit, names, [score_of[dim] for dim in dims], score_unit
    )


@register_figure("traversals", "one dimension moved at a time, sorted by KL", "Traversals", "data, a continuous latent")
def traversals_figure(view: RunView, max_dimensions: int = 10) -> FigureSpec:
    """Return one latent moved along one dimension at a time, or one principal axis of a map, the most telling first."""
    require_continuous(view)
    noun, order, axes, unit, axis_names, scores, score_unit = traversal_axes(
        view, max_dimensions if view.has_images else MAX_TABLE_DIMENSIONS
    )
    offsets = torch.linspace(-TRAVERSAL_REACH, TRAVERSAL_REACH, PATH_STEPS)
    i = typical_index(view)
    x = axis_traversal(view.model, _unflattened_latent(view, i), axes, offsets, view.label(i))
    protocol = (
        f"around the posterior mean of {view.example_name(i)}, which is nearest to the mean of all; "
        f"{score_unit.split()[0]} over {view.describe_examples(len(view.latents))}{describe_label(view, i)}"
    )
    if not view.has_images:
        is_named = table_rows.has_named_columns(view)
        low, high = ("", "") if is_named else (", blue,", ", red,")
        caption = (
            f"Each {'table' if is_named else 'chart'} moves one latent along one {noun} from −{TRAVERSAL_REACH:g}{low} "
            f"to +{TRAVERSAL_REACH:g}{high} {unit}, and holds the others; {order}, which stands above."
        )
        names = [f"{name}, {score:.2f}" for name, score in zip(axis_names, scores, strict=True)]
        draw = table_rows.path_table if is_named else table_rows.path_chart
        marks = [draw(view, name, rows, offsets) for name, rows in zip(names, x, strict=True)]
        return FigureSpec("Traversals", caption, protocol, marks)
    caption = (
        f"Each row moves one latent along one {noun} and holds the others; {order}, beside it. "
        f"The middle column is the latent itself.{grayscale_note(view)}"
    )
    rows = [f"{name}  {score:.2f}" for name, score in zip(axis_names, scores, strict=True)]
    columns = [format_number(round(offset, 1)) for offset in offsets.tolist()]
    x = to_images(x, view.model.views)
    grid = ImageGrid(x, rows, columns, f"{noun} and its {score_unit}", f"offset, {unit}")
    return FigureSpec("Traversals", caption, protocol, [grid])


@register_figure(
    "interpolations", "from one latent to another, straight and around", "Interpolations", "data, a continuous latent"
)
def interpolations_figure(view: RunView, n_pairs: int = 4) -> FigureSpec:
    """Return the path between the latents of two examples, linear and spherical, for several pairs."""
    require_continuous(view)
    t, pairs = torch.linspace(0, 1, PATH_STEPS), _pick_pairs(view, n_pairs)
    named_paths, paths = paths_of(view.model), []
    for a, b in pairs:
        first, last = _unflattened_latent(view, a), _unflattened_latent(view, b)
        for name, path in named_paths.items():
            paths.append((a, b, name, interpolation(view.model, first, last, t, path, view.label(a))))
    protocol = f"between the posterior means of {view.describe_examples(2 * len(pairs))}"
    if view.model.is_conditional:
        protocol += "; given the label of the first of each pair"
    way = (
        "straight, and along the arc around the origin, which keeps to the lengths that latents of the prior have"
        if view.model.manifold.is_flat
        else f"on the shortest way among {view.model.manifold.description}"
    )
    caption = f"The mean of p(x|z) on the way from one example's latent to another's: {way}."
    if not view.has_images:
        is_named = table_rows.has_named_columns(view)
        draw = table_rows.path_table if is_named else table_rows.path_chart
        marks = [draw(view, f"{a + 1} to {b + 1}, {name}", x, t) for a, b, name, x in paths]
        return FigureSpec("Interpolations", caption if is_named else f"{caption} From blue to red.", protocol, marks)
    data = view.batch.x
    images = torch.stack([torch.cat((data[a][None], x, data[b][None])) for a, b, _, x in paths])
    grid = ImageGrid(
        to_images(images, view.model.views),
        [name for _, _, name, _ in paths],
        ["data", *(f"{position:.1f}" for position in t.tolist()), "data"],
        "path",
        "position between the two latents, from 0 to 1",
        group_size=len(named_paths),
    )
    caption += f" The examples stand at the ends.{grayscale_note(view)}"
    return FigureSpec("Interpolations", caption, protocol, [grid])


def typical_index(view: RunView) -> int:
    """Return the index of the example whose latent is nearest to the mean of all."""
    return int((view.latents - view.latents.mean(0)).norm(dim=1).argmin())


def latent_step(view: RunView) -> tuple[Tensor, str]:
    """Return the size of a unit step in each latent dimension, (D,), and the name of that unit."""
    if view.model.has_standard_prior:
        return torch.ones(view.latents.shape[1]), view.latent_unit
    return view.latents.std(0, correction=0), "standard deviations of the latents"


def describe_label(view: RunView, i: int) -> str:
    """Return the label that latents are decoded with, as text; empty where there is none."""
    label = view.label(i)
    if label is None:
        return ""
    classes = view.classes
    name = classes[int(label)] if classes and label.dim() == 0 else ", ".join(map(str, label.reshape(-1).tolist()))
    return f"; given the label {name}"


def _format_positions(axis: Tensor) -> list[str]:
    return [f"{position:.2f}".replace("-", "−") for position in axis.tolist()]


def _unflattened_latent(view: RunView, i: int) -> Tensor:
    """Return the posterior mean of an example, in the shape that the decoder takes."""
    return view.latents[i].reshape(view.model.latent_shape)


def _pick_pairs(view: RunView, n_pairs: int) -> list[tuple[int, int]]:
    """Return the indices of pairs of examples, of different labels where there are some."""
    y, pairs, remaining = view.batch.y, list[tuple[int, int]](), list(range(len(view.latents)))
    while len(remaining) > 1 and len(pairs) < n_pairs:
        a = remaining.pop(0)
        b = next((i for i in remaining if y is None or not torch.equal(y[i], y[a])), remaining[0])
        remaining.remove(b)
        pairs.append((a, b))
    if not pairs:
        raise ValueError("there is a single example: an interpolation goes from one to another")
    return pairs
