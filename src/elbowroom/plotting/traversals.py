"""Figures of walks through the space of codes: traversals, interpolations, the decoded plane."""

from __future__ import annotations

import math

import torch

from elbowroom.formatting import number, plural
from elbowroom.latent import PATHS, interpolation, plane, quantiles, traversal
from elbowroom.plotting import table_rows
from elbowroom.plotting.figure import Sheet, Shown
from elbowroom.plotting.run_view import Look

#: How far a traversal goes to either side, and the steps of a walk.
REACH, STEPS = 3.0, 11


def traversals(look: Look, most: int = 10) -> Shown:
    """One dimension of a code moved at a time, the most informative first."""
    look.must_be_continuous()
    order, tells, measure = look.informative
    dims, (step, unit) = order[: most if look.pictures else 6], look.unit
    offsets = torch.linspace(-REACH, REACH, STEPS)
    code = look.codes[look.typical].unflatten(0, look.model.latent_shape)
    x = traversal(look.model, code, dims, offsets * step[dims, None], look.label(look.typical))
    names = [f"{look.z(dim)}  {tell:.2f}" for dim, tell in zip(dims, tells, strict=False)]
    middle = f"around the posterior mean of {look.name(look.typical)}, which is nearest to the mean of all"
    protocol = f"{middle}; {measure.split()[0]} over {look.of(len(look.codes))}{look.given(look.typical)}"
    if not look.pictures:
        caption = (
            f"Each chart moves one dimension of one code from −{REACH:g}, blue, to +{REACH:g}, red, {unit}, and holds "
            f"the others; sorted by {measure}, which stands above."
        )
        charts = [
            table_rows.family(look, name.replace("  ", ", "), line, offsets)
            for name, line in zip(names, x, strict=True)
        ]
        return Shown("Traversals", caption, protocol, charts)
    caption = (
        f"Each row moves one dimension of one code and holds the others; sorted by {measure}, beside it. "
        f"The middle column is the code itself.{look.grey}"
    )
    columns = [number(round(offset, 1)) for offset in offsets.tolist()]
    sheet = Sheet(x, names, columns, f"dimension and its {measure}", f"offset, {unit}")
    return Shown("Traversals", caption, protocol, [sheet])


def interpolations(look: Look, pairs: int = 4) -> Shown:
    """From one example's code to another's, straight and around the origin."""
    look.must_be_continuous()
    t, ends, shape = torch.linspace(0, 1, STEPS), _ends(look, pairs), look.model.latent_shape
    codes = [(a, b, look.codes[a].unflatten(0, shape), look.codes[b].unflatten(0, shape)) for a, b in ends]
    ways = [
        (a, b, name, interpolation(look.model, first, last, t, path, look.label(a)))
        for a, b, first, last in codes
        for name, path in PATHS.items()
    ]
    protocol = f"between the posterior means of {look.of(2 * len(ends))}"
    if look.conditional:
        protocol += "; given the label of the first of each pair"
    caption = (
        "The mean of p(x|z) on the way from one example's code to another's: straight, and along the arc around the "
        "origin, which keeps to the lengths that codes of the prior have."
    )
    if not look.pictures:
        charts = [table_rows.family(look, f"{a + 1} to {b + 1}, {name}", x, t) for a, b, name, x in ways]
        return Shown("Interpolations", f"{caption} From blue to red.", protocol, charts)
    given = look.batch.x
    sheet = Sheet(
        torch.stack([torch.cat((given[a][None], x, given[b][None])) for a, b, _, x in ways]),
        [name for _, _, name, _ in ways],
        ["data", *(f"{place:.1f}" for place in t.tolist()), "data"],
        "path",
        "place between the two codes, from 0 to 1",
        group=len(PATHS),
    )
    return Shown("Interpolations", f"{caption} The examples stand at the ends.{look.grey}", protocol, [sheet])


def decoded_plane(look: Look, side: int = 20) -> Shown:
    """A code of two dimensions, decoded everywhere."""
    look.must_be_continuous()
    if not look.pictures:
        raise ValueError("the examples are rows of a table: a decoded plane is for pictures")
    if math.prod(look.model.latent_shape) != 2:
        size = plural(math.prod(look.model.latent_shape), "dimension")
        raise ValueError(f"the code has {size}, not two: there is no one plane")
    if look.standard:
        first = second = quantiles(side)
        spacing = "Neighbours are equally far apart in the prior's probability: each picture stands for an equal share."
    else:
        middle = look.codes.quantile(torch.tensor([0.01, 0.99]), 0)
        first, second = (torch.linspace(low, high, side) for low, high in middle.T.tolist())
        spacing = "The values are evenly spaced over the middle 98 % of the data's codes."
    x = plane(look.model, first, second.flip(0), look.label(0))
    up, across = ([f"{place:.2f}".replace("-", "−") for place in axis.tolist()] for axis in (second.flip(0), first))
    sheet = Sheet(x, up, across, f"{look.z(1)}, {look.axis}", f"{look.z(0)}, {look.axis}", solid=True)
    caption = f"The mean of p(x|z) all over the two-dimensional code. {spacing}{look.grey}"
    return Shown(
        "The plane, decoded", caption, f"{side} × {side} codes{look.given(0) if look.conditional else ''}", [sheet]
    )


def _ends(look: Look, pairs: int) -> list[tuple[int, int]]:
    """Pairs of examples, of different labels where there are some."""
    y, found, left = look.batch.y, list[tuple[int, int]](), list(range(len(look.codes)))
    while len(left) > 1 and len(found) < pairs:
        a = left.pop(0)
        b = next((i for i in left if y is None or not torch.equal(y[i], y[a])), left[0])
        left.remove(b)
        found.append((a, b))
    if not found:
        raise ValueError("there is a single example: an interpolation goes from one to another")
    return found
