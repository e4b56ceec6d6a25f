"""Draw the figures of "What a VAE is": ``python docs/way_in_figures.py`` (MNIST, a minute of one core)."""

from __future__ import annotations

import math
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Ellipse
from torch import Tensor

import elbowroom as er
from elbowroom.doctor.amortization_gap import fit_posterior
from elbowroom.models.draw import Draw, Latent

FOLDER = Path(__file__).parent / "images"
BLUE, ORANGE, GRAY = "#0072B2", "#D55E00", "#7f7f7f"
#: Latents along a side of the grids: that on which a posterior is drawn, and that over which log p(x) is summed.
DRAWN_GRID, SUMMED_GRID = 101, 401
#: Posterior samples of the bounds in the figure of posteriors.
SAMPLES = 4000


def train() -> tuple[er.GenerativeModel, er.Data]:
    """Return a VAE of binarized MNIST with two latents, and the data."""
    data = er.load_data("mnist", binarize="dynamic")
    model, objective = er.recipes.vae(data.shape, latent=2, hidden=(512, 256), seed=0)
    quiet: dict[str, Any] = {"report": False, "progress": False, "sampler": "none", "watch": ()}
    run = er.fit(model, objective, data, steps=2900, seed=0, out=tempfile.mkdtemp() + "/run", **quiet)
    return run.model(), data


def draw_model(model: er.GenerativeModel, data: er.Data) -> None:
    """Draw one digit on its way through the model: x, encoder, q(z|x), z, decoder, mean of p(x|z)."""
    batch = data.test.first(200)
    x = batch.x[batch.y == 0][:1]
    q = model.draw(x).latents[0].q
    mean, std = q.mean[0].tolist(), q.variance[0].sqrt().tolist()
    torch.manual_seed(4)
    z = q.sample((5,))[:, 0]
    made = model.sample(z=z, draw=False)

    figure = Figure(figsize=(11, 2.7), dpi=140, facecolor="white")
    draw_image(figure.add_axes((0.01, 0.17, 0.15, 0.62)), x[0], "x, an example")
    plane = figure.add_axes((0.315, 0.19, 0.26, 0.66))
    draw_latents(plane, data, model)
    plane.add_patch(make_ellipse(mean, std, 2, BLUE))
    plane.plot(*z.T.tolist(), ".", color=ORANGE, markersize=4)
    plane.set(xlabel="z₁", ylabel="z₂", title="q(z|x) = N(μ, σ²), and z drawn from it")
    for i, image in enumerate(made):
        draw_image(figure.add_axes((0.735 + 0.052 * i, 0.33, 0.05, 0.3)), image, "")
    figure.text(0.862, 0.69, "means of p(x|z): one for each z", ha="center", fontsize=10)
    for left, right, words in ((0.165, 0.295, "encoder\nμ, σ"), (0.57, 0.725, "decoder")):
        arrow = {"arrowstyle": "-|>", "color": GRAY, "linewidth": 1.5}
        axes = figure.add_axes((0, 0, 1, 1))
        axes.set_axis_off()
        axes.annotate("", (right, 0.48), (left, 0.48), xycoords="figure fraction", arrowprops=arrow)
        figure.text((left + right) / 2, 0.52, words, ha="center", va="bottom", fontsize=11)
    figure.savefig(FOLDER / "vae.png")


def draw_posteriors(model: er.GenerativeModel, data: er.Data) -> None:
    """Draw the exact posterior of four digits, the encoder's, and the best normal for each digit by itself."""
    batch = data.test.first(200)
    chosen = [int((batch.y == label).nonzero()[0]) for label in (0, 1, 7, 8)]
    x = batch.x[chosen]
    encoded = model.draw(x).latents[0].q

    def elbo(q: Any, samples: int) -> Tensor:
        z = q.rsample((samples,))
        return Draw(x, model.decode(z), Latent(z, q, model.prior())).elbo

    torch.manual_seed(0)
    fitted = fit_posterior(model, encoded, lambda q: elbo(q, 64), steps=400)
    bounds = [elbo(q, SAMPLES).detach() for q in (encoded, fitted)]
    figure = Figure(figsize=(11, 3.5), dpi=140, facecolor="white", layout="constrained")
    for i, axes in enumerate(figure.subplots(1, len(chosen))):
        means = torch.stack((encoded.mean[i], fitted.mean[i])).detach()
        deviation = torch.stack((encoded.variance[i], fitted.variance[i])).detach().amax().sqrt()
        center, spread = means.mean(0), (means[0] - means[1]).abs().max() / 2 + 3.5 * deviation
        evidence = draw_exact_posterior(axes, model, x[i], center, spread.item())
        for q, color in ((encoded, BLUE), (fitted, ORANGE)):
            for scale in (1, 2):
                axes.add_patch(make_ellipse(q.mean[i].tolist(), q.variance[i].sqrt().tolist(), scale, color))
        values = {"log p(x)": evidence, "ELBO, its own q": bounds[1][i], "ELBO, the encoder's q": bounds[0][i]}
        words = "\n".join(f"{name}: {float(value):.2f}" for name, value in values.items())
        axes.set_title(words.replace("-", "−"), fontsize=9)
        draw_image(axes.inset_axes((0.03, 0.72, 0.25, 0.25)), x[i], "")
        axes.set_aspect("equal")
        axes.set(xlabel="z₁", ylabel="z₂" if i == 0 else "")
    figure.savefig(FOLDER / "amortization.png")


@torch.no_grad()
def draw_exact_posterior(axes: Axes, model: er.GenerativeModel, x: Tensor, center: Tensor, spread: float) -> float:
    """Draw p(z|x) on a grid about a center, and return log p(x), the sum over a wide grid, in nats."""
    model.eval()
    near = [torch.linspace(float(c) - spread, float(c) + spread, DRAWN_GRID) for c in center]
    log_joint = score_grid(model, x, *near)
    axes.contourf(*near, (log_joint - log_joint.max()).exp().T, levels=12, cmap="Greys")
    wide = [torch.linspace(-5, 5, SUMMED_GRID)] * 2
    log_sum = score_grid(model, x, *wide).flatten().logsumexp(0)
    return float(log_sum + 2 * math.log(float(wide[0][1] - wide[0][0])))


def score_grid(model: er.GenerativeModel, x: Tensor, first: Tensor, second: Tensor) -> Tensor:
    """Return log p(x, z) over a grid of latents, (len(first), len(second))."""
    z = torch.cartesian_prod(first, second)
    parts = [
        model.decode(part[:, None]).log_prob(x[None]) + model.prior().log_prob(part[:, None]) for part in z.split(4096)
    ]
    return torch.cat(parts).reshape(len(first), len(second))


def draw_latents(axes: Axes, data: er.Data, model: er.GenerativeModel) -> None:
    """Draw posterior means of test digits in gray, and the prior's circles of one and two deviations."""
    means = model.encode(data.test.first(600).x)
    axes.plot(*means.T.tolist(), ".", color="#c8c8c8", markersize=3)
    for radius in (1, 2):
        axes.add_patch(Ellipse((0, 0), 2 * radius, 2 * radius, fill=False, color=GRAY, linestyle=":"))
    axes.set(xlim=(-3.2, 3.2), ylim=(-3.2, 3.2), aspect="equal")
    axes.spines[["top", "right"]].set_visible(False)
    axes.title.set_fontsize(10)


def draw_image(axes: Axes, image: Tensor, title: str) -> None:
    """Draw a gray image without axes."""
    axes.imshow(np.asarray(image[0]), cmap="gray", vmin=0, vmax=1)
    axes.set_axis_off()
    axes.set_title(title, fontsize=10)


def make_ellipse(mean: list[float], std: list[float], scale: float, color: str) -> Ellipse:
    """Return the line at so many standard deviations of a diagonal normal."""
    return Ellipse((mean[0], mean[1]), 2 * scale * std[0], 2 * scale * std[1], fill=False, color=color, linewidth=1.6)


def main() -> None:
    """Train, and draw both figures."""
    model, data = train()
    draw_model(model, data)
    draw_posteriors(model, data)
    print(FOLDER / "vae.png", FOLDER / "amortization.png", sep="\n")


if __name__ == "__main__":
    main()
