"""Figures of what a model makes: reconstructions, samples, and what those are closest to."""

from __future__ import annotations

import math

import torch

from elbowroom.data import still
from elbowroom.latent import neighbours
from elbowroom.plotting import table_rows
from elbowroom.plotting.figure import Sheet, Shown
from elbowroom.plotting.run_view import Look


def reconstructions(look: Look, n: int = 20, across: int = 10) -> Shown:
    """Data above reconstructions."""
    x, place, y = look.batch.x[:n], look.place, look.batch.y
    again = look.model.reconstruct(x.to(place), None if y is None else y[:n].to(place)).cpu()
    protocol = "{}; at the posterior mean, without noise"
    if not look.pictures:
        few = min(6, len(x))
        titles = [look.name(i) for i in range(few)]
        caption = "Examples, and the mean of p(x|z) at each one's posterior mean; every column on its own scale."
        charts = list(table_rows.pairs(look, titles, x[:few], again[:few], ("data", "model")))
        return Shown("Reconstructions", caption, protocol.format(look.of(few)), charts)
    across = min(across, len(x))
    whole = len(x) // across * across
    both = torch.stack([part[:whole].unflatten(0, (-1, across)) for part in (x, again)], 1)
    sheet = Sheet(
        both.flatten(0, 1),
        ["data", "model"] * (whole // across),
        [""] * across,
        "data above the mean of p(x|z)",
        f"{look.split} examples",
        group=2,
    )
    caption = f"Examples of the {look.split} split, and under each the mean of p(x|z) at its posterior mean.{look.grey}"
    return Shown("Reconstructions", caption, protocol.format(look.of(whole)), [sheet])


def samples(look: Look, n: int = 64) -> Shown:
    """What the model makes of codes from its prior."""
    if not look.pictures:
        n = 12
        caption = (
            f"Means of p(x|z) for {n} codes drawn from the prior; nine tenths of the data lie between the grey lines."
        )
        return Shown("Samples", caption, look.drawn(n), [table_rows.crowd(look, "samples", look.samples(n))])
    side = math.isqrt(n)
    x = look.samples(side * side).unflatten(0, (side, side))
    sheet = Sheet(x, [""] * side, [""] * side, f"{side * side} samples", "means of p(x|z), z ~ p(z)")
    caption = f"Means of p(x|z) for codes drawn from the prior.{look.grey}"
    return Shown("Samples", caption, look.drawn(side * side), [sheet])


def nearest(look: Look, n: int = 6, k: int = 5) -> Shown:
    """The training examples closest to some samples."""
    x, scale = look.samples(n), None if look.pictures else look.columns[1]
    train = still(look.data.train, look.seed)
    found = neighbours(x, train, k, scale)
    usual = neighbours(look.batch.x[:100], train, 1, scale).distance.median().item()
    unit = "pixel values" if look.pictures else "standard deviations of each column"
    protocol = f"{look.drawn(n)}; {found.searched:,} training examples searched; Euclidean distance of {unit}"
    caption = (
        "Samples, and the training examples nearest to each, with their distances. For comparison: half of the "
        f"{look.split} examples have one nearer than {usual:.2f}. A sample much nearer than that is a copy."
    )
    if not look.pictures:
        titles = [f"sample {i}, distance {d:.2f}" for i, d in enumerate(found.distance[:, 0].tolist(), 1)]
        charts = list(table_rows.pairs(look, titles, found.x[:, 0], x, ("nearest example", "sample")))
        return Shown("Nearest training examples", caption, protocol, charts)
    columns = ["sample", *(f"{i}." for i in range(1, found.x.shape[1] + 1))]
    sheet = Sheet(
        torch.cat((x[:, None], found.x), 1),
        [str(i) for i in range(1, n + 1)],
        columns,
        "sample",
        f"nearest training examples, distance in {unit}",
        [["", *(f"{d:.2f}" for d in row)] for row in found.distance.tolist()],
    )
    return Shown("Nearest training examples", caption + look.grey, protocol, [sheet])
