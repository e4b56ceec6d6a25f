"""Figures of walks through the space of codes: traversals, interpolations, the decoded plane."""

from __future__ import annotations

import math

import torch

from elbowroom.formatting import format_count, format_number
from elbowroom.latent import PATHS, decode_plane, interpolation, normal_quantiles, traversal
from elbowroom.plotting import table_rows
from elbowroom.plotting.figure import FigureSpec, ImageGrid
from elbowroom.plotting.run_view import RunView

#: How far a traversal goes to either side, and the steps of a walk.
TRAVERSAL_REACH, PATH_STEPS = 3.0, 11


def traversals_figure(view: RunView, max_dimensions: int = 10) -> FigureSpec:
    """One dimension of a code moved at a time, the most informative first."""
    view.require_continuous()
    order, tells, measure = view.ranked_dimensions
    dims, (step, unit) = order[: max_dimensions if view.has_images else 6], view.latent_step
    offsets = torch.linspace(-TRAVERSAL_REACH, TRAVERSAL_REACH, PATH_STEPS)
    code = view.latents[view.typical_index].unflatten(0, view.model.latent_shape)
    x = traversal(view.model, code, dims, offsets * step[dims, None], view.label(view.typical_index))
    names = [f"{view.dimension_name(dim)}  {tell:.2f}" for dim, tell in zip(dims, tells, strict=False)]
    middle = (
        f"around the posterior mean of {view.example_name(view.typical_index)}, which is nearest to the mean of all"
    )
    protocol = f"{middle}; {measure.split()[0]} over {view.describe_examples(len(view.latents))}{view.describe_label(view.typical_index)}"
    if not view.has_images:
        caption = (
            f"Each chart moves one dimension of one code from −{TRAVERSAL_REACH:g}, blue, to +{TRAVERSAL_REACH:g}, red, {unit}, and holds "
            f"the others; sorted by {measure}, which stands above."
        )
        charts = [
            table_rows.path_chart(view, name.replace("  ", ", "), line, offsets)
            for name, line in zip(names, x, strict=True)
        ]
        return FigureSpec("Traversals", caption, protocol, charts)
    caption = (
        f"Each row moves one dimension of one code and holds the others; sorted by {measure}, beside it. "
        f"The middle column is the code itself.{view.grayscale_note}"
    )
    columns = [format_number(round(offset, 1)) for offset in offsets.tolist()]
    sheet = ImageGrid(x, names, columns, f"dimension and its {measure}", f"offset, {unit}")
    return FigureSpec("Traversals", caption, protocol, [sheet])


def interpolations_figure(view: RunView, n_pairs: int = 4) -> FigureSpec:
    """From one example's code to another's, straight and around the origin."""
    view.require_continuous()
    t, ends, shape = torch.linspace(0, 1, PATH_STEPS), _pick_pairs(view, n_pairs), view.model.latent_shape
    codes = [(a, b, view.latents[a].unflatten(0, shape), view.latents[b].unflatten(0, shape)) for a, b in ends]
    ways = [
        (a, b, name, interpolation(view.model, first, last, t, path, view.label(a)))
        for a, b, first, last in codes
        for name, path in PATHS.items()
    ]
    protocol = f"between the posterior means of {view.describe_examples(2 * len(ends))}"
    if view.is_conditional:
        protocol += "; given the label of the first of each pair"
    caption = (
        "The mean of p(x|z) on the way from one example's code to another's: straight, and along the arc around the "
        "origin, which keeps to the lengths that codes of the prior have."
    )
    if not view.has_images:
        charts = [table_rows.path_chart(view, f"{a + 1} to {b + 1}, {name}", x, t) for a, b, name, x in ways]
        return FigureSpec("Interpolations", f"{caption} From blue to red.", protocol, charts)
    given = view.batch.x
    sheet = ImageGrid(
        torch.stack([torch.cat((given[a][None], x, given[b][None])) for a, b, _, x in ways]),
        [name for _, _, name, _ in ways],
        ["data", *(f"{place:.1f}" for place in t.tolist()), "data"],
        "path",
        "place between the two codes, from 0 to 1",
        group_size=len(PATHS),
    )
    return FigureSpec(
        "Interpolations", f"{caption} The examples stand at the ends.{view.grayscale_note}", protocol, [sheet]
    )


def plane_figure(view: RunView, n_per_axis: int = 20) -> FigureSpec:
    """A code of two dimensions, decoded everywhere."""
    view.require_continuous()
    if not view.has_images:
        raise ValueError("the examples are rows of a table: a decoded plane is for pictures")
    if math.prod(view.model.latent_shape) != 2:
        size = format_count(math.prod(view.model.latent_shape), "dimension")
        raise ValueError(f"the code has {size}, not two: there is no one plane")
    if view.has_standard_prior:
        first = second = normal_quantiles(n_per_axis)
        spacing = "Neighbours are equally far apart in the prior's probability: each picture stands for an equal share."
    else:
        middle = view.latents.quantile(torch.tensor([0.01, 0.99]), 0)
        first, second = (torch.linspace(low, high, n_per_axis) for low, high in middle.T.tolist())
        spacing = "The values are evenly spaced over the middle 98 % of the data's codes."
    x = decode_plane(view.model, first, second.flip(0), view.label(0))
    up, across = ([f"{place:.2f}".replace("-", "−") for place in axis.tolist()] for axis in (second.flip(0), first))
    sheet = ImageGrid(
        x,
        up,
        across,
        f"{view.dimension_name(1)}, {view.latent_unit}",
        f"{view.dimension_name(0)}, {view.latent_unit}",
        is_seamless=True,
    )
    caption = f"The mean of p(x|z) all over the two-dimensional code. {spacing}{view.grayscale_note}"
    return FigureSpec(
        "The plane, decoded",
        caption,
        f"{n_per_axis} × {n_per_axis} codes{view.describe_label(0) if view.is_conditional else ''}",
        [sheet],
    )


def _pick_pairs(view: RunView, n_pairs: int) -> list[tuple[int, int]]:
    """Pairs of examples, of different labels where there are some."""
    y, found, left = view.batch.y, list[tuple[int, int]](), list(range(len(view.latents)))
    while len(left) > 1 and len(found) < n_pairs:
        a = left.pop(0)
        b = next((i for i in left if y is None or not torch.equal(y[i], y[a])), left[0])
        left.remove(b)
        found.append((a, b))
    if not found:
        raise ValueError("there is a single example: an interpolation goes from one to another")
    return found
