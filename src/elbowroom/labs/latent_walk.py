"""What lies between latents? Walk the plane of a two-dimensional VAE, straight between given points and in a circle.

    elbowroom lab latent_walk --latents "-1.5,0; 1,1; 0.5,-1.5"
    elbowroom lab latent_walk --latents my-latents.csv --radius 1.5        # a file of two columns
    elbowroom lab latent_walk --data digits

Look at where one digit turns into another, and whether it does so on the border of two classes in the plane.
"""

from __future__ import annotations

from argparse import Namespace
from functools import partial
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

import elbowroom as er
from elbowroom.labs import lab_common as lab
from elbowroom.latent import decode_latents, lerp
from elbowroom.plotting.style import CLASS_COLORS, INK_COLOR

FLAGS = {"epochs": {"mnist": 5, "digits": 100}, "seed": 0, "latents": "-1.5,0.5; 1.2,1.2; 0.3,-1.6", "radius": 1.2}
#: Points on a straight walk, and on a third of the circle.
STEPS = 9
#: Names of the given latents.
NAMES = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def parse_latents(text: str) -> Tensor:
    """Return two latents or more, (N, 2): written out, or from a file of two columns."""
    lines = Path(text).read_text().splitlines() if Path(text).is_file() else text.split(";")
    try:
        z = torch.from_numpy(np.loadtxt(lines, delimiter=",", ndmin=2)).float()
    except ValueError as error:
        raise ValueError(f"--latents: {error}: write latents as '0,0; 1,1', or name a file of two columns") from None
    if not 2 <= len(z) <= len(NAMES) or z.shape[1] != 2:
        raise ValueError(f"--latents: {len(z)} of {z.shape[1]} numbers: give two latents or more, of two numbers")
    return z


def main(args: Namespace) -> None:
    """Answer the question."""
    stations = parse_latents(args.latents)
    data = er.load_data(args.data, validation=0)
    make = partial(er.recipes.vae, data.shape, latent=2)
    model = lab.train_or_load(args.out / "run", make, data, args.epochs, args.seed).model()

    t = torch.linspace(0, 1, STEPS)
    walks = {
        f"{a} to {b}": lerp(stations[i], stations[i + 1], t)
        for i, (a, b) in enumerate(pairwise(NAMES[: len(stations)]))
    }
    angle = 2 * torch.pi * torch.arange(3 * STEPS) / (3 * STEPS)
    circle = args.radius * torch.stack((angle.cos(), angle.sin()), 1)
    walks |= {f"circle, from {120 * i}°": part for i, part in enumerate(circle.split(STEPS))}
    images = {name: decode_latents(model, z) for name, z in walks.items()}
    change = {name: x.diff(dim=0).square().flatten(1).sum(1).sqrt() for name, x in images.items()}
    lengths = {name: z.diff(dim=0).norm(dim=1).sum().item() for name, z in walks.items()}
    rows = [
        (name, lengths[name], change[name].sum().item(), (change[name].max() / change[name].mean()).item())
        for name in walks
    ]
    lab.print_table(("walk", "latent length", "length in pixels", "largest step over the mean step"), rows)

    figure = lab.new_figure(11, 4.7)
    left, right = figure.subplots(1, 2, width_ratios=(1, 1.3))
    batch = data.test.first(min(len(data.test), 5000))
    z = model.encode(batch.x)
    for label in batch.y.unique().tolist():
        points = z[batch.y == label]
        left.scatter(*points.T.numpy(), s=2.5, linewidths=0, alpha=0.7, color=CLASS_COLORS[label % 10])
        lab.label_class(left, points, label)
    left.plot(*stations.T.numpy(), "o-", color=INK_COLOR, linewidth=1.4, markersize=5)
    left.plot(*torch.cat((circle, circle[:1])).T.numpy(), ".-", color=INK_COLOR, linewidth=0.8, markersize=3)
    for letter, station in zip(NAMES, stations, strict=False):
        left.annotate(letter, station.tolist(), (6, 4), textcoords="offset points", fontsize=11, color=INK_COLOR)
    left.annotate("0°", circle[0].tolist(), (4, -3), textcoords="offset points", fontsize=9, color=INK_COLOR)
    lab.label_axes(left, "The walks, over the means of test images", "z₁, prior standard deviations", "z₂")
    limit = 1.15 * max(2.6, stations.abs().max().item(), args.radius)
    left.set(xlim=(-limit, limit), ylim=(-limit, limit), aspect="equal")
    lab.draw_images(right, list(images.values()), list(walks))
    right.set_title(f"Decoded along the walk, {STEPS} latents a row", loc="left", fontsize=10)
    lab.save_figure(figure, args.figure)
