"""Draw the figure of the README: ``python docs/readme_figure.py`` (MNIST, two latents, minutes of one core)."""

from __future__ import annotations

import tempfile
from pathlib import Path

import torch
from matplotlib.figure import Figure
from torch.distributions import Normal

import elbowroom as er

#: Images along a side of the plane.
SIDE = 20
#: Ticks of the loss, in steps and in nats.
STEP_TICKS = (1, 10, 100, 1_000, 9_200)
LOSS_TICKS = (140, 160, 200, 300, 400, 500)


def main() -> None:
    """Train, decode a grid of latents, and draw it beside reconstructions and the loss."""
    data = er.load_data("mnist")
    torch.manual_seed(0)
    model, objective = er.recipes.vae(data.shape, latent=2, hidden=(512, 256))
    run = er.fit(model, objective, data, epochs=20, out=Path(tempfile.mkdtemp()) / "run")

    # Evenly spaced in the prior's probability: each image stands for an equal share of it.
    quantiles = Normal(0.0, 1.0).icdf(torch.linspace(0.02, 0.98, SIDE))
    z = torch.cartesian_prod(quantiles.flip(0), quantiles).flip(1)
    plane = model.sample(z=z).reshape(SIDE, SIDE, 28, 28).permute(0, 2, 1, 3).reshape(SIDE * 28, SIDE * 28)
    x = data.test.first(10).x
    pairs = torch.stack((x, model.reconstruct(x))).permute(0, 2, 3, 1, 4).reshape(2 * 28, 10 * 28)

    figure = Figure(figsize=(11, 5.4), dpi=110, layout="constrained")
    grid = figure.add_gridspec(2, 2, width_ratios=(5.4, 5.6), height_ratios=(1.2, 3.2))
    axes = figure.add_subplot(grid[:, 0])
    axes.imshow(plane, cmap="gray", extent=(0.02, 0.98, 0.02, 0.98))
    ticks = range(-2, 3)
    labels = [f"{tick}".replace("-", "−") for tick in ticks]
    positions = Normal(0.0, 1.0).cdf(torch.tensor(list(ticks))).clamp(0.02, 0.98).tolist()
    axes.set_xticks(positions, labels)
    axes.set_yticks(positions, labels)
    axes.set(xlabel="z₁", ylabel="z₂", title="digits decoded over a two-dimensional latent space")
    axes = figure.add_subplot(grid[0, 1])
    axes.imshow(pairs, cmap="gray")
    axes.set_xticks([])
    axes.set_yticks([14, 42], ["test digit", "model"])
    axes.set_title("test digits over their reconstructions")
    axes = figure.add_subplot(grid[1, 1])
    for split, color in (("train", "#56B4E9"), ("test", "#009E73")):
        rows = run.metrics(split)
        axes.plot([r["step"] for r in rows], [r["loss"] for r in rows], color=color, label=split)
    # Most falls in the first hundred steps, so that both axes are logarithmic.
    axes.set(xlabel="optimiser steps", ylabel="nats per example", title="−ELBO", xscale="log", yscale="log")
    axes.set_xticks(STEP_TICKS, [f"{step:,}" for step in STEP_TICKS])
    axes.set_yticks(LOSS_TICKS, LOSS_TICKS)
    axes.minorticks_off()
    axes.legend(frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    target = Path(__file__).parent / "images" / "readme.png"
    target.parent.mkdir(exist_ok=True)
    figure.savefig(target)
    print(target, er.evaluate(run, samples=100), sep="\n")


if __name__ == "__main__":
    main()
