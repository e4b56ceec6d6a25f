"""What does a larger code buy: a better loss, sharper pictures, better samples?

    python labs/latent_dimension.py
    python labs/latent_dimension.py --data digits --epochs 2 --seeds 1

The classic with 2, 5, 10, 20 and 40 latent dimensions. Sharpness is the root mean square of the differences between
neighbouring pixels, as a share of that of the test pictures. (Squares, since the absolute differences along an edge
sum to its height however blurred it is.) Look at where the loss stops falling, and at samples beside reconstructions.
"""

from __future__ import annotations

from functools import partial
from statistics import mean, stdev
from typing import Any

import sheet
import torch
from torch import Tensor

import elbowroom as er

SIZES = (2, 5, 10, 20, 40)


def edges(x: Tensor) -> float:
    """The root mean square of the differences between neighbouring pixels of pictures (N, C, H, W)."""
    across, down = x.diff(dim=-1).square().mean(), x.diff(dim=-2).square().mean()
    return ((across + down) / 2).sqrt().item()


def measure(model: er.Model, data: er.Data) -> dict[str, float]:
    figures = er.evaluate(model, data, metrics="likelihood,latent", samples=10)
    found = {name: figures[name].value for name in ("elbo", "reconstruction", "kl", "active_units")}
    x = data.test.first(5000).x
    torch.manual_seed(0)
    found["reconstructions"] = edges(model.reconstruct(x)) / edges(x)
    return found | {"samples": edges(model.sample(5000)) / edges(x)}


def by_doubling(axes: Any) -> None:
    axes.set_xscale("log")
    axes.set_xlim(SIZES[0] / 1.1, SIZES[-1])
    axes.set_xticks(SIZES, SIZES)
    axes.minorticks_off()


def main() -> None:
    args = sheet.flags(__doc__, "latent-dimension", epochs=5, seeds=1)
    data = er.load_data(args.data, validation=0)
    found, models = {}, {}
    for size in SIZES:
        make = partial(er.recipes.vae, data.shape, latent=size)
        runs = [sheet.trained(args.out / f"{size}-{s}", make, data, args.epochs, s) for s in range(args.seeds)]
        each = [measure(run.model(), data) for run in runs]
        found[size] = {name: [one[name] for one in each] for name in each[0]}
        models[size] = runs[0].model()

    def cell(values: list[float]) -> str:
        return f"{mean(values):.2f}" + (f" ± {stdev(values):.2f}" if len(values) > 1 else "")

    head = ("−ELBO", "reconstruction", "KL", "active units", "sharpness of reconstructions", "of samples")
    rows = [
        (size, cell([-elbo for elbo in f.pop("elbo")]), *map(cell, f.values()))
        for size, f in {size: dict(f) for size, f in found.items()}.items()
    ]
    sheet.table(("latent dimensions", *head), rows)

    picture = sheet.figure(11, 6.2)
    grid = picture.add_gridspec(2, 2, width_ratios=(1, 1.3))
    pages = grid[:, 1].subgridspec(2, 1, height_ratios=(6, 5))
    centre = {size: {name: mean(values) for name, values in f.items()} for size, f in found.items()}
    blue, orange, green = sheet.COLOURS[:3]

    def column(name: str, sign: int = 1) -> list[float]:
        return [sign * centre[size][name] for size in SIZES]

    axes = picture.add_subplot(grid[0, 0])
    axes.set_ylim(0, 1.08 * max(column("elbo", -1)))
    lines = [("−ELBO", column("elbo", -1), blue), ("reconstruction", column("reconstruction"), orange)]
    lines.append(("KL", column("kl"), green))
    sheet.name_lines(axes, [(SIZES, y, name, colour) for name, y, colour in lines], marker="o", markersize=4)
    sheet.dress(axes, "The loss and its two parts", "", "nats per example, test")
    by_doubling(axes)
    axes = picture.add_subplot(grid[1, 0])
    axes.set_ylim(0, 1.1)
    axes.axhline(1, color="#8a8a86", linewidth=1, linestyle=":")
    axes.text(2, 1.02, "the test pictures", fontsize=8, color="#55554f")
    lines = [("reconstructions", column("reconstructions"), blue), ("samples", column("samples"), orange)]
    sheet.name_lines(axes, [(SIZES, y, name, colour) for name, y, colour in lines], marker="o", markersize=4)
    sheet.dress(axes, "Sharpness", "latent dimensions", "share of the data's")
    by_doubling(axes)

    x = data.test.first(10).x
    names = ["data", *(f"z {size}" for size in SIZES)]
    axes = picture.add_subplot(pages[0])
    sheet.mosaic(axes, [x, *(model.reconstruct(x) for model in models.values())], names)
    axes.set_title("Test pictures, and reconstructions at the mean", loc="left", fontsize=10)
    axes = picture.add_subplot(pages[1])
    torch.manual_seed(1)
    sheet.mosaic(axes, [model.sample(10) for model in models.values()], names[1:])
    axes.set_title("Samples from the prior", loc="left", fontsize=10)
    sheet.save(picture, args.picture)


if __name__ == "__main__":
    main()
