"""Draw the picture and the tables of choosing-a-likelihood.md: ``python docs/likelihoods.py`` (a quarter of an hour).

The same model on the Frey faces under each likelihood: same seed, same order, same epochs. A density cannot be compared
with a probability, so the densities are trained once more on dequantised pixels, where they bound one. Trainings are
kept, and a second call only draws again.
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

#: In the order of the page: whether it is a density, a probability, or neither.
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
FACES, SAMPLES, DRAWS = 8, 8, 4


def trained(name: str, data: er.Data, epochs: int, path: Path) -> er.Run:
    """The model under one likelihood, trained now or before."""
    if er.Run(path).exists:
        return er.Run(path)
    torch.manual_seed(0)
    model, objective = er.recipes.conv_vae(data.shape, latent=16, size="s", likelihood=name)
    return er.fit(model, objective, data, epochs=epochs, out=path, device="cpu", watch=())


def row(run: er.Run, data: er.Data) -> list[Tensor]:
    """Reconstructions of test faces, means at codes from the prior, and draws from p(x|z) at the first of them."""
    assert data.test is not None
    model: Any = run.model()
    x = data.test.first(len(data.test)).x
    faces = x[:: len(x) // FACES][:FACES]
    torch.manual_seed(0)
    z = model.draw_prior(SAMPLES)
    with torch.no_grad():
        drawn = model.decode(z[:DRAWS]).sample()
    return [faces, model.reconstruct(faces), model.sample(z=z), drawn]


def figures(run: er.Run, data: er.Data, kind: str) -> list[str]:
    """The cells of one likelihood in the first table."""
    found = er.evaluate(run, metrics="likelihood", samples=100, device="cpu")
    nats = [f"{found[name].value:,.0f}" for name in ("elbo", "importance_bound", "kl")]
    bits = f"{found['bits_per_dim'].value:.2f}" if kind == "probability" else ""
    x = data.test.first(len(data.test)).x if data.test else torch.empty(0)
    error = (run.model().reconstruct(x) - x).square().mean().sqrt().item()
    return [*nats, bits, f"{255 * error:.1f}", f"{cost(run, x[:128]):.0f}"]


def cost(run: er.Run, x: Tensor) -> float:
    """Milliseconds of computing of a training step on a batch, the least of five."""
    model, objective = run.build()
    taken = []
    for _ in range(5):
        start = time.process_time()
        objective(model.draw(x), torch.tensor(0)).backward()
        taken.append(time.process_time() - start)
    return 1000 * min(taken)


def bits(run: er.Run) -> float:
    """Bits per pixel that a density of dequantised pixels bounds: (D log 256 - bound) / (D log 2)."""
    bound = er.evaluate(run, metrics="likelihood", samples=100, device="cpu")["importance_bound"].value
    size = math.prod(run.record["shape"])
    return (size * math.log(256) - bound) / (size * math.log(2))


def head(*names: str) -> None:
    """The first lines of a table."""
    print(f"\n| {' | '.join(names)} |\n{'|---' * len(names)}|", flush=True)


def main() -> None:
    """Train under each, print the tables, draw the picture."""
    flags = argparse.ArgumentParser(description=__doc__)
    flags.add_argument("--epochs", type=int, default=40)
    flags.add_argument("--out", type=Path, default=Path("runs/likelihoods"), help="folder of the runs")
    flags.add_argument("--picture", type=Path, default=Path(__file__).parent / "images" / "likelihood-frey.png")
    flags.add_argument("--only", nargs="*", default=list(NAMES), choices=list(NAMES), metavar="NAME")
    args = flags.parse_args()
    data, spread = er.load_data("frey-faces"), er.load_data("frey-faces", dequantize=True)
    rows = []
    head("likelihood", "ELBO", "importance bound", "KL", "bits", "error, of 255", "ms a step")
    for name in args.only:
        run = trained(name, data, args.epochs, args.out / name.replace(":", "-"))
        print("|", " | ".join([f"`{name}`", *figures(run, data, NAMES[name])]), "|", flush=True)
        rows.append(row(run, data))
    head("density of dequantised pixels", "bits per pixel, at most")
    for name in args.only:
        if NAMES[name] == "density" and not name[-1].isdigit():
            run = trained(name, spread, args.epochs, args.out / f"{name.replace(':', '-')}-dequantised")
            print(f"| `{name}` | {bits(run):.2f} |", flush=True)
    save(sheet(args.only, rows), args.picture)


def strip(pictures: Tensor) -> Tensor:
    """(N, 1, H, W) side by side, a pixel of white between, and two below."""
    framed = torch.nn.functional.pad(pictures[:, 0].clamp(0, 1), (0, 1, 0, 2), value=1.0)
    return framed.movedim(0, 1).flatten(1)


def sheet(names: list[str], rows: list[list[Tensor]]) -> Figure:
    """One line of pictures for each likelihood, under the faces they are given."""
    faces, *made = ([row[part] for row in rows] for part in range(4))
    figure = Figure(figsize=(12, 0.74 * (len(names) + 1) + 0.3), dpi=110, layout="constrained")
    panels = figure.subplots(1, 3, width_ratios=(FACES, SAMPLES, DRAWS))
    titles = ["reconstructions", "samples: means of p(x|z), z from the prior", "draws from p(x|z)"]
    for panel, lines, title in zip(panels, made, titles, strict=True):
        first = faces[0] if lines is made[0] else torch.ones_like(lines[0])
        whole = torch.cat([strip(line) for line in (first, *lines)])
        panel.imshow(whole.numpy(), cmap="gray", vmin=0, vmax=1, interpolation="nearest")
        panel.set_title(title, loc="left", fontsize=10)
        panel.spines[:].set_visible(False)
        panel.set_xticks([])
        panel.set_yticks([])
    height = len(strip(faces[0]))
    panels[0].set_yticks([height * (line + 0.47) for line in range(len(names) + 1)], ["test faces", *names], fontsize=9)
    panels[0].tick_params(length=0)
    return figure


def save(figure: Figure, path: Path) -> None:
    """Write it in grey, at a third of the size."""
    drawn = BytesIO()
    figure.savefig(drawn)
    Image.open(drawn).convert("L").save(path, optimize=True)


if __name__ == "__main__":
    main()
