"""Draw the figure and the tables of choosing-a-likelihood.md: ``python docs/likelihood_figures.py`` (15 minutes).

The same model on the Frey faces under each likelihood: same seed, same order, same epochs. A density cannot be compared
with a probability, so the densities are trained once more on dequantized pixels, where they bound one. Trainings are
kept, and a second call only draws the figure.
"""

from __future__ import annotations

import argparse
import math
import time
from io import BytesIO
from pathlib import Path
from typing import Any

import torch
from matplotlib.figure import Figure
from PIL import Image
from torch import Tensor

import elbowroom as er

#: Likelihoods in the order of the page, each a density, a probability, or neither.
NAMES = {
    "gaussian:0.5": "density",
    "gaussian:0.05": "density",
    "gaussian": "density",
    "gaussian:optimal": "density",
    "laplace": "density",
    "diagonal-normal": "density",
    "continuous-bernoulli": "density",
    "bernoulli": "neither",
    "discretized-logistic": "probability",
    "logistic-mixture": "probability",
}
#: Test faces, and their reconstructions.
FACES = 8
#: Means of p(x|z) at latents from the prior.
SAMPLES = 8
#: Draws from p(x|z).
DRAWS = 4


def train_or_load(name: str, data: er.Data, epochs: int, path: Path) -> er.Run:
    """Train the model under one likelihood, or load the run at ``path``."""
    if er.Run(path).exists:
        return er.Run(path)
    torch.manual_seed(0)
    model, objective = er.recipes.conv_vae(data.shape, latent=16, size="s", likelihood=name)
    return er.fit(model, objective, data, epochs=epochs, out=path, device="cpu", watch=())


def image_rows(run: er.Run, data: er.Data) -> list[Tensor]:
    """Return test faces, reconstructions, means at latents from the prior, and draws from p(x|z)."""
    assert data.test is not None
    model: Any = run.model()
    x = data.test.first(len(data.test)).x
    faces = x[:: len(x) // FACES][:FACES]
    torch.manual_seed(0)
    z = model.draw_prior(SAMPLES)
    with torch.no_grad():
        drawn = model.decode(z[:DRAWS]).sample()
    return [faces, model.reconstruct(faces), model.sample(z=z), drawn]


def table_cells(run: er.Run, data: er.Data, kind: str) -> list[str]:
    """Return the cells of one likelihood in the first table."""
    metrics = er.evaluate(run, metrics="likelihood", samples=100, device="cpu")
    nats = [f"{metrics[name].value:,.0f}" for name in ("elbo", "importance_bound", "kl")]
    bits = f"{metrics['bits_per_dim'].value:.2f}" if kind == "probability" else ""
    x = data.test.first(len(data.test)).x if data.test else torch.empty(0)
    error = (run.model().reconstruct(x) - x).square().mean().sqrt().item()
    return [*nats, bits, f"{255 * error:.1f}", f"{step_milliseconds(run, x[:128]):.0f}"]


def step_milliseconds(run: er.Run, x: Tensor) -> float:
    """Return the CPU milliseconds of a training step on a batch, the least of five."""
    model, objective = run.build()
    times = []
    for _ in range(5):
        start = time.process_time()
        objective(model.draw(x), torch.tensor(0)).backward()
        times.append(time.process_time() - start)
    return 1000 * min(times)


def bits_per_pixel(run: er.Run) -> float:
    """Return the bits per pixel bounded by a density of dequantized pixels: (D log 256 - bound) / (D log 2)."""
    bound = er.evaluate(run, metrics="likelihood", samples=100, device="cpu")["importance_bound"].value
    size = math.prod(run.record["shape"])
    return (size * math.log(256) - bound) / (size * math.log(2))


def print_header(*names: str) -> None:
    """Print the first lines of a Markdown table."""
    print(f"\n| {' | '.join(names)} |\n{'|---' * len(names)}|", flush=True)


def main() -> None:
    """Train under each likelihood, print the tables, draw the figure."""
    flags = argparse.ArgumentParser(description=__doc__)
    flags.add_argument("--epochs", type=int, default=40)
    flags.add_argument("--out", type=Path, default=Path("runs/likelihoods"), help="folder of the runs")
    flags.add_argument("--figure", type=Path, default=Path(__file__).parent / "images" / "likelihood-frey.png")
    flags.add_argument("--only", nargs="*", default=list(NAMES), choices=list(NAMES), metavar="NAME")
    args = flags.parse_args()
    data, dequantized = er.load_data("frey-faces"), er.load_data("frey-faces", dequantize=True)
    rows = []
    print_header("likelihood", "ELBO", "importance bound", "KL", "bits", "error, of 255", "ms a step")
    for name in args.only:
        run = train_or_load(name, data, args.epochs, args.out / name.replace(":", "-"))
        print("|", " | ".join([f"`{name}`", *table_cells(run, data, NAMES[name])]), "|", flush=True)
        rows.append(image_rows(run, data))
    print_header("density of dequantised pixels", "bits per pixel, at most")
    for name in args.only:
        if NAMES[name] == "density" and not name[-1].isdigit():
            run = train_or_load(name, dequantized, args.epochs, args.out / f"{name.replace(':', '-')}-dequantised")
            print(f"| `{name}` | {bits_per_pixel(run):.2f} |", flush=True)
    save_gray(draw_figure(args.only, rows), args.figure)


def join_images(images: Tensor) -> Tensor:
    """Join images (N, 1, H, W) side by side, with a white pixel between, and two below."""
    framed = torch.nn.functional.pad(images[:, 0].clamp(0, 1), (0, 1, 0, 2), value=1.0)
    return framed.movedim(0, 1).flatten(1)


def draw_figure(names: list[str], rows: list[list[Tensor]]) -> Figure:
    """Draw one row of images for each likelihood, under the test faces."""
    faces, *columns = ([row[part] for row in rows] for part in range(4))
    figure = Figure(figsize=(12, 0.74 * (len(names) + 1) + 0.3), dpi=110, layout="constrained")
    panels = figure.subplots(1, 3, width_ratios=(FACES, SAMPLES, DRAWS))
    titles = ["reconstructions", "samples: means of p(x|z), z from the prior", "draws from p(x|z)"]
    for panel, lines, title in zip(panels, columns, titles, strict=True):
        first = faces[0] if lines is columns[0] else torch.ones_like(lines[0])
        canvas = torch.cat([join_images(line) for line in (first, *lines)])
        panel.imshow(canvas.numpy(), cmap="gray", vmin=0, vmax=1, interpolation="nearest")
        panel.set_title(title, loc="left", fontsize=10)
        panel.spines[:].set_visible(False)
        panel.set_xticks([])
        panel.set_yticks([])
    height = len(join_images(faces[0]))
    panels[0].set_yticks([height * (line + 0.47) for line in range(len(names) + 1)], ["test faces", *names], fontsize=9)
    panels[0].tick_params(length=0)
    return figure


def save_gray(figure: Figure, path: Path) -> None:
    """Write the figure in gray, at a third of the size."""
    buffer = BytesIO()
    figure.savefig(buffer)
    Image.open(buffer).convert("L").save(path, optimize=True)


if __name__ == "__main__":
    main()
