"""What the labs share: their flags, trainings that are kept, a table, and the look of a picture."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import torch
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from PIL import Image

import elbowroom as er
from elbowroom.plotting.style import INK_COLOR, style_axes

#: Of lines, apart for the colour-blind (Okabe & Ito 2008).
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#55554f")

#: How a run stands that has not come to its end.
PARTS = ("unfinished", "damaged", "interrupted", "terminated")


def flags(doc: str, name: str, epochs: int, data: str = "mnist", **more: Any) -> argparse.Namespace:
    """The flags of every lab, and those of this one: a default each, whose type the flag has."""
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default=data, help="a named set or a path; digits takes seconds")
    parser.add_argument("--out", type=Path, default=Path("runs/labs") / name, help="folder of the runs and the picture")
    for flag, default in {"epochs": epochs, **more}.items():
        flag = "--" + flag.replace("_", "-")
        parser.add_argument(flag, type=type(default), default=default, help=f"{default} if not given")
    args = parser.parse_args()
    args.picture = args.out / f"{name}.png"
    return args


def trained(
    path: Path,
    make: Callable[[], tuple[Any, Any]],
    data: er.Data,
    epochs: int | None,
    seed: int = 0,
    watch: Sequence[str] = ("test",),
    callbacks: Sequence[er.Callback] = (),
    **settings: Any,
) -> er.Run:
    """Train what ``make`` makes, with weights and order from the seed; or take the run that is there, at its end."""
    run = er.Run(path)
    if not run.exists:
        torch.manual_seed(seed)
        watched = {"watch": watch, "callbacks": callbacks}
        return er.fit(*make(), data, epochs=epochs, seed=seed, out=path, **watched, **settings)
    asked = {"epochs": epochs, "seed": seed, **settings} | {
        name: data.protocol[name] for name in ("fingerprint", "sizes")
    }
    record = run.record["training"] | run.record["data"] | {"seed": run.record["training"]["seed"]}
    if run.state in PARTS or any(record[name] != value for name, value in asked.items()):
        raise ValueError(f"{path} holds another training, or a part of one: remove it, or give another --out")
    return run


def losses(run: er.Run) -> list[float]:
    """The test loss after every epoch, −ELBO for a VAE: one sample per example, nats."""
    return [row["loss"] for row in run.metrics("test")]


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print a table in Markdown; numbers with two decimals."""
    print(f"\n| {' | '.join(head)} |\n{'|---' * len(head)}|")
    for row in rows:
        print("| " + " | ".join(f"{cell:.2f}" if isinstance(cell, float) else str(cell) for cell in row) + " |")


def figure(width: float, height: float) -> Figure:
    return Figure(figsize=(width, height), layout="constrained", dpi=110)


def dress(axes: Any, title: str, x: str, y: str) -> None:
    """A title that says what is seen, axes that say their units, and a grid that stays behind."""
    axes.set_title(title, loc="left", fontsize=10, color=INK_COLOR)
    axes.set(xlabel=x, ylabel=y)
    style_axes(axes)


def name_lines(axes: Any, lines: Sequence[tuple[Sequence[float], Sequence[float], str, str]], **style: Any) -> None:
    """Lines (x, y, name, colour), each with its name at its end, none over another. After the limits are set."""
    for x, y, _, colour in lines:
        axes.plot(x, y, color=colour, linewidth=1.6, **style)
    low, high = axes.get_ylim()
    room, place = 0.055 * (high - low), float("-inf")
    for x, y, name, colour in sorted(lines, key=lambda line: line[1][-1]):
        place = max(min(y[-1], high), place + room)
        axes.annotate(
            name,
            (x[-1], place),
            (6, 0),
            textcoords="offset points",
            color=colour,
            fontsize=8,
            va="center",
            annotation_clip=False,
        )
    axes.set_xlim(right=max(max(x) for x, *_ in lines))


def name_class(axes: Any, points: torch.Tensor, name: object) -> None:
    """The name of a class in the middle of its points (N, 2)."""
    x, y = points.median(0).values.tolist()
    halo = [withStroke(linewidth=2.5, foreground="white")]
    axes.text(x, y, name, fontsize=12, fontweight="bold", color=INK_COLOR, ha="center", va="center", path_effects=halo)


def mosaic(axes: Any, rows: Sequence[torch.Tensor], names: Sequence[str] = (), gap: int = 2) -> None:
    """Rows of pictures (N, C, H, W), values in [0, 1], each row with its name."""
    height, width = rows[0].shape[-2:]
    paper = torch.ones(len(rows) * (height + gap) - gap, max(map(len, rows)) * (width + gap) - gap)
    for i, row in enumerate(rows):
        for j, x in enumerate(row):
            top, left = i * (height + gap), j * (width + gap)
            paper[top : top + height, left : left + width] = x.mean(0).clamp(0, 1)
    axes.imshow(paper.numpy(), cmap="gray", vmin=0, vmax=1, interpolation="nearest")
    axes.set_xticks([])
    axes.set_yticks([i * (height + gap) + height / 2 for i in range(len(names))], names, fontsize=8.5, color=INK_COLOR)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)


def save(picture: Figure, path: Path) -> None:
    """Write the picture with a palette, at a third of the size."""
    path.parent.mkdir(parents=True, exist_ok=True)
    drawn = BytesIO()
    picture.savefig(drawn)
    Image.open(drawn).convert("RGB").quantize(256, dither=Image.Dither.NONE).save(path, optimize=True)
    print(f"\n{path}")
