"""What does a larger latent buy: a better loss, sharper images, better samples?

    elbowroom lab latent_dimension
    elbowroom lab latent_dimension --data digits

The classic with 2, 5, 10, 20 and 40 latent dimensions. Sharpness is the root mean square of the differences between
neighbouring pixels, as a share of that of the test images. (Squares, since the absolute differences along an edge
sum to its height however blurred it is.) Look at where the loss stops falling, and at samples beside reconstructions.
"""

from __future__ import annotations

from argparse import Namespace
from functools import partial
from statistics import mean, stdev
from typing import Any

import torch
from torch import Tensor

import elbowroom as er
from elbowroom.labs import lab_common as lab

FLAGS = {"epochs": {"mnist": 5, "digits": 60}, "seeds": 1}
SIZES = (2, 5, 10, 20, 40)


def sharpness(x: Tensor) -> float:
    """Return the root mean square difference of neighbouring pixels of images (N, C, H, W)."""
    across, down = x.diff(dim=-1).square().mean(), x.diff(dim=-2).square().mean()
    return ((across + down) / 2).sqrt().item()


def measure(model: er.Model, data: er.Data) -> dict[str, float]:
    metrics = er.evaluate(model, data, metrics="likelihood,latent", samples=10)
    values = {name: metrics[name].value for name in ("elbo", "reconstruction", "kl", "active_units")}
    x = data.test.first(5000).x
    torch.manual_seed(0)
    values["reconstructions"] = sharpness(model.reconstruct(x)) / sharpness(x)
    return values | {"samples": sharpness(model.sample(5000)) / sharpness(x)}


def set_log_axis(axes: Any) -> None:
    axes.set_xscale("log")
    axes.set_xlim(SIZES[0] / 1.1, SIZES[-1])
    axes.set_xticks(SIZES, SIZES)
    axes.minorticks_off()


def main(args: Namespace) -> None:
    """Answer the question."""
    data = er.load_data(args.data, validation=0)
    results, models = {}, {}
    for size in SIZES:
        make = partial(er.recipes.vae, data.shape, latent=size)
        runs = [lab.train_or_load(args.out / f"{size}-{s}", make, data, args.epochs, s) for s in range(args.seeds)]
        measured = [measure(run.model(), data) for run in runs]
        results[size] = {name: [values[name] for values in measured] for name in measured[0]}
        models[size] = runs[0].model()

    def cell(values: list[float]) -> str:
        return f"{mean(values):.2f}" + (f" ± {stdev(values):.2f}" if len(values) > 1 else "")

    head = ("−ELBO", "reconstruction", "KL", "active units", "sharpness of reconstructions", "of samples")
    rows = [
        (size, cell([-elbo for elbo in f.pop("elbo")]), *map(cell, f.values()))
        for size, f in {size: dict(f) for size, f in results.items()}.items()
    ]
    lab.print_table(("latent dimensions", *head), rows)

    figure = lab.new_figure(11, 6.2)
    grid = figure.add_gridspec(2, 2, width_ratios=(1, 1.3))
    pages = grid[:, 1].subgridspec(2, 1, height_ratios=(6, 5))
    means = {size: {name: mean(values) for name, values in f.items()} for size, f in results.items()}
    blue, orange, green = lab.COLORS[:3]

    def column(name: str, sign: int = 1) -> list[float]:
        return [sign * means[size][name] for size in SIZES]

    axes = figure.add_subplot(grid[0, 0])
    axes.set_ylim(0, 1.08 * max(column("elbo", -1)))
    lines = [("−ELBO", column("elbo", -1), blue), ("reconstruction", column("reconstruction"), orange)]
    lines.append(("KL", column("kl"), green))
    lab.plot_labeled_lines(axes, [(SIZES, y, name, color) for name, y, color in lines], marker="o", markersize=4)
    lab.label_axes(axes, "The loss and its two parts", "", "nats per example, test")
    set_log_axis(axes)
    axes = figure.add_subplot(grid[1, 0])
    axes.set_ylim(0, 1.1)
    axes.axhline(1, color="#8a8a86", linewidth=1, linestyle=":")
    axes.text(2, 1.02, "the test images", fontsize=8, color="#55554f")
    lines = [("reconstructions", column("reconstructions"), blue), ("samples", column("samples"), orange)]
    lab.plot_labeled_lines(axes, [(SIZES, y, name, color) for name, y, color in lines], marker="o", markersize=4)
    lab.label_axes(axes, "Sharpness", "latent dimensions", "share of the data's")
    set_log_axis(axes)

    x = data.test.first(10).x
    names = ["data", *(f"z {size}" for size in SIZES)]
    axes = figure.add_subplot(pages[0])
    lab.draw_images(axes, [x, *(model.reconstruct(x) for model in models.values())], names)
    axes.set_title("Test images, and reconstructions at the mean", loc="left", fontsize=10)
    axes = figure.add_subplot(pages[1])
    torch.manual_seed(1)
    lab.draw_images(axes, [model.sample(10) for model in models.values()], names[1:])
    axes.set_title("Samples from the prior", loc="left", fontsize=10)
    lab.save_figure(figure, args.figure)
