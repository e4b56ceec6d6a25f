"""What does the KL charge for, and what happens when the reconstruction is averaged over pixels instead of summed?

    elbowroom lab kl_surface
    elbowroom lab kl_surface --data digits

The surface of KL(N(μ, σ²) ‖ N(0, 1)) in closed form, its minimum marked. Then the classic twice: as it is, and with
its reconstruction divided by the number of pixels, a common cause of blurred or grey outputs. Look
at the KL of each dimension, and at the samples.
"""

from __future__ import annotations

import math
from argparse import Namespace

import torch

import elbowroom as er
from elbowroom.labs import lab_common as lab
from elbowroom.plotting.style import INK_COLOR

FLAGS = {"epochs": {"mnist": 10, "digits": 80}, "seed": 0}


def kl_to_standard_normal(mean: torch.Tensor, log_var: torch.Tensor) -> torch.Tensor:
    """KL(N(μ, σ²) ‖ N(0, 1)) = ½ (μ² + σ² − 1 − log σ²), nats."""
    return 0.5 * (mean**2 + log_var.exp() - 1 - log_var)


def main(args: Namespace) -> None:
    """Answer the question."""
    data = er.load_data(args.data, validation=0)
    pixels = math.prod(data.shape)
    objectives = {
        "summed": er.Reconstruction() + er.KL(),
        "averaged": er.Reconstruction() / pixels + er.KL(),
    }
    models, results = {}, {}
    for name, objective in objectives.items():
        run = lab.train_or_load(
            args.out / name,
            lambda objective=objective: (er.recipes.vae(data.shape)[0], objective),
            data,
            args.epochs,
            args.seed,
        )
        models[name] = run.model()
        results[name] = er.evaluate(models[name], data, metrics="likelihood,latent", samples=10)
    columns = ("elbo", "reconstruction", "kl", "active_units")
    head = ("reconstruction is", *(column.replace("_", " ") for column in columns), "largest KL of a dimension")
    per_dimension = {name: sorted(metrics["kl_per_dimension"].value, reverse=True) for name, metrics in results.items()}
    rows = [(name, *(r[column].value for column in columns), per_dimension[name][0]) for name, r in results.items()]
    lab.print_table(head, rows)

    figure = lab.new_figure(11, 6.4)
    grid = figure.add_gridspec(2, 2, width_ratios=(1, 1.3))
    pages = grid[:, 1].subgridspec(2, 1, height_ratios=(3, 6))
    axes = figure.add_subplot(grid[0, 0])
    mean, log_var = torch.linspace(-3, 3, 121), torch.linspace(-5, 3, 161)
    height = kl_to_standard_normal(mean[None, :], log_var[:, None])
    grid_values = mean.numpy(), log_var.numpy(), height.numpy()
    levels = (0.05, 0.25, 0.5, 1, 2, 3, 4, 6, 8, 10)
    axes.contourf(*grid_values, levels=(0, *levels, 14), cmap="cividis_r", alpha=0.85)
    lines = axes.contour(*grid_values, levels=levels, colors="white", linewidths=0.6)
    axes.clabel(lines, (0.25, 1, 2, 4, 6), fontsize=7, colors=INK_COLOR, fmt="%g")
    axes.plot(0, 0, "o", color=lab.COLORS[1], markersize=5)
    axes.annotate("minimum: 0 at μ = 0, σ = 1", (0, 0), (0, 9), textcoords="offset points", fontsize=8, ha="center")
    lab.label_axes(axes, "KL of one dimension, nats", "mean μ", "log-variance log σ²")
    axes.grid(False)

    axes = figure.add_subplot(grid[1, 0])
    positions = torch.arange(1, len(per_dimension["summed"]) + 1)
    for (name, heights), color, shift in zip(per_dimension.items(), lab.COLORS, (-0.2, 0.2), strict=False):
        axes.bar((positions + shift).numpy(), heights, width=0.4, color=color)
        axes.text(
            0.98,
            0.86 - 0.2 * shift,
            f"{name}: {sum(heights):.2f} in all",
            color=color,
            fontsize=9,
            ha="right",
            transform=axes.transAxes,
        )
    lab.label_axes(axes, "KL of each dimension, largest first", "dimension", "nats per example, test")
    axes.grid(False, axis="x")
    axes.set_xticks((1, 5, 10, 15, 20))

    x = data.test.first(10).x
    for row, (title, draw) in enumerate(
        {
            "Test images, and reconstructions at the mean": lambda model: [model.reconstruct(x)],
            "Samples from the prior": lambda model: model.sample(30).split(10),
        }.items()
    ):
        axes = figure.add_subplot(pages[row])
        torch.manual_seed(1)
        rows, names = ([x], ["data"]) if row == 0 else ([], [])
        for name, model in models.items():
            images = draw(model)
            rows += images
            names += [name] + [""] * (len(images) - 1)
        lab.draw_images(axes, rows, names)
        axes.set_title(title, loc="left", fontsize=10)
    lab.save_figure(figure, args.figure)
